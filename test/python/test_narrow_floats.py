"""Floats of 8 and 4 bits (N-E, N-W5): all codes, all rounding boundaries, and products with such weights."""

import json
import shutil

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest

import mpq
from mpq_testing import bit_exact, data, layers, metrics, models, tools
from mpq_testing.layers import Layer
from mpq_testing.narrow_floats import E2M1, E4M3, E5M2, FORMATS, exponent_code, exponent_number, quantize
from mpq_testing.paths import BUILD

PRECISIONS = ("fp8_e4m3", "fp8_e5m2", "mxfp8", "mxfp4", "mxint8")
MINILM = models.BY_NAME["minilm"]


@pytest.fixture
def folder(request):
    path = BUILD / "narrow-floats" / request.node.name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def generic(name, source, target, count, body):
    """A function of one tensor, element by element."""
    return f"""func.func @model(%x: tensor<{count}x{source}> {{mpq.name = "x"}}) -> (tensor<{count}x{target}> {{mpq.name = "{name}"}}) {{
  %e = tensor.empty() : tensor<{count}x{target}>
  %r = linalg.generic {{indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}}
      ins(%x : tensor<{count}x{source}>) outs(%e : tensor<{count}x{target}>) {{
  ^bb0(%in: {source}, %out: {target}):
{body}
    linalg.yield %result : {target}
  }} -> tensor<{count}x{target}>
  return %r : tensor<{count}x{target}>
}}
"""


def run(folder, text, values):
    """The interpreter's results, which those of compiled code equal."""
    (folder / "m.mlir").write_text(text)
    differences = bit_exact.compare_lowered(folder / "m.mlir", {"x": values}, folder)
    assert not differences, "\n".join(map(str, differences))
    return np.load(next((folder / "reference").glob("*.npy")))


def same(actual, expected):
    return np.array_equal(actual, expected, equal_nan=True) and np.array_equal(
        np.signbit(actual) & ~np.isnan(actual), np.signbit(expected) & ~np.isnan(expected))


TYPES = {"f8E4M3FN": (8, E4M3.number, ml_dtypes.float8_e4m3fn), "f8E5M2": (8, E5M2.number, ml_dtypes.float8_e5m2),
         "f4E2M1FN": (4, E2M1.number, ml_dtypes.float4_e2m1fn),
         "f8E8M0FNU": (8, exponent_number, ml_dtypes.float8_e8m0fnu)}


@pytest.mark.parametrize("kind", TYPES)
def test_all_codes(kind, folder):
    bits, number, dtype = TYPES[kind]
    codes = np.arange(1 << bits, dtype=np.uint8)
    code = "%in" if bits == 8 else "%code"
    body = "" if bits == 8 else "    %code = arith.trunci %in : i8 to i4\n"
    body += f"""    %f = arith.bitcast {code} : i{bits} to {kind}
    %result = arith.extf %f : {kind} to f32"""
    got = run(folder, generic("y", "i8", "f32", len(codes), body), codes.view(np.int8))
    assert same(got, np.array([number(int(c)) for c in codes], np.float32))
    assert same(got, codes.view(dtype).astype(np.float32))


def test_values():
    """The limits that the specifications print."""
    assert (E4M3.largest, E4M3.number(1), E4M3.number(8)) == (448, 2.0**-9, 2.0**-6)
    assert (E5M2.largest, E5M2.number(1), E5M2.number(4)) == (57344, 2.0**-16, 2.0**-14)
    assert [E2M1.number(code) for code in range(8)] == [0, 0.5, 1, 1.5, 2, 3, 4, 6]


def inputs(points):
    random = np.random.default_rng(3).integers(0, 2**32, 20000, dtype=np.uint64).astype(np.uint32).view(np.float32)
    moderate = np.random.default_rng(4).standard_normal(20000).astype(np.float32) * np.float32(30)
    special = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e-38, 3.4028235e38, -3.4028235e38], np.float32)
    return np.concatenate([points, special, random, moderate])


