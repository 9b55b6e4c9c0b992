"""What the machine does at most, measured by loops that mpq compiles (docs/Profiling.md).

mpq's kernel profile measures one thread's dot product, fused multiply-add and reads each time it is asked for. Here a
tiny compiled product is asked several times, in as many processes at once as there are threads: cores that share
their units, and neighbours on the machine, show in the sum.
"""

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
    def of_profile(profile: dict) -> "Peaks":
        peak = profile["peak"]
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


def measure(threads: int, repeats: int = REPEATS) -> Peaks:
    """The best of each process, added."""
    case, contender = LayerCase(MatMul("peaks", shape=(16, 64, 16))), Contender("mpq", "int8")
    path, feed = case.prepare(contender).path, case.feed("int8")
    workers = [Worker("mpq", path, feed, Setting()) for _ in range(threads)]

    def ask(worker: Worker) -> Peaks:
        best = Peaks.of_profile(worker.ask("profile"))
        for _ in range(repeats - 1):
            best = best.joined(Peaks.of_profile(worker.ask("profile")), max)
        return best

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(ask, workers))
    for worker in workers:
        worker.close()
    total = parts[0]
    for part in parts[1:]:
        total = total.joined(part, sum)
    return total
