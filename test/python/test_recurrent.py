"""LSTM, GRU and RNN: ONNX's own node tests, and integers.

Their operators against ONNX Runtime are in test_onnx_operators.py, float layers against the interpreter in
test_bit_exact.py.
"""

import re
import shutil

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import mpq
from mpq_testing import bit_exact, layers, metrics, tools
from mpq_testing.layers import Layer
from mpq_testing.paths import BUILD


@pytest.fixture
def folder(request):
    path = BUILD / "recurrent" / request.node.name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


NODE_TESTS = ["lstm_defaults", "lstm_with_initial_bias", "lstm_with_peepholes", "lstm_batchwise", "lstm_reverse",
              "lstm_bidirectional", "gru_defaults", "gru_with_initial_bias", "gru_seq_length", "gru_batchwise",
              "gru_reverse", "gru_bidirectional", "simple_rnn_defaults", "simple_rnn_with_initial_bias",
              "rnn_seq_length", "simple_rnn_batchwise", "simple_rnn_reverse", "simple_rnn_bidirectional"]


@pytest.fixture(scope="session")
def node_tests():
    """The tests that the onnx package has for its backends, by name."""
    from onnx.backend.test.case.node import collect_testcases

    with np.errstate(all="ignore"):
        return {case.name.removeprefix("test_"): case for case in collect_testcases("")}


def test_all_node_tests_are_listed(node_tests):
    recurrent = [name for name, case in node_tests.items() if case.model.graph.node[0].op_type in layers.RECURRENT]
    assert sorted(recurrent) == sorted(NODE_TESTS)


@pytest.mark.parametrize("name", NODE_TESTS)
def test_node(name, node_tests, folder):
    case = node_tests[name]
    model = onnx.ModelProto.FromString(case.model.SerializeToString())
    given, expected = case.data_sets[0]
    feed = {value.name: array for value, array in zip(model.graph.input, given, strict=True)}
    if "sequence_lens" in feed:  # known when compiling
        model.graph.initializer.append(numpy_helper.from_array(feed.pop("sequence_lens"), "sequence_lens"))
        kept = [value for value in model.graph.input if value.name in feed]
        del model.graph.input[:]
        model.graph.input.extend(kept)
    onnx.save(model, folder / "model.onnx")
    results = mpq.compile(folder / "model.onnx")(feed)
    for value, array in zip(model.graph.output, expected, strict=True):
        np.testing.assert_allclose(results[value.name], array, rtol=1e-5, atol=1e-5)
    shutil.rmtree(folder)


def calibrated(layer, folder):
    """The layer's model and the flags that make integers of it."""
    layers.save([layer], folder / "layer.onnx")
    for seed in range(4):
        feed = {name: np.random.default_rng(seed).normal(0, 2, array.shape).astype(np.float32)
                for name, array in layer.feed.items()}
        tools.save_feed(feed, folder / "calibration", str(seed))
    tools.run_tool("quant-compile", folder / "layer.onnx", "--calibrate", folder / "calibration", "-o",
                   folder / "profile.json")
    return folder / "layer.onnx", ["--profile", folder / "profile.json", "--precision", "int8"]


def layer_of(op, steps, direction="forward", **attributes):
    layer = Layer(f"{op}{steps}")
    layer.finish(layers.recurrent(layer, op, steps, 2, 24, 33, direction, **attributes))
    return layer


KINDS = {"lstm": ("LSTM", {}), "gru": ("GRU", {"linear_before_reset": 0}),
         "gru-reset-product": ("GRU", {"linear_before_reset": 1}), "rnn": ("RNN", {})}


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
@pytest.mark.parametrize("kind", KINDS)
def test_integers(kind, direction, folder):
    """Every product in integers, the same bits in compiled code and reference, and little error."""
    op, attributes = KINDS[kind]
    layer = layer_of(op, 6, direction, **attributes)
    model, flags = calibrated(layer, folder)
    differences = bit_exact.compare(model, layer.feed, folder, *flags)
    assert not differences, "\n".join(map(str, differences))
    log = tools.run_tool("quant-compile", model, *flags, "-o", folder / "layer.so")
    assert tools.Built(folder / "layer.so", log).integer_share == 1
    exact, ours = (list(program(layer.feed).values())[0]
                   for program in (mpq.compile(model), mpq.load(folder / "layer.so")))
    assert 0 < metrics.relative_error(ours, exact) < 0.06
    shutil.rmtree(folder)


def count_code(steps, precision, folder):
    """Bytes of weights of an LSTM of as many steps, and its kernels."""
    folder = folder / str(steps)
    folder.mkdir()
    model, flags = calibrated(layer_of("LSTM", steps), folder)
    if precision == "f32":
        flags = ["--precision", "f32"]
    log = tools.run_tool("quant-compile", model, *flags, "-o", folder / "layer.so")
    tools.run_tool("quant-compile", model, *flags, "--to", "codegen", "--emit", "mlir", "-o", folder / "layer.mlir")
    kernels = re.findall(r"llvm.func internal @((?:kernel|copy)_\d+)\(", (folder / "layer.mlir").read_text())
    return tools.Built(folder / "layer.so", log).summary["weights_bytes"], len(kernels)


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_steps_share(precision, folder):
    """Weights and kernels are those of a few steps, however many there are."""
    assert count_code(4, precision, folder) == count_code(24, precision, folder)
    shutil.rmtree(folder)


def test_slow_state(folder):
    """A gate that keeps 0.998 of the state: what a step adds is below a quantum, and must not be lost."""
    layer = layer_of("GRU", 80, linear_before_reset=1)
    bias = layer.constants[2]
    array = numpy_helper.to_array(bias).copy()
    array[:, :33] += 6
    bias.CopyFrom(numpy_helper.from_array(array, bias.name))
    model, flags = calibrated(layer, folder)
    tools.run_tool("quant-compile", model, *flags, "-o", folder / "layer.so")
    exact, ours = (list(program(layer.feed).values())[0]
                   for program in (mpq.compile(model), mpq.load(folder / "layer.so")))
    assert metrics.relative_error(ours[-1], exact[-1]) < 0.04
    shutil.rmtree(folder)


@pytest.mark.parametrize("hidden", [32, 64])
def test_classifier(hidden, folder):
    """Eight rows of eight pixels, and the last state to ten classes."""
    layer = Layer("digits")
    value = layers.recurrent(layer, "LSTM", 8, 1, 8, hidden)
    value = layer.node("Slice", [value, layer.integers(7), layer.integers(8), layer.integers(0)], (1, 1, 1, hidden))
    value = layer.node("Reshape", [value, layer.integers(1, hidden)], (1, hidden))
    value = layer.node("Gemm", [value, layer.weights((10, hidden), 0), layer.vector(10)], (1, 10), transB=1)
    layer.finish(value)
    model, flags = calibrated(layer, folder)
    differences = bit_exact.compare(model, layer.feed, folder, *flags)
    assert not differences, "\n".join(map(str, differences))
    log = tools.run_tool("quant-compile", model, *flags, "-o", folder / "layer.so")
    assert tools.Built(folder / "layer.so", log).integer_share == 1
    exact, ours = (list(program(layer.feed).values())[0]
                   for program in (mpq.compile(model), mpq.load(folder / "layer.so")))
    assert metrics.relative_error(ours, exact) < 0.05
    shutil.rmtree(folder)
