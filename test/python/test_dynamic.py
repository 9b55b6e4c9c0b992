"""Activations that are quantized as the model runs: accuracy without samples, the same bits on every target, and the
graphs that ONNX Runtime's quantize_dynamic writes."""

import json
import shutil

import mpq
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from mpq_testing import bit_exact, data, layers, metrics, models, onnxruntime_peer
from mpq_testing.layers import Layer
from mpq_testing.paths import BUILD, model_file

MINILM = models.BY_NAME["minilm"]
DYNAMIC = {"activations": "dynamic"}
LEAST_SHARE = 0.85
LAYERS_A_KIND = 4


@pytest.fixture
def folder(request):
    path = BUILD / "dynamic" / request.node.name.replace("/", "_")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def check_bits(layer, folder, recipe):
    layers.save([layer], folder / "layer.onnx")
    (folder / "recipe.json").write_text(json.dumps(recipe))
    differences = bit_exact.compare(folder / "layer.onnx", layer.feed, folder, "--precision", "int8", "--recipe",
                                    folder / "recipe.json")
    assert not differences, "\n".join(map(str, differences))
    shutil.rmtree(folder)


@pytest.mark.parametrize("number", range(LAYERS_A_KIND))
@pytest.mark.parametrize("root", [layers.linear, layers.gemm, layers.batch_product, layers.attention, layers.conv_kxk,
                                  layers.depthwise], ids=lambda root: root.__name__)
def test_bits(root, number, folder):
    """Random shapes: rows and columns that vectors do not fill, heads, images in a batch."""
    layer = Layer("l", 1000 + number)
    layer.finish(root(layer))
    check_bits(layer, folder, DYNAMIC)


def test_bits_of_all_rows(folder):
    """Rows of zeros, of one sign, with NaN and with infinity, of tiny and of large numbers."""
    layer = Layer("l")
    source = layer.source(17, 70)
    rows = layer.feed[source]
    rows[1], rows[2], rows[3] = 0, np.abs(rows[2]) + 1, -np.abs(rows[3])
    rows[4, 5], rows[5, 69], rows[6, 64] = np.nan, np.inf, -np.inf
    rows[7] *= 1e-37
    rows[8] *= 1e35
    layer.finish(layer.node("Add", [layer.node("MatMul", [source, layer.weights((70, 33), 1)], (17, 33)),
                                    layer.vector(33)]))
    check_bits(layer, folder, DYNAMIC)


def test_bits_of_mixed_precisions(folder):
    """One value that is read by a dynamic product, by one of weights of 4 bits and by one in float."""
    layer = Layer("l")
    source = layer.source(6, 64)
    for _ in range(3):
        layer.outputs.append((layer.node("MatMul", [source, layer.weights((64, 24), 1)], (6, 24)), TensorProto.FLOAT))
    names = [output for output, _ in layer.outputs]
    check_bits(layer, folder, DYNAMIC | {"rules": [{"name": names[1], "precision": "int4"},
                                                   {"name": names[2], "precision": "f32"}]})


def test_error():
    """Rows of normal numbers: steps of a seventieth of their deviation or so, however large the row."""
    layer = Layer("l")
    source = layer.source(16, 256)
    layer.feed[source] *= np.logspace(-3, 3, 16, dtype=np.float32)[:, None]
    layer.finish(layer.node("MatMul", [source, layer.weights((256, 64), 1)], (16, 64)))
    path = model_file("dynamic-rows.onnx")
    layers.save([layer], path)
    exact, ours = (next(iter(program(layer.feed).values())) for program in (
        mpq.compile(path), mpq.compile(path, precision="int8", recipe=DYNAMIC)))
    for row, expected in zip(ours, exact):
        assert 1e-4 < metrics.relative_error(row, expected) < 0.02


def _answers(program, feeds):
    return [next(iter(program(feed).values())) for feed in feeds]


@pytest.fixture(scope="module")
def encoder():
    """Without any data."""
    quantized = mpq.quantize(MINILM.path, recipe=DYNAMIC, shape=MINILM.shape)
    assert quantized.profile is None
    return mpq.compile(quantized)


def test_encoder(encoder):
    feeds = data.sentence_feeds(40, data.EVALUATION)
    exact = mpq.compile(MINILM.path, shape=MINILM.shape)
    values = [metrics.cosine(*pair) for pair in zip(_answers(encoder, feeds), _answers(exact, feeds))]
    assert np.mean(values) >= 0.9985
    assert min(values) >= 0.995


def test_encoder_is_in_integers(encoder):
    total = encoder.summary["integer_macs"] + encoder.summary["float_macs"]
    assert encoder.summary["integer_macs"] / total >= LEAST_SHARE
    weights = sum(numpy_helper.to_array(w).size for w in onnx.load(MINILM.path).graph.initializer
                  if w.data_type == TensorProto.FLOAT and len(w.dims) == 2)
    embeddings = max(numpy_helper.to_array(w).size for w in onnx.load(MINILM.path).graph.initializer)
    assert encoder.summary["weights_bytes"] < 1.1 * (weights - embeddings) + 4.2 * embeddings


