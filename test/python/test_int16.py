"""Precision int16: how near results are to f32, that compiled code is exact, what is reported, searched, and refused (N-W6)."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import mpq
from mpq_testing import bit_exact, metrics, models, small_net, tools
from mpq_testing import onnxruntime_peer as peer

ROWS, DEPTH, COLUMNS = 5, 256, 96


def product(weights):
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "product", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [ROWS, DEPTH])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [ROWS, weights.shape[1]])],
                              [numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def outliers(seed):
    """Mostly small numbers, and one that would leave them a few integers of 8 bits."""
    x = np.random.default_rng(seed).standard_normal((ROWS, DEPTH)).astype(np.float32)
    x[0, 0] = 100
    return {"x": x}


def precisions(quantized):
    return {operation["id"]: operation["precision"] for operation in quantized.record["operations"] if operation["macs"]}


def test_activations_lose_next_to_nothing():
    """With weights that 8 bits hold exactly, the result has the error of 16 bits."""
    weights = np.random.default_rng(1).integers(-127, 128, (DEPTH, COLUMNS)).astype(np.float32)
    weights[0] = 127
    feed = outliers(2)
    exact = feed["x"].astype(np.float64) @ weights
    errors = {}
    for precision in ("int8", "int16"):
        quantized = mpq.quantize(product(weights), [feed], precision=precision, recipe={"equalize": "none"})
        assert precisions(quantized) == {"y": precision}
        result = mpq.compile(quantized)(feed)["y"]
        errors[precision] = np.linalg.norm(result - exact) / np.linalg.norm(exact)
    assert errors["int16"] < 1e-3 and errors["int16"] < errors["int8"] / 100


def test_report_and_onnx(tmp_path):
    weights = np.random.default_rng(1).standard_normal((DEPTH, COLUMNS)).astype(np.float32)
    feed = outliers(2)
    quantized = mpq.quantize(product(weights), [feed], precision="int16")
    (value,) = [value for value in quantized.record["values"] if value["id"] == "x"]
    quantization = value["quantization"]
    assert quantization["zero_point"] == 0 and np.isclose(quantization["clip_max"], 100) and quantization["clip_min"] < -100
    quantized.to_onnx(tmp_path / "q.onnx")
    written = onnx.load(tmp_path / "q.onnx")
    onnx.checker.check_model(written)
    assert [opset.version for opset in written.opset_import if opset.domain == ""] == [21]
    assert TensorProto.INT16 in {tensor.data_type for tensor in written.graph.initializer}
    ours = mpq.compile(quantized)(feed)["y"]
    # With its optimizations, ONNX Runtime computes something else (docs/ExportONNX.md).
    theirs = peer.runner(tmp_path / "q.onnx", optimize=False)(feed)[0]
    assert metrics.relative_error(theirs, ours) < 1e-5
    # Read again, it is computed in integers again.
    again = mpq.compile(tmp_path / "q.onnx")
    assert sum(kernel["integer_macs"] for kernel in again.profile(feed, runs=1)["kernels"]) == 2 * ROWS * DEPTH * COLUMNS
    assert metrics.relative_error(again(feed)["y"], ours) < 1e-5


def test_simulation(tmp_path):
    """What is simulated is what is computed, but for biases and sums."""
    model, feeds = small_net.write(tmp_path), small_net.feeds(6)
    profile = mpq.calibrate(model, feeds)
    simulation = mpq.Simulation(model, profile)
    for precision in ("int8", "int16"):
        simulation.set_precisions(precision)
        compiled = mpq.compile(mpq.quantize(model, profile=profile, precision=precision))
        for feed in feeds[:2]:
            assert np.allclose(simulation(feed)["y"], compiled(feed)["y"], rtol=1e-3, atol=1e-3), precision
    exact = mpq.compile(model)
    assert metrics.relative_error(simulation(feeds[0])["y"], exact(feeds[0])["y"]) < 0.02


def test_search(tmp_path):
    model, feeds = small_net.write(tmp_path), small_net.feeds(6)
    front = mpq.search(model, feeds, precisions=("int16", "int8"), points=2)
    assert {precision for point in front.points for precision in point.precisions.values()} == {"int16", "int8"}
    assert all(point.float_share == 0 for point in front.points)


def test_share_in_int16(tmp_path):
    model, feeds = small_net.write(tmp_path), small_net.feeds(6)
    quantized = mpq.quantize(model, feeds, max_int16=0.01)
    assert precisions(quantized) == {"c": "int8", "y": "int16"}
    assert quantized.recipe == {"rules": [{"name": "y", "precision": "int16"}]}
    both = mpq.quantize(model, feeds, max_int16=0.999, max_float=0.01)
    assert precisions(both) == {"c": "int16", "y": "f32"}


def test_needs_ranges(tmp_path):
    onnx.save(product(np.ones((DEPTH, COLUMNS), np.float32)), tmp_path / "m.onnx")
    with pytest.raises(mpq.Error, match="expected either calibration data or a profile but got neither"):
        mpq.quantize(tmp_path / "m.onnx", precision="int16")
    with pytest.raises(mpq.Error, match="expected a profile for --precision int16: make one with --calibrate"):
        mpq.compile(tmp_path / "m.onnx", precision="int16")


def test_long_sums_stay_float():
    """Beyond 31 bits of the low bytes; as in int8."""
    depth = 70000
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "long", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, depth])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1])],
                              [numpy_helper.from_array(np.ones((depth, 1), np.float32), "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    quantized = mpq.quantize(model, [{"x": np.ones((1, depth), np.float32)}], precision="int16", correct_bias=False)
    (record,) = [operation for operation in quantized.record["operations"] if operation["macs"]]
    assert record["precision"] == "f32" and record["reason"] == "a sum of 70000 products may exceed 31 bits"


def test_dynamic_has_no_effect():
    feed = outliers(1)
    with pytest.raises(mpq.Error, match="'activations' of the recipe has no effect: there is no product whose activations can be dynamic"):
        mpq.quantize(product(np.ones((DEPTH, COLUMNS), np.float32)), [feed],
                     recipe={"precision": "int16", "activations": "dynamic"})


def test_sentence_encoder():
    """Rounded weights alone are left: MiniLM is nearer to FP32 than 8 bits of activations allow."""
    model = models.MINILM
    feeds = [model.calibration_feed(index) for index in range(24)]
    quantized = mpq.quantize(model.path, feeds, precision="int16", shape=model.shape)
    run = mpq.compile(quantized)
    macs = {True: 0, False: 0}
    for operation in quantized.record["operations"]:
        if operation["macs"]:
            macs[operation["precision"] == "int16"] += operation["macs"]
    assert macs[True] >= 0.85 * sum(macs.values())
    cosine = metrics.encoder_cosine(lambda feed: list(run(feed).values()), peer.runner(model.path), 30)
    assert cosine["mean"] >= 0.999


def test_both_precisions(tmp_path):
    """Products of both precisions that read one value, in compiled code and in the reference."""
    random = np.random.default_rng(3)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("MatMul", ["x", "v"], ["z"])]
    graph = helper.make_graph(
        nodes, "two", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [ROWS, DEPTH])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [ROWS, COLUMNS]) for name in "yz"],
        [numpy_helper.from_array(random.standard_normal((DEPTH, COLUMNS)).astype(np.float32), name) for name in "wv"])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "m.onnx")
    tools.save_feed(outliers(1), tmp_path / "samples", "0")
    tools.run_tool("quant-compile", tmp_path / "m.onnx", "--calibrate", tmp_path / "samples", "-o", tmp_path / "p.json")
    (tmp_path / "r.json").write_text(json.dumps({"rules": [{"name": "y", "precision": "int16"}]}))
    differences = bit_exact.compare(tmp_path / "m.onnx", outliers(4), tmp_path, "--profile", tmp_path / "p.json", "--recipe",
                                    tmp_path / "r.json")
    assert not differences, "\n".join(map(str, differences))
