"""Weights of 4 and 2 bits that the compiler makes of a float model: accuracy, size, and the same bits on every target."""

import json
import shutil

import numpy as np
import pytest

import mpq
from mpq_testing import bit_exact, data, layers, metrics, models, tools
from mpq_testing.layers import Layer
from mpq_testing.paths import BUILD

MINILM = models.BY_NAME["minilm"]


@pytest.fixture
def folder(request):
    path = BUILD / "low-bit" / request.node.name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def linear(rows, depth, columns):
    layer = Layer("linear")
    value = layer.node("MatMul", [layer.source(rows, depth), layer.weights((depth, columns), 1)], (rows, columns))
    layer.finish(layer.node("Relu", [layer.node("Add", [value, layer.vector(columns)])]))
    return layer


@pytest.mark.parametrize("activations", ["f32", "dynamic"])
@pytest.mark.parametrize("block", [16, 128, "column"])
@pytest.mark.parametrize("precision", ["int4", "int2"])
def test_bits(precision, block, activations, folder):
    """Blocks that the depth does not fill, columns that vectors do not."""
    layer = linear(5, 150, 37)
    layers.save([layer], folder / "layer.onnx")
    (folder / "recipe.json").write_text(json.dumps({"block": block, "activations": activations}))
    differences = bit_exact.compare(folder / "layer.onnx", layer.feed, folder, "--precision", precision, "--recipe",
                                    folder / "recipe.json")
    assert not differences, "\n".join(map(str, differences))
    shutil.rmtree(folder)


def dense(layer):
    return layer.convolution(layer.source(1, 48, 9, 11), (3, 3), 40, pads=[1, 1, 1, 1])


def merged(layer):
    """Few channels: a row of the window is one sum, whose last group overlaps."""
    return layer.convolution(layer.source(1, 3, 17, 19), (7, 7), 33, 1, (2, 2))


def pointwise(layer):
    return layer.convolution(layer.source(1, 80, 7, 9), (1, 1), 70)


def grouped(layer):
    return layer.convolution(layer.source(1, 64, 8, 9), (3, 3), 72, 2, pads=[1, 1, 1, 1])


def depthwise(layer):
    return layer.convolution(layer.source(1, 130, 12, 9), (5, 5), 130, 130, (2, 2), pads=[2, 2, 2, 2])


def transposed(layer):
    inputs = [layer.source(1, 40, 5, 6), layer.weights((40, 33, 2, 2), 1)]
    return layer.node("ConvTranspose", inputs, (1, 33, 10, 12), kernel_shape=[2, 2], strides=[2, 2])


def product(layer):
    return layer.node("MatMul", [layer.source(33, 150), layer.weights((150, 37), 1)], (33, 37))


def sequence(layer):
    """Steps share their weights, which are widened once."""
    return layers.recurrent(layer, "LSTM", 3, 2, 40, 24)


@pytest.mark.parametrize("root", [dense, merged, pointwise, grouped, depthwise, transposed, product, sequence],
                         ids=lambda root: root.__name__)
@pytest.mark.parametrize("precision", ["int4", "int2"])
def test_bits_of_channels(precision, root, folder):
    """Static activations: integer products whose weights are held in few bits."""
    layer = Layer(root.__name__, seed=4)
    layer.finish(root(layer))
    layers.save([layer], folder / "layer.onnx")
    recipe = {"activations": "static", "ranges": [{"regex": ".", "range": [-5, 6]}]}
    if root not in (product, sequence):
        del recipe["activations"]  # convolutions are
    (folder / "recipe.json").write_text(json.dumps(recipe))
    differences = bit_exact.compare(folder / "layer.onnx", layer.feed, folder, "--precision", precision, "--recipe",
                                    folder / "recipe.json")
    assert not differences, "\n".join(map(str, differences))
    shutil.rmtree(folder)


@pytest.mark.parametrize("precision, most", [("int4", 0.56), ("int2", 0.31)])
def test_size(precision, most, folder):
    """Two or four weights to a byte, scales and biases as with 8 bits."""
    layer = Layer("size")
    layer.finish(layer.convolution(layer.source(1, 64, 8, 8), (3, 3), 128))
    layers.save([layer], folder / "layer.onnx")
    profile = mpq.calibrate(folder / "layer.onnx", [layer.feed])
    programs = [mpq.compile(folder / "layer.onnx", precision=p, profile=profile) for p in ("int8", precision)]
    assert programs[1].weights_bytes < most * programs[0].weights_bytes
    shutil.rmtree(folder)


@pytest.mark.parametrize("precision, most", [("int4", 0.12), ("int2", 0.6)])
def test_error(precision, most, folder):
    """Normal weights in blocks of 32: about a tenth of their deviation for a step of 4 bits."""
    layer = linear(8, 256, 64)
    layers.save([layer], folder / "layer.onnx")
    exact = mpq.compile(folder / "layer.onnx")
    ours = mpq.compile(folder / "layer.onnx", precision=precision)
    expected, got = (list(program(layer.feed).values())[0] for program in (exact, ours))
    error = metrics.relative_error(got, expected)
    assert most / 10 < error < most
    shutil.rmtree(folder)