def test_attention_may_stay_float():
    compiled = mpq.compile(MINILM.path, precision="int8", shape=MINILM.shape,
                           recipe=DYNAMIC | {"rules": [{"op": "attention", "precision": "f32"}]})
    total = compiled.summary["integer_macs"] + compiled.summary["float_macs"]
    assert LEAST_SHARE < compiled.summary["integer_macs"] / total < 0.97


def test_biases_are_corrected_by_samples():
    """Samples are not needed. With some, biases make up for mean errors, which wins nothing here (a cosine of 0.9985 to
    0.9987 instead of 0.9989: few errors are alike in all tokens) and must not cost more."""
    quantized = mpq.quantize(MINILM.path, data.sentence_feeds(8, 60000), recipe=DYNAMIC, shape=MINILM.shape)
    exact = mpq.compile(MINILM.path, shape=MINILM.shape)
    feeds = data.sentence_feeds(10, data.EVALUATION)
    pairs = zip(_answers(mpq.compile(quantized), feeds), _answers(exact, feeds))
    assert np.mean([metrics.cosine(*pair) for pair in pairs]) >= 0.998


@pytest.mark.parametrize("recipe, message", [
    ({"activations": "dynamic", "precision": "f32"}, "'activations' of .* has no effect"),
    ({"activations": "runtime"}, "expected either calibration data or a profile but got neither"),
    ({"rules": [{"op": "matmul", "activations": "dynamic"}]}, "expected either calibration data or a profile"),
])
def test_errors(recipe, message):
    with pytest.raises(mpq.Error, match=message):
        mpq.quantize(MINILM.path, recipe=recipe, shape=MINILM.shape)


# What ONNX Runtime's quantize_dynamic writes ---------------------------------------------------------------------------


def test_integer_products(folder):
    """Zero points of rows and columns, signed and unsigned: exactly ONNX Runtime's integers."""
    random = np.random.default_rng(5)
    nodes, constants, inputs, feed, outputs = [], [], [], {}, []
    cases = [(np.uint8, np.int8, None, None), (np.uint8, np.int8, 7, [0, 1, -3, 5, 0]), (np.uint8, np.uint8, 255, 128),
             (np.uint8, np.uint8, 3, 11)]
    for i, (left, right, za, zb) in enumerate(cases):
        a = random.integers(np.iinfo(left).min, np.iinfo(left).max + 1, (2, 3, 70)).astype(left)
        b = random.integers(np.iinfo(right).min, np.iinfo(right).max + 1, (70, 5)).astype(right)
        inputs.append(helper.make_tensor_value_info(f"a{i}", helper.np_dtype_to_tensor_dtype(a.dtype), a.shape))
        feed[f"a{i}"] = a
        names = [f"a{i}", f"b{i}", "", ""]
        constants.append(numpy_helper.from_array(b, f"b{i}"))
        for place, zero, kind in ((2, za, left), (3, zb, right)):
            if zero is not None:
                names[place] = f"z{place}{i}"
                constants.append(numpy_helper.from_array(np.array(zero, kind), names[place]))
        nodes.append(helper.make_node("MatMulInteger", names, [f"y{i}"]))
        outputs.append(helper.make_tensor_value_info(f"y{i}", TensorProto.INT32, None))
    graph = helper.make_graph(nodes, "net", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "m.onnx")
    expected = onnxruntime.InferenceSession(str(folder / "m.onnx"), providers=["CPUExecutionProvider"]).run(None, feed)
    for value, answer in zip(mpq.compile(folder / "m.onnx")(feed).values(), expected):
        np.testing.assert_array_equal(value, answer)
    differences = bit_exact.compare(folder / "m.onnx", feed, folder)
    assert not differences, "\n".join(map(str, differences))
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def ort_dynamic():
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path = model_file("minilm-ort-dynamic.onnx")
    if not path.exists():
        quantize_dynamic(str(MINILM.path), str(path), weight_type=QuantType.QInt8)
    return path


def test_quantized_by_onnxruntime(ort_dynamic):
    """Its encoder, in integers here as well. Where a number lies on a tie, one engine rounds it up and the other down, and
    what follows differs as much as ONNX Runtime with its optimizations differs from itself without (0.995)."""
    assert "MatMulInteger" in {node.op_type for node in onnx.load(ort_dynamic).graph.node}
    ours = mpq.compile(ort_dynamic, shape=MINILM.shape)
    total = ours.summary["integer_macs"] + ours.summary["float_macs"]
    assert ours.summary["integer_macs"] / total >= LEAST_SHARE
    theirs = onnxruntime_peer.runner(ort_dynamic)
    values = [metrics.cosine(_answers(ours, [feed])[0], theirs(feed)[0])
              for feed in data.sentence_feeds(8, data.EVALUATION)]
    assert max(values) > 0.9999 and np.mean(values) > 0.997 and min(values) > 0.99


def test_bits_of_onnxruntime_graph(ort_dynamic, folder):
    shapes = {name: (1, 16) for name in MINILM.shape}
    flags = MINILM.shape_flags(shapes)
    differences = bit_exact.compare(ort_dynamic, MINILM.random_feed(shapes, 3), folder, *flags)
    assert not differences, "\n".join(map(str, differences))
    shutil.rmtree(folder)
