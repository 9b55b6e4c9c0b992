#!/usr/bin/env python3
"""Accuracy of the networks in INT8 on the full evaluation data, with the bounds that the tests keep.

usage: accuracy.py [--models NAME ...] [--contender mpq|ort|exported|exported-openvino] [--quick] [--json FILE]
       accuracy.py --peers [--models NAME ...] [--samples N] [--pages N] [--json FILE]
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from mpq_benchmark import accuracies  # noqa: E402
from mpq_testing import accuracy, models, tools  # noqa: E402
from mpq_testing import onnxruntime_peer as peer  # noqa: E402
from mpq_testing import openvino_peer  # noqa: E402
from mpq_testing.paths import BUILD  # noqa: E402

sys.path.insert(0, str(BUILD / "python"))  # the package as it was built


def compare(arguments: argparse.Namespace) -> None:
    """One table for each network, with its peers."""
    results = {}
    for model in accuracies.COMPARED:
        if model.name in arguments.models:
            count = arguments.pages if model is models.DETECTOR else arguments.samples
            results[model.name] = accuracies.table(model, count)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [model.name for model in accuracy.JUDGED]
    parser.add_argument("--models", nargs="+", choices=names, default=names)
    parser.add_argument("--contender", choices=("mpq", "ort", "exported", "exported-openvino"), default="mpq",
                        help="whose INT8 is judged; exported: our QDQ ONNX in ONNX Runtime or OpenVINO")
    parser.add_argument("--quick", action="store_true", help="the few samples of the tests")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("--peers", action="store_true", help="tables of all contenders, on three seeds")
    parser.add_argument("--samples", type=int, default=1000, help="with --peers: of each seed (default: %(default)s)")
    parser.add_argument("--pages", type=int, default=30, help="with --peers: the detector's (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.peers:
        compare(arguments)
        return 0
    samples = accuracy.QUICK if arguments.quick else accuracy.FULL

    results, failed = {}, 0
    print(f"{'model':20}{'metric':24}{'value':>9}{'bound':>9}{'integer':>9}")
    for name in arguments.models:
        model = models.BY_NAME[name]
        if arguments.contender == "mpq":
            built = tools.compile_int8(model)
            run, share = built.load(), built.integer_share
        elif arguments.contender.startswith("exported"):
            engine = openvino_peer if arguments.contender.endswith("openvino") else peer
            run, share = engine.runner(tools.export_int8(model)), float("nan")
        else:
            run, share = peer.runner(peer.quantized(model)), float("nan")
        measured = accuracy.measure(model, run, samples)
        holds = measured.holds and not share < accuracy.INTEGER_SHARE
        failed += not holds
        results[name] = dataclasses.asdict(measured) | {"integer_share": share}
        print(f"{name:20}{measured.metric:24}{measured.value:9.4f}{measured.bound:9.4f}{share:9.1%}"
              f"{'' if holds else '  FAILS'}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