@pytest.mark.parametrize("saturating", [False, True])
@pytest.mark.parametrize("fmt", FORMATS, ids=lambda f: f.name)
def test_all_boundaries(fmt, saturating, folder):
    """f32 to codes; saturating conversion is a limit in f32 before it."""
    x = inputs(fmt.boundaries())
    body, value = "", "%in"
    if saturating:
        body = f"""    %high = arith.constant {fmt.largest} : f32
    %low = arith.constant {-fmt.largest} : f32
    %a = arith.minimumf %in, %high : f32
    %b = arith.maximumf %a, %low : f32
"""
        value = "%b"
    body += f"""    %f = arith.truncf {value} : f32 to {fmt.mlir}
    %code = arith.bitcast %f : {fmt.mlir} to i{fmt.bits}
"""
    if fmt.bits == 4:
        body += "    %result = arith.extui %code : i4 to i8"
    else:
        body = body.replace("%code", "%result")
    got = run(folder, generic("y", "f32", "i8", len(x), body), x).view(np.uint8)
    assert np.array_equal(got, [fmt.code(v, saturating) for v in x])
    theirs = TYPES[fmt.mlir][2]
    numbers = ~np.isnan(x)
    limited = np.clip(x, -fmt.largest, fmt.largest) if saturating else x
    with np.errstate(invalid="ignore", over="ignore"):
        other = limited.astype(theirs)
        # NaN's sign is not part of a result.
        isnan = np.isnan(got.view(theirs).astype(np.float32)) & np.isnan(other.astype(np.float32))
        same_codes = other.view(np.uint8) == got
    assert np.all((same_codes | isnan)[numbers])


def test_exponents(folder):
    powers = np.ldexp(np.float32(1), np.arange(-149, 128)).astype(np.float32)
    x = inputs(np.concatenate([powers, np.nextafter(powers, np.float32(np.inf)), np.nextafter(powers, np.float32(0))]))
    body = """    %f = arith.truncf %in : f32 to f8E8M0FNU
    %result = arith.bitcast %f : f8E8M0FNU to i8"""
    got = run(folder, generic("y", "f32", "i8", len(x), body), x).view(np.uint8)
    assert np.array_equal(got, [exponent_code(v) for v in x])


def linear(rows, depth, columns, seed=0):
    layer = Layer("linear", seed=seed)
    value = layer.node("MatMul", [layer.source(rows, depth), layer.weights((depth, columns), 1)], (rows, columns))
    layer.finish(layer.node("Relu", [layer.node("Add", [value, layer.vector(columns)])]))
    return layer


@pytest.mark.parametrize("shape", [(1, 150, 37), (3, 32, 64), (5, 20, 9), (17, 257, 48)], ids=str)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_bits(precision, shape, folder):
    """Blocks that the depth does not fill, columns that vectors do not."""
    layer = linear(*shape)
    layers.save([layer], folder / "layer.onnx")
    differences = bit_exact.compare(folder / "layer.onnx", layer.feed, folder, "--precision", precision)
    assert not differences, "\n".join(map(str, differences))
    tools.run_tool("quant-compile", folder / "layer.onnx", "--precision", precision, "--to", "lower", "--emit", "mlir",
                   "-o", folder / "lowered.mlir")
    assert "mpq.block_contract" in (folder / "lowered.mlir").read_text()
    shutil.rmtree(folder)


def test_bits_of_dynamic_rows(folder):
    layer = linear(5, 150, 37)
    layers.save([layer], folder / "layer.onnx")
    (folder / "recipe.json").write_text(json.dumps({"precision": "mxint8", "activations": "dynamic"}))
    differences = bit_exact.compare(folder / "layer.onnx", layer.feed, folder, "--recipe", folder / "recipe.json")
    assert not differences, "\n".join(map(str, differences))
    shutil.rmtree(folder)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("first", range(0, 20, 5))
