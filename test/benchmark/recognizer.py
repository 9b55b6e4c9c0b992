#!/usr/bin/env python3
"""The table of tools/dev/quickstart.sh: size, speed and accuracy of the text recognizer.

usage: recognizer.py --draw DIR                 draws the calibration lines, prints the model's path
       recognizer.py --f32 FILE --int8 FILE     measures two compiled models beside ONNX Runtime
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from mpq_benchmark.turns import Setting, time_files  # noqa: E402
from mpq_testing import metrics, models, tools  # noqa: E402
from mpq_testing import onnxruntime_peer as peer  # noqa: E402
from mpq_testing.artifact import Artifact  # noqa: E402

MODEL = models.RECOGNIZER
TITLES = {"ort-f32": "ONNX Runtime FP32", "ort-int8": "ONNX Runtime INT8", "mpq-f32": "mpq FP32",
          "mpq-int8": "mpq INT8"}


def draw(folder: Path) -> None:
    for index in range(MODEL.calibration_count):
        tools.save_feed(MODEL.calibration_feed(index), folder, f"{index:04}")
    print(MODEL.path)


def compare(f32: Path, int8: Path) -> None:
    paths = {"ort-f32": MODEL.path, "ort-int8": peer.quantized(MODEL), "mpq-f32": f32, "mpq-int8": int8}
    files = {name: ("mpq" if name.startswith("mpq") else "onnxruntime", path) for name, path in paths.items()}
    times = time_files(files, MODEL.calibration_feed(0), Setting(rounds=10, seconds=0.3))
    print(f"{'':20}{'size MiB':>10}{'median ms':>11}{'lines read':>12}")
    for name, path in paths.items():
        run = Artifact(path) if name.startswith("mpq") else peer.runner(path)
        accuracy = metrics.recognizer_accuracy(run)
        size, median = path.stat().st_size / 2**20, times[name].wall.median * 1e3
        print(f"{TITLES[name]:20}{size:10.1f}{median:11.2f}{accuracy:12.1%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draw", type=Path, metavar="DIR")
    parser.add_argument("--f32", type=Path, metavar="FILE")
    parser.add_argument("--int8", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if arguments.draw:
        draw(arguments.draw)
    elif arguments.f32 and arguments.int8:
        compare(arguments.f32, arguments.int8)
    else:
        parser.error("expected --draw, or --f32 and --int8")


if __name__ == "__main__":
    main()
