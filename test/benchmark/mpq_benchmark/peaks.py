"""What the machine does at most, measured by loops that mpq compiles (docs/Profiling.md).

mpq's kernel profile measures one thread's dot product, fused multiply-add and reads each time it is asked for. Here a
tiny compiled product is asked, in as many processes at once as there are threads: cores that share their units, and
neighbours on the machine, show in the sum. The clock of a processor and its neighbours change within seconds, so that
what bounds a case is measured between its turns.
"""

import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from .contenders import Contender, LayerCase
from .layers import MatMul
from .turns import Setting, Worker

REPEATS = 6


@dataclass(frozen=True)
class Peaks:
    """Rates of all threads together, a second; `read` is by the bytes that are read again and again."""

    integer_macs: float
    float_macs: float
    read: dict[int, float]
    target: str

    @staticmethod
    def of_profile(profile: dict, key: str) -> "Peaks":
        peak = profile[key]
        read = {entry["bytes"]: entry["bytes_per_second"] for entry in peak["bandwidths"]}
        return Peaks(peak["integer_macs_per_second"], peak["float_macs_per_second"], read, profile["target"])

    def joined(self, other: "Peaks", how) -> "Peaks":
        read = {size: how((rate, other.read[size])) for size, rate in self.read.items()}
        return Peaks(how((self.integer_macs, other.integer_macs)), how((self.float_macs, other.float_macs)), read,
                     self.target)

    def bandwidth(self, size: int, threads: int) -> float:
        """For a working set that is divided among the threads: that of the largest measured size not above it."""
        share = size / threads
        fitting = [measured for measured in self.read if measured <= share]
        return self.read[max(fitting, default=min(self.read))]

    def bound(self, precision: str, macs: int, size: int, threads: int, from_memory: bool) -> tuple[float, str]:
        """The seconds that the work takes at least, and what bounds it: arithmetic and reads go on at once."""
        arithmetic = macs / (self.float_macs if precision == "f32" else self.integer_macs)
        memory = size / (self.read[max(self.read)] if from_memory else self.bandwidth(size, threads))
        return (arithmetic, "compute") if arithmetic >= memory else (memory, "memory")

    def to_json(self) -> dict:
        return asdict(self)


class Yardstick:
    """Processes that measure what the machine can do at the moment, one for each thread."""

    def __init__(self, threads: int):
        case, contender = LayerCase(MatMul("peaks", shape=(16, 64, 16))), Contender("mpq", "int8")
        path, feed = case.prepare(contender).path, case.feed("int8")
        self.workers = [Worker("mpq", path, feed, Setting()) for _ in range(threads)]

    def read(self, key: str = "median_peak") -> Peaks:
        """All at once, added; takes a quarter of a second. Medians of short measurements, as contenders are judged by
        theirs, or the best ("peak")."""
        with ThreadPoolExecutor(len(self.workers)) as pool:
            parts = list(pool.map(lambda worker: Peaks.of_profile(worker.ask("profile"), key), self.workers))
        return functools.reduce(lambda one, other: one.joined(other, sum), parts)

    def close(self) -> None:
        for worker in self.workers:
            worker.close()


    def best(self, repeats: int = REPEATS) -> Peaks:
        readings = [self.read("peak") for _ in range(repeats)]
        return functools.reduce(lambda one, other: one.joined(other, max), readings)