def test_random_layers(first, precision, folder):
    chosen = [Layer.random(number) for number in range(first, first + 5)]
    layers.save(chosen, folder / "layers.onnx")
    feed = {name: array for layer in chosen for name, array in layer.feed.items()}
    differences = bit_exact.compare(folder / "layers.onnx", feed, folder, "--precision", precision)
    assert not differences, "\n".join(map(str, differences))
    shutil.rmtree(folder)


def product(weights, rows=4):
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    depth, columns = weights.shape
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph([node], "product", [value("x", onnx.TensorProto.FLOAT, [rows, depth])],
                                   [value("y", onnx.TensorProto.FLOAT, [rows, columns])],
                                   [onnx.numpy_helper.from_array(weights, "w")])
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])


def difficult_weights(depth=96, columns=40):
    """Columns of many sizes, one of zeros, blocks of zeros, weights that vanish next to others."""
    random = np.random.default_rng(8)
    weights = random.standard_normal((depth, columns)) * 2.0**random.integers(-20, 10, columns)
    weights *= 2.0**random.integers(-12, 1, (depth, columns))
    weights[:, 3] = 0
    weights[32:64, 5] = 0
    weights[0, 7] = 1e-35
    return weights.astype(np.float32)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_numbers(precision):
    """Rows of the identity read each weight: what NumPy makes of the definitions."""
    weights = difficult_weights()
    program = mpq.compile(product(weights, rows=len(weights)), precision=precision)
    got = program({"x": np.eye(len(weights), dtype=np.float32)})["y"]
    numbers, scales = quantize(weights, precision)
    assert np.array_equal(got, numbers * scales)
    error = np.linalg.norm(got - weights) / np.linalg.norm(weights)
    assert error < {"fp8_e4m3": 0.04, "fp8_e5m2": 0.08, "mxfp8": 0.06, "mxfp4": 0.2, "mxint8": 0.02}[precision]


@pytest.mark.parametrize("precision, bits", [("fp8_e4m3", 8), ("fp8_e5m2", 8), ("mxfp8", 8.25), ("mxfp4", 4.25),
                                             ("mxint8", 8.25)])
def test_size(precision, bits):
    """Codes stay codes; scales of MX blocks are a byte each where few rows wait for them."""
    program = mpq.compile(product(difficult_weights(1024, 128), rows=1), precision=precision)
    scales = 4 * 128 if precision.startswith("fp8") else 0
    assert program.weights_bytes <= bits / 8 * 1024 * 128 + scales + 128


@pytest.mark.parametrize("precision", ["fp8_e4m3", "fp8_e5m2", "mxfp8", "mxint8"])
def test_export(precision, folder):
    """A file has the same codes: what comes back computes the same bits, and ONNX Runtime the same numbers."""
    model = product(difficult_weights())
    onnx.save(model, folder / "m.onnx")
    log = tools.run_tool("quant-compile", folder / "m.onnx", "--precision", precision, "--emit", "onnx", "-o",
                         folder / "q.onnx")
    assert "float:" not in log
    x = np.random.default_rng(5).standard_normal((4, 96)).astype(np.float32)
    ours = mpq.compile(model, precision=precision)({"x": x})["y"]
    assert np.array_equal(mpq.compile(folder / "q.onnx")({"x": x})["y"], ours)
    options = onnxruntime.SessionOptions()  # optimized, it would round activations, too
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    theirs = onnxruntime.InferenceSession(folder / "q.onnx", options).run(None, {"x": x})[0]
    assert metrics.relative_error(theirs, ours) < 1e-6


def test_export_of_fp4(folder):
    onnx.save(product(difficult_weights()), folder / "m.onnx")
    log = tools.run_tool("quant-compile", folder / "m.onnx", "--precision", "mxfp4", "--emit", "onnx", "-o",
                         folder / "q.onnx")
    assert "stay float: they are FP4, which engines cannot dequantize" in log


