"""Networks trained on handwritten digits: what integers of 8, 4 and 2 bits cost in points of accuracy, and in bytes."""

import numpy as np
import onnx
import pytest

import mpq
from mpq_testing import digits, qat


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("digits") / "cnn.onnx"
    digits.save(digits.network(), path)
    return path


@pytest.fixture(scope="module")
def sequence(tmp_path_factory):
    path = tmp_path_factory.mktemp("digits") / "lstm.onnx"
    digits.save_sequence(digits.sequence(), path)
    return path


@pytest.fixture(scope="module")
def data():
    return digits.feeds(digits.images()[0])


@pytest.fixture(scope="module")
def exact(model):
    """Points of the float network."""
    found = accuracy(mpq.compile(model))
    assert found > 96
    return found


def accuracy(program) -> float:
    x, labels = digits.images()[2:]
    return digits.points(digits.predict(program, x), labels)


def quantized(model, data, recipe):
    return mpq.quantize(model, data, recipe=recipe)


@pytest.fixture(scope="module")
def int8(model, data):
    return mpq.compile(quantized(model, data, {"precision": "int8"}))


def test_float(model):
    """The file holds what was trained."""
    x = digits.images()[2][:digits.BATCH]
    assert np.allclose(mpq.compile(model)({"x": x})["y"], digits.network().forward(x), atol=1e-4)


def test_int8(int8, exact):
    assert abs(accuracy(int8) - exact) <= 0.2


@pytest.mark.parametrize("rounding", ["gptq", "adaround"])
def test_w4a8(model, data, exact, int8, rounding):
    made = quantized(model, data, {"precision": "int4", "activations": "static", "rounding": rounding})
    operations = [op for op in made.record["operations"] if op["macs"]]
    assert [op["precision"] for op in operations] == ["int4"] * 4
    assert [op["rounding"]["kind"] for op in operations] == [rounding] * 4
    assert all(op["reads_integers"] for op in operations)
    assert all(op["rounding"]["error"] < op["rounding"]["nearest_error"] for op in operations)
    program = mpq.compile(made)
    assert abs(accuracy(program) - exact) <= 0.5
    assert program.weights_bytes < 0.6 * int8.weights_bytes


def test_sequence(sequence, data):
    """An LSTM; its steps share what is left of the weights."""
    x = digits.images()[2][:digits.BATCH]
    floating = mpq.compile(sequence)
    assert np.allclose(floating({"x": x})["y"], digits.sequence().forward(x), atol=1e-4)
    exact = accuracy(floating)
    assert exact > 95
    eight = mpq.compile(quantized(sequence, data, {"precision": "int8"}))
    assert abs(accuracy(eight) - exact) <= 0.2
    for rounding in ("gptq", "adaround"):
        made = quantized(sequence, data, {"precision": "int4", "activations": "static", "rounding": rounding})
        four = mpq.compile(made)
        assert abs(accuracy(four) - exact) <= 0.5, rounding
        assert four.weights_bytes < 0.7 * eight.weights_bytes  # biases of 384 gates are a part of it


def test_samples_are_better_than_nearest(model, data, exact):
    """With 2 bits nothing is left without samples."""
    x = digits.images()[2]
    reference = digits.predict(mpq.compile(model), x)
    errors = {}
    for precision in ("int4", "int2"):
        for rounding in ("nearest", "gptq", "adaround"):
            recipe = {"precision": precision, "activations": "static", "rounding": rounding}
            outputs = digits.predict(mpq.compile(quantized(model, data, recipe)), x)
            errors[precision, rounding] = float(np.square(outputs - reference).mean())
    for (precision, rounding), error in errors.items():
        assert rounding == "nearest" or error < errors[precision, "nearest"] / 2, (precision, rounding)


def test_searched_mix(model, data, exact, int8, tmp_path):
    """Weights of 4 and 2 bits, chosen by their effects: less than 0.45 of the size of 8 bits."""
    limit = 0.45 * int8.weights_bytes
    front = mpq.search(model, data, precisions=["int8", "int4", "int2"], over="bits", points=9, rounding="gptq",
                       max_bytes=int(limit))
    point = front.best
    assert point is not None and point.bytes <= limit
    assert {"int2", "int4"} <= set(point.precisions.values())
    mpq.compile_to(model, tmp_path / "mix.so", recipe=point.recipe(), profile=front.profile, fit_data=data)
    program = mpq.load(tmp_path / "mix.so")
    assert program.weights_bytes == point.bytes
    assert abs(accuracy(program) - exact) <= 1.0


def test_exported(model, data, tmp_path):
    """Weights of few bits in the file, and what ONNX Runtime makes of it."""
    import onnxruntime

    recipe = {"precision": "int4", "activations": "static", "rules": [{"name": "conv1", "precision": "int2"}]}
    made = quantized(model, data, recipe)
    made.to_onnx(tmp_path / "q.onnx")
    graph = onnx.load(tmp_path / "q.onnx").graph
    types = {i.name: i.data_type for i in graph.initializer}
    assert {types[f"{name}_quantized"] for name in ("w0", "w1", "w2", "w")} == {onnx.TensorProto.INT4}
    session = onnxruntime.InferenceSession(tmp_path / "q.onnx", providers=["CPUExecutionProvider"])
    x = digits.images()[2]
    theirs = np.concatenate([session.run(["y"], feed)[0] for feed in digits.feeds(x)])
    ours = digits.predict(mpq.compile(made), x)
    # Integers next to ties differ by one: it divides by scales where we multiply.
    assert np.abs(theirs - ours).max() < 0.02 * np.abs(ours).max()
    again = digits.predict(mpq.compile(tmp_path / "q.onnx"), x)
    assert np.abs(again - ours).max() < 0.02 * np.abs(ours).max()


def test_trained_for_4_bits(tmp_path, int8, exact):
    """A network trained with rounded weights and activations, imported with its own numbers, predicts what it did."""
    net = qat.network()
    qat.save(net, tmp_path / "qat.onnx")
    program = mpq.compile(tmp_path / "qat.onnx")
    x, labels = digits.images()[2:]
    expected, found = net.predict(x), digits.predict(program, x)
    assert np.array_equal(found.argmax(1), expected.argmax(1))
    assert np.allclose(found, expected, rtol=0, atol=1e-3)
    assert abs(digits.points(found, labels) - exact) <= 1.0
    assert program.weights_bytes < 0.6 * int8.weights_bytes
