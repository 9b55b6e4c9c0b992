#!/usr/bin/env python3
"""Times the six networks on one thread: mpq's FP32 and INT8 beside ONNX Runtime's.

Each contender lives in a process of its own and loads its model once. They take turns: in every round each
one computes for a fraction of a second while the others sleep, so that slow drifts of the machine hit all
alike. The table shows medians over all runs of all rounds.

usage: speed.py [--models NAME ...] [--contenders NAME ...] [--rounds N] [--seconds S] [--json FILE]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from mpq_testing import models, tools  # noqa: E402
from mpq_testing import onnxruntime_peer as peer  # noqa: E402
from mpq_testing.artifact import Artifact  # noqa: E402

# What loads a contender's model: called in the parent to build files, in the worker to run them.
CONTENDERS = {
    "mpq-f32": lambda model: tools.compile_f32(model).path,
    "mpq-int8": lambda model: tools.compile_int8(model).path,
    "ort-f32": lambda model: model.path,
    "ort-int8": peer.quantized,
}


class Worker:
    """A process that times one contender on demand."""

    def __init__(self, contender: str, model: models.Model, path: Path):
        command = [sys.executable, __file__, "--worker", contender, model.name, str(path)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)
        self.times: list[float] = []
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{contender} could not load {model.name}")

    def turn(self, seconds: float) -> None:
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        self.times += json.loads(self.process.stdout.readline())

    def close(self) -> float:
        self.process.stdin.close()
        self.process.wait()
        return statistics.median(self.times)


def work(contender: str, model: models.Model, path: Path) -> None:
    """The worker's side: reads how long to compute, writes the times of the single runs."""
    run = Artifact(path) if contender.startswith("mpq") else peer.runner(path)
    feed = model.calibration_feed(0)
    for _ in range(2):
        run(feed)
    print("ready", flush=True)
    for line in sys.stdin:
        end, times = time.perf_counter() + float(line), []
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            run(feed)
            times.append(time.perf_counter() - start)
        print(json.dumps(times), flush=True)


def measure_files(model: models.Model, paths: dict[str, Path], rounds: int, seconds: float) -> dict[str, float]:
    """Median milliseconds of every contender's file."""
    workers = {name: Worker(name, model, path) for name, path in paths.items()}
    for _ in range(rounds):
        for worker in workers.values():
            worker.turn(seconds)
    return {name: worker.close() * 1e3 for name, worker in workers.items()}


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        contender, name, path = sys.argv[2:]
        work(contender, models.BY_NAME[name], Path(path))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=models.BY_NAME, default=[m.name for m in models.SIX])
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.3, help="of one turn")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    arguments = parser.parse_args()

    results = {}
    print("median ms of one run, one thread")
    print(f"{'model':12}" + "".join(f"{name:>12}" for name in arguments.contenders))
    for name in arguments.models:
        model = models.BY_NAME[name]
        paths = {c: Path(CONTENDERS[c](model)) for c in arguments.contenders}
        times = measure_files(model, paths, arguments.rounds, arguments.seconds)
        results[name] = {c: {"ms": times[c], "bytes": path.stat().st_size} for c, path in paths.items()}
        print(f"{name:12}" + "".join(f"{times[c]:12.2f}" for c in arguments.contenders), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