def dequantized(data_type, raw):
    """A model of weights (64, 16) in some type, with a scale for each column."""
    tensors = [onnx.helper.make_tensor("w", data_type, [64, 16], raw, raw=True),
               onnx.numpy_helper.from_array(np.linspace(0.5, 2, 16, dtype=np.float32), "s")]
    nodes = [onnx.helper.make_node("DequantizeLinear", ["w", "s"], ["d"], axis=1),
             onnx.helper.make_node("MatMul", ["x", "d"], ["y"])]
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(nodes, "codes", [value("x", onnx.TensorProto.FLOAT, [64, 64])],
                                   [value("y", onnx.TensorProto.FLOAT, [64, 16])], tensors)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 23)])


@pytest.mark.parametrize("fmt, data_type", [(E4M3, onnx.TensorProto.FLOAT8E4M3FN), (E5M2, onnx.TensorProto.FLOAT8E5M2),
                                            (E2M1, onnx.TensorProto.FLOAT4E2M1)], ids=["E4M3", "E5M2", "E2M1"])
def test_import(fmt, data_type):
    """Models with such weights; all codes that are numbers."""
    finite = np.flatnonzero(np.isfinite(fmt.numbers)).astype(np.uint8)
    codes = np.resize(finite, 64 * 16)
    raw = codes if fmt.bits == 8 else codes[::2] | codes[1::2] << 4
    program = mpq.compile(dequantized(data_type, raw.tobytes()))
    assert program.weights_bytes < 64 * 16 * 1.25
    expected = fmt.numbers[codes].reshape(64, 16).astype(np.float32) * np.linspace(0.5, 2, 16, dtype=np.float32)
    assert np.array_equal(program({"x": np.eye(64, dtype=np.float32)})["y"], expected)


def test_import_of_infinity(folder):
    """Codes that are no numbers take the way of floats."""
    codes = np.full(64 * 16, 0x7c, np.uint8)
    program = mpq.compile(dequantized(onnx.TensorProto.FLOAT8E5M2, codes.tobytes()))
    assert np.all(np.isposinf(program({"x": np.ones((64, 64), np.float32)})["y"]))


def test_import_elsewhere():
    codes = np.zeros(64 * 16, np.uint8)
    model = dequantized(onnx.TensorProto.FLOAT8E5M2, codes.tobytes())
    model.graph.node[0].op_type = "Cast"
    del model.graph.node[0].input[1], model.graph.node[0].attribute[:]
    model.graph.node[0].attribute.append(onnx.helper.make_attribute("to", onnx.TensorProto.FLOAT))
    with pytest.raises(mpq.Error, match="expected floats of 8 and 4 bits as input of DequantizeLinear only but 'w'"):
        mpq.compile(model)


def test_convolutions_stay(folder):
    layer = Layer("conv")
    layer.finish(layer.convolution(layer.source(1, 8, 9, 11), (3, 3), 40))
    layers.save([layer], folder / "layer.onnx")
    quantized = mpq.quantize(folder / "layer.onnx", precision="mxfp4")
    conv, = (op for op in quantized.record["operations"] if op["op"] == "conv")
    assert conv["precision"] == "f32"
    assert conv["reason"] == "only matrix products with constant weights have them in mxfp4"
    shutil.rmtree(folder)


def test_huge_weights_stay():
    quantized = mpq.quantize(product(difficult_weights() * np.float32(1e30)), precision="mxfp8")
    op, = (op for op in quantized.record["operations"] if op["op"] == "matmul")
    assert op["precision"] == "f32" and "below 2^100" in op["reason"]


@pytest.mark.parametrize("precision, least", [("fp8_e4m3", 0.99), ("fp8_e5m2", 0.98), ("mxfp8", 0.99), ("mxfp4", 0.8),
                                              ("mxint8", 0.999)])
def test_sentence_encoder(precision, least):
    feeds = data.sentence_feeds(4, data.EVALUATION)
    exact = mpq.compile(MINILM.path, shape=MINILM.shape)
    ours = mpq.compile(MINILM.path, precision=precision, shape=MINILM.shape)
    cosines = [metrics.cosine(*(next(iter(run(feed).values())) for run in (ours, exact))) for feed in feeds]
    assert least < np.mean(cosines) < 0.99999
