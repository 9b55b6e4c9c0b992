"""Contenders in processes of their own that take turns, so that slow drifts of a shared machine hit all alike.

In every round each contender computes for a fraction of a second while the others sleep. What is reported is the
median of all times, the best one, and how far the medians of the turns lie apart: a wide spread says that the machine
was busy. Contenders are compared round by round, for what slows a round slows all of its turns.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mpq_testing.paths import BUILD

WORKER = Path(__file__).with_name("worker.py")
SETTLE = 0.02  # seconds after which waiting threads of a pool sleep


class ContenderError(Exception):
    """A contender that cannot take part, and why: one line."""


@dataclass(frozen=True)
class Setting:
    """How one group is measured."""

    threads: int = 1
    rounds: int = 5
    seconds: float = 0.2  # of one turn
    amx: bool = True
    copies: int = 1  # equal models that are run in turn, so that weights come from memory


@dataclass
class Clock:
    """Seconds of one run by one clock."""

    best: float
    median: float
    spread: float  # between the quartiles of the turns, as part of the median
    turns: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.median * 1e3:.3f} ({self.best * 1e3:.3f})"

    @staticmethod
    def of(best: float, turns: list[float], median: float) -> "Clock":
        low, high = np.percentile(turns, [25, 75])
        return Clock(best, median, float(high - low) / median if median else 0.0, turns)


def times_faster(one: list[float], other: list[float]) -> float:
    """How many times as long the second's turns took as the first's: the median over rounds that both were in."""
    return statistics.median(slow / fast for fast, slow in zip(one, other, strict=True))


@dataclass
class Timing:
    """What one contender's turns gave. `wall` is of single runs; `cpu` is processor time of all threads, of which a
    turn has a mean: what others compute on the same processor is not in it."""

    wall: Clock
    cpu: Clock
    runs: int

    @staticmethod
    def of(turns: list[dict]) -> "Timing":
        medians = [statistics.median(turn["times"]) for turn in turns]
        median = statistics.median(time for turn in turns for time in turn["times"])
        means = [turn["cpu"] for turn in turns]
        return Timing(Clock.of(min(turn["best"] for turn in turns), medians, median),
                      Clock.of(min(means), means, statistics.median(means)), sum(turn["count"] for turn in turns))

    def by(self, clock: str) -> Clock:
        return self.cpu if clock == "cpu" else self.wall


@dataclass
class Worker:
    """One contender's process. `results` are what it computed from the feed."""

    engine: str
    path: Path
    feed: Path
    setting: Setting
    results: list[np.ndarray] = field(default_factory=list)
    turns: list[dict] = field(default_factory=list)

    def __post_init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="mpq-benchmark-")
        outputs = Path(self.folder.name) / "outputs.npz"
        spec = {"engine": self.engine, "path": str(self.path), "feed": str(self.feed), "outputs": str(outputs),
                "threads": self.setting.threads, "amx": self.setting.amx, "copies": self.setting.copies}
        paths = [str(BUILD / "python"), os.environ.get("PYTHONPATH")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)),
                                    "OMP_NUM_THREADS": str(self.setting.threads)}
        self.errors = Path(self.folder.name) / "errors.txt"
        with open(self.errors, "w") as errors:
            self.process = subprocess.Popen([sys.executable, str(WORKER), json.dumps(spec)], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        try:
            self._answer()
            with np.load(outputs) as arrays:
                self.results = [arrays[str(i)] for i in range(len(arrays.files))]
        except ContenderError:
            self.close()
            raise

    def ask(self, request) -> dict:
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended: the answer says so
        return self._answer()

    def turn(self) -> None:
        self.turns.append(self.ask(self.setting.seconds))

    def close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self.folder.cleanup()

    def _answer(self) -> dict:
        while line := self.process.stdout.readline():
            if line.startswith("{"):  # libraries print what they like
                return json.loads(line)
        code = self.process.wait()
        said = self.errors.read_text().strip().splitlines()
        raise ContenderError(said[-1] if code > 0 and said else f"ended with code {code}")


def take_turns(workers: dict, rounds: int, begin_round: Callable[[], None] = lambda: None) -> dict:
    """Lets all compute; who ends before the last round is told: a ContenderError by the worker's key."""
    failed = {}
    for _ in range(rounds):
        begin_round()
        for name, worker in workers.items():
            if name in failed:
                continue
            try:
                worker.turn()
            except ContenderError as error:
                failed[name] = error
            if worker.setting.threads > 1:
                time.sleep(SETTLE)
    return failed


def time_files(files: dict[str, tuple[str, Path]], feed: dict[str, np.ndarray], setting: Setting) -> dict[str, Timing]:
    """Times files that exist already, {name: (engine, path)}; all must be able to run."""
    with tempfile.TemporaryDirectory(prefix="mpq-benchmark-") as folder:
        stored = Path(folder) / "feed.npz"
        np.savez(stored, **feed)
        workers = {name: Worker(engine, path, stored, setting) for name, (engine, path) in files.items()}
        failed = take_turns(workers, setting.rounds)
        for worker in workers.values():
            worker.close()
    for error in failed.values():
        raise error
    return {name: Timing.of(worker.turns) for name, worker in workers.items()}