def test_network():
    """A sentence encoder without calibration."""
    feeds = [MINILM.random_feed(MINILM.shape, seed) for seed in (1, 2)]
    exact = mpq.compile(MINILM.path, shape=MINILM.shape)
    quantized = mpq.quantize(MINILM.path, precision="int4", shape=MINILM.shape)
    assert quantized.profile is None
    ours = mpq.compile(quantized)
    for feed in feeds:
        expected, got = (list(program(feed).values())[0] for program in (exact, ours))
        cosine = float(np.sum(expected * got) / np.linalg.norm(expected) / np.linalg.norm(got))
        assert 0.85 < cosine < 0.9999  # of random words; rounding to the nearest knows nothing of activations
    dynamic = mpq.compile(MINILM.path, precision="int4", recipe={"activations": "dynamic"}, shape=MINILM.shape)
    assert metrics.relative_error(list(dynamic(feeds[0]).values())[0], list(ours(feeds[0]).values())[0]) < 0.2


def test_needs_no_samples():
    with pytest.raises(mpq.Error, match="expected either calibration data or a profile but got neither"):
        mpq.quantize(MINILM.path)


def _cosine(program, exact, feeds):
    return float(np.mean([metrics.cosine(*(next(iter(run(feed).values())) for run in (program, exact))) for feed in feeds]))


def test_rounding_by_samples():
    """GPTQ loses half of what rounding to the nearest does, on sentences that it has not seen."""
    exact = mpq.compile(MINILM.path, shape=MINILM.shape)
    recipe = {"precision": "int4", "rounding": "gptq", "rules": [{"regex": "MatMul_9", "rounding": "nearest"}]}
    quantized = mpq.quantize(MINILM.path, data.sentence_feeds(24, 60000), precision="int4", recipe=recipe,
                             shape=MINILM.shape)
    roundings = [op["rounding"] for op in quantized.record["operations"] if "rounding" in op]
    assert len(roundings) > 30 and all(r["kind"] == "gptq" and r["scales"] == "mse" for r in roundings)
    assert all(r["error"] < r["nearest_error"] and r["damping"] >= 0.01 for r in roundings)
    feeds = data.sentence_feeds(8, data.EVALUATION)
    nearest = _cosine(mpq.compile(MINILM.path, precision="int4", shape=MINILM.shape), exact, feeds)
    fitted = _cosine(mpq.compile(quantized), exact, feeds)
    assert 1 - fitted < (1 - nearest) / 2


def test_padding_decides_on_nothing(tmp_path):
    """The same sentences in fewer positions, and in more: with a mask they tell the same of the products."""
    shapes = {length: {name: [1, length] for name in MINILM.shape} for length in (96, 128)}
    recipe = {"precision": "int4", "rounding": "gptq", "rules": [{"regex": "_([4-9].|[12]..)#", "precision": "f32"}]}
    errors = {}
    for length, shape in shapes.items():
        feeds = data.sentence_feeds(16, 60000, length=length)
        for mask in (None, "attention_mask"):
            report = tmp_path / "r.json"
            mpq.compile_to(MINILM.path, tmp_path / "m.mlirbc", to="quantize", emit="mlirbc", precision="int4", recipe=recipe,
                           shape=shape, fit_data=feeds, mask=mask, report=report)
            errors[length, bool(mask)] = [op["rounding"]["nearest_error"] for op in json.loads(report.read_text())["operations"]
                                           if op.get("rounding")]
    assert errors[96, True] and np.allclose(errors[96, True], errors[128, True], rtol=1e-3)
    assert not np.allclose(errors[96, False], errors[128, False], rtol=1e-2)


@pytest.mark.parametrize("model", ["ppocr-cls", "minilm"])
def test_rounding_of_8_bits(model):
    """Convolutions, depthwise ones and matrix products: no error grows."""
    model = models.BY_NAME[model]
    feeds = [model.calibration_feed(index) for index in range(4)]
    quantized = mpq.quantize(model.path, feeds, recipe={"rounding": "gptq", "scales": "mse"}, shape=model.shape)
    roundings = [op["rounding"] for op in quantized.record["operations"] if "rounding" in op]
    assert len(roundings) > 20 and all(r["reason"] is None for r in roundings)
    assert all(r["error"] <= r["nearest_error"] for r in roundings)
    assert sum(r["error"] for r in roundings) < 0.7 * sum(r["nearest_error"] for r in roundings)


def test_rounding_needs_samples():
    with pytest.raises(mpq.Error, match="expected samples for rounding gptq and scales mse of its weights"):
        mpq.quantize(MINILM.path, precision="int4", recipe={"rounding": "gptq"}, shape=MINILM.shape)


def test_channels_need_ranges(folder):
    """Without a profile a convolution stays in float and says so."""
    layer = Layer("conv")
    layer.finish(dense(layer))
    layers.save([layer], folder / "layer.onnx")
    quantized = mpq.quantize(folder / "layer.onnx", precision="int4")
    conv, = (op for op in quantized.record["operations"] if op["op"] == "conv")
    assert conv["precision"] == "f32" and "no range is known of its input" in conv["reason"]
    shutil.rmtree(folder)
