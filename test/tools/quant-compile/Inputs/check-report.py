"""Checks REPORT of mlp.mlir: what CASE (int8, f32, early) knows, against the PROFILE it came from."""
import json
import math
import sys

report = json.load(open(sys.argv[1]))
case = sys.argv[2]
operations = {op["id"]: op for op in report["operations"]}
values = {value["id"]: value for value in report["values"]}

assert (report["format"], report["version"], report["model"], report["source"]) == ("mpq-report", 1, "mlp", "mlp.mlir")
assert report["inputs"] == ["x"] and report["outputs"] == ["y"], report
assert list(operations) == ["hidden", "relu", "y"], list(operations)
assert [op["operands"] for op in operations.values()] == [["x"], ["hidden"], ["relu"]]
assert [op["op"] for op in operations.values()] == ["matmul", "elementwise", "matmul"]
assert operations["hidden"]["node"] == "MatMul:0" and operations["relu"]["node"] == "Relu:1"
assert operations["hidden"]["macs"] == 6 * 20 * 33 and operations["relu"]["macs"] is None
assert values["relu"]["shape"] == [6, 33] and values["relu"]["type"] == "f32"
assert operations["relu"]["precision"] == "f32" and operations["relu"]["reason"]

if case == "f32":
    for name in ("hidden", "y"):
        assert operations[name]["precision"] == "f32" and "default" in operations[name]["reason"]
    assert report["macs"] == {"integer": 0, "float": 5940}
    assert not any("quantization" in value or "histogram" in value for value in report["values"])
    assert report["samples"] == {"calibration": None, "errors": None}
if case == "early":
    assert operations["y"]["reason"] == "rule 1 of the recipe" and operations["y"]["precision"] == "f32"
    assert operations["hidden"]["precision"] == "int8" and operations["hidden"]["reason"] is None
    assert report["kernels"] == [] and report["bytes"]["weights"] is None and report["macs"]["integer"] is None
    assert "quantization" in values["x"] and "quantization" not in values["relu"]
if case in ("int8", "f32"):
    assert report["bytes"]["weights"] > 0 and report["bytes"]["code"] > 0 and report["bytes"]["workspace"] > 0
    assert report["kernels"][-1]["name"] == "y"
    name = "integer_macs" if case == "int8" else "float_macs"
    assert sum(kernel[name] for kernel in report["kernels"]) == 5940, report["kernels"]
    assert report["kernels"][-1]["bytes_written"] == 6 * 10 * 4
if case == "int8":
    profile = json.load(open(sys.argv[3]))["values"]
    assert report["macs"] == {"integer": 5940, "float": 0}
    for name in ("hidden", "y"):
        assert operations[name]["precision"] == "int8" and operations[name]["reason"] is None
        assert operations[name]["weights"]["channels"] == {"hidden": 33, "y": 10}[name]
        assert 0 < operations[name]["weights"]["smallest_scale"] <= operations[name]["weights"]["largest_scale"]
        assert operations[name]["reads_integers"]
    assert operations["relu"]["writes_integers"] and not operations["y"]["writes_integers"]
    assert report["samples"] == {"calibration": 4, "errors": 4}
    for name in ("x", "relu"):
        value, seen = values[name], profile[name]
        quantization, histogram = value["quantization"], value["histogram"]
        assert value["range"]["origin"] == "calibration"
        assert math.isclose(value["range"]["min"], seen["min"]) and math.isclose(value["range"]["max"], seen["max"])
        scale = (max(seen["max"], 0) - min(seen["min"], 0)) / 255
        assert math.isclose(quantization["scale"], scale, rel_tol=1e-5), (quantization, scale)
        assert math.isclose(quantization["clip_max"] - quantization["clip_min"], 255 * quantization["scale"])
        assert sum(histogram["bins"]) == histogram["count"] == seen["count"] and len(histogram["bins"]) <= 64
        assert histogram["lower"] <= seen["min"] <= seen["max"] <= histogram["lower"] + len(histogram["bins"]) * histogram["width"]
        edge = -histogram["lower"] / histogram["width"]
        assert edge == int(edge), "zero is no edge"
    # An input of 8 bits has about 6 dB a bit; later values have the errors of the weights as well.
    assert 40 < values["x"]["error"]["sqnr_db"] < 60, values["x"]["error"]
    assert 25 < values["y"]["error"]["sqnr_db"] < values["x"]["error"]["sqnr_db"], values["y"]["error"]
