"""Precisions bf16 and f16: how near results are to f32, how large artifacts are, and what is refused (N-H1)."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import mpq
from mpq_testing import models, tools

ROWS, DEPTH, COLUMNS = 5, 256, 96
# Two roundings of a factor of 8 or 11 bits, and sums that average them.
NEAR = {"bf16": 2.0**-8, "f16": 2.0**-11}


def network(scale=1.0):
    random = np.random.default_rng(11)
    weights = (random.standard_normal((DEPTH, COLUMNS)) * scale).astype(np.float32)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "product", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [ROWS, DEPTH])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [ROWS, COLUMNS])],
                              [numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), weights


X = np.random.default_rng(12).standard_normal((ROWS, DEPTH)).astype(np.float32)


@pytest.mark.parametrize("precision", NEAR)
def test_near(precision):
    model, weights = network()
    result = mpq.compile(model, precision=precision)({"x": X})["y"]
    exact = X.astype(np.float64) @ weights
    error = np.linalg.norm(result - exact) / np.linalg.norm(exact)
    assert 0 < error < NEAR[precision]
    if precision == "f16":
        rounded = X.astype(np.float16).astype(np.float64) @ weights.astype(np.float16).astype(np.float64)
        assert np.linalg.norm(result - rounded) / np.linalg.norm(rounded) < 2.0**-20


@pytest.mark.parametrize("precision", NEAR)
def test_half_the_size(precision, tmp_path):
    onnx.save(network()[0], tmp_path / "m.onnx")
    logs = {kind: tools.run_tool("quant-compile", tmp_path / "m.onnx", "--precision", kind, "-o", tmp_path / f"{kind}.so")
            for kind in ("f32", precision)}
    sizes = {kind: tools.Built(tmp_path / f"{kind}.so", log).summary["weights_bytes"] for kind, log in logs.items()}
    assert sizes[precision] * 2 == sizes["f32"] == 4 * DEPTH * COLUMNS


def test_quantize_needs_no_data():
    quantized = mpq.quantize(network()[0], precision="bf16")
    assert mpq.compile(quantized)({"x": X})["y"].shape == (ROWS, COLUMNS)


def test_overflowing_weights_stay():
    """f16 ends at 65504."""
    quantized = mpq.quantize(network(1e5)[0], precision="f16")
    assert np.allclose(mpq.compile(quantized)({"x": X})["y"], X @ network(1e5)[1], rtol=1e-3, atol=1e3)


def test_export_says_what_it_cannot(tmp_path):
    onnx.save(network()[0], tmp_path / "m.onnx")
    with pytest.raises(RuntimeError, match="which QDQ cannot say: export with --precision int8"):
        tools.run_tool("quant-compile", tmp_path / "m.onnx", "--precision", "bf16", "--emit", "onnx", "-o",
                       tmp_path / "q.onnx")
    np.save(tmp_path / "0.npy", X)
    with pytest.raises(RuntimeError, match="nothing to fit"):
        tools.save_feed({"x": X}, tmp_path / "data", "0")
        tools.run_tool("quant-compile", tmp_path / "m.onnx", "--precision", "bf16", "--fit-data", tmp_path / "data", "-o",
                       tmp_path / "q.so")


def test_report(tmp_path):
    onnx.save(network()[0], tmp_path / "m.onnx")
    tools.run_tool("quant-compile", tmp_path / "m.onnx", "--precision", "bf16", "--report", tmp_path / "r.json", "-o",
                   tmp_path / "m.so")
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["precision"] == "bf16"
    assert [op["precision"] for op in report["operations"] if op.get("macs")] == ["bf16"]


@pytest.mark.parametrize("precision, least", [("bf16", 0.9999), ("f16", 0.999999)])
def test_sentence_encoder(precision, least):
    model = models.BY_NAME["minilm"]
    feed = model.calibration_feed(0)
    exact, rounded = (mpq.compile(model.path, shape=model.shape, precision=kind)(feed) for kind in ("f32", precision))
    for name, value in exact.items():
        a, b = value.ravel().astype(np.float64), rounded[name].ravel().astype(np.float64)
        assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > least
