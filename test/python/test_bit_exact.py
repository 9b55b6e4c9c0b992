"""Compiled code computes what the interpreter computes from the IR after `lower`, to the last bit (docs/Testing.md).

MPQ_TEST_LAYERS is the number of random layers. A layer that fails is built alone by `Layer.random(number)`.
"""

import os
import shutil

import numpy as np
import onnx
import pytest

from mpq_testing import bit_exact, kernels, layers, models, tools
from mpq_testing.layers import Layer
from mpq_testing.paths import BUILD, model_file

LAYERS = int(os.environ.get("MPQ_TEST_LAYERS", 120))
LAYERS_A_MODEL = 5  # compiling costs more than linear time, starting the compiler is cheap
FOLDER = BUILD / "bit-exact"

# ResNet-50 and SqueezeNet stop at the last feature map: their pools have the size of the whole network's.
REDUCED = {
    "ppocr-rec": (1, 3, 48, 64),
    "ppocr-det": (1, 3, 64, 96),
    "ppocr-cls": (1, 3, 48, 64),
    "minilm": (1, 16),
    "resnet50-features": (1, 3, 64, 64),
    "squeezenet-features": (1, 3, 64, 64),
}


@pytest.fixture
def folder(request):
    path = FOLDER / request.node.name.replace("/", "_")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def check(model, feed, folder, *flags):
    differences = bit_exact.compare(model, feed, folder, *flags)
    assert not differences, "\n".join(map(str, differences))
    shutil.rmtree(folder)  # what failed stays for a look


@pytest.mark.parametrize("first", range(0, LAYERS, LAYERS_A_MODEL))
def test_random_layers(first, folder):
    chosen = [Layer.random(number) for number in range(first, min(first + LAYERS_A_MODEL, LAYERS))]
    layers.save(chosen, folder / "layers.onnx")
    check(folder / "layers.onnx", {name: array for layer in chosen for name, array in layer.feed.items()}, folder)


@pytest.mark.parametrize("precision", ["bf16", "f16"])
@pytest.mark.parametrize("first", range(0, LAYERS // 2, LAYERS_A_MODEL))
def test_random_half_layers(first, precision, folder):
    """Their float products on factors of 16 bits (N-H1 to N-H3)."""
    chosen = [Layer.random(number) for number in range(first, min(first + LAYERS_A_MODEL, LAYERS))]
    layers.save(chosen, folder / "layers.onnx")
    check(folder / "layers.onnx", {name: array for layer in chosen for name, array in layer.feed.items()}, folder,
          "--precision", precision)


def profile_of(model, feeds, folder):
    for number, feed in enumerate(feeds):
        tools.save_feed(feed, folder / "calibration", str(number))
    tools.run_tool("quant-compile", model, "--calibrate", folder / "calibration", "-o", folder / "profile.json")
    return folder / "profile.json"


@pytest.mark.parametrize("first", range(0, LAYERS // 2, LAYERS_A_MODEL))
def test_random_wide_layers(first, folder):
    """Their float products on activations of 16 bits (N-W6)."""
    chosen = [Layer.random(number) for number in range(first, min(first + LAYERS_A_MODEL, LAYERS))]
    layers.save(chosen, folder / "layers.onnx")
    feed = {name: array for layer in chosen for name, array in layer.feed.items()}
    check(folder / "layers.onnx", feed, folder, "--profile", profile_of(folder / "layers.onnx", [feed], folder),
          "--precision", "int16")


# Layers that compiled code once got wrong, or that did not compile.


def max_pool(layer):
    layer.finish(layer.node("MaxPool", [layer.source(1, 12, 8, 8)], (1, 12, 4, 4), kernel_shape=[2, 2], strides=[2, 2]))


def average_pool(layer):
    layer.finish(layer.node("AveragePool", [layer.source(1, 12, 8, 9)], (1, 12, 8, 9), kernel_shape=[3, 3],
                            pads=[1, 1, 1, 1]))


def large_pool(layer):
    """What is between a pool and the operation behind it is more than a kernel may have at once."""
    value = layer.node("MaxPool", [layer.source(1, 64, 111, 111)], (1, 64, 55, 55), kernel_shape=[3, 3], strides=[2, 2])
    value = layer.node("Sigmoid", [value])
    layer.finish(layer.node("Conv", [value, layer.weights((8, 64, 1, 1), 0)], (1, 8, 55, 55)))


def grouped_convolution(layer):
    layer.finish(layer.convolution(layer.source(1, 16, 8, 8), (3, 3), 16, 2, pads=[1, 1, 1, 1]))


def grouped_convolution_in_blocks(layer):
    """Blocks of rows overlap, and each group's 12 filters fill a part of a vector."""
    layer.finish(layer.convolution(layer.source(1, 24, 20, 15), (3, 3), 36, 3, pads=[1, 1, 1, 1]))


def depthwise_convolution(layer):
    layer.finish(layer.convolution(layer.source(1, 20, 9, 9), (3, 3), 20, 20, (2, 2), pads=[1, 1, 1, 1]))


def depthwise_rows(layer):
    """More output rows than one tile of rows holds."""
    layer.finish(layer.convolution(layer.source(1, 17, 20, 23), (5, 5), 17, 17, (2, 2), pads=[2, 2, 2, 2]))


def matrix_blocks(layer):
    """Rows for two blocks of a matrix unit, the last of which overlap; columns for two vectors and one."""
    value = layer.node("MatMul", [layer.source(45, 128), layer.weights((128, 48), 1)], (45, 48))
    layer.finish(layer.node("Add", [value, layer.vector(48)]))


def matrix_rows(layer):
    """Fewer rows than a block of a matrix unit holds."""
    layer.finish(layer.node("Add", [layer.node("MatMul", [layer.source(9, 192), layer.weights((192, 32), 1)], (9, 32)),
                                    layer.vector(32)]))


def matrix_convolution(layer):
    """Pixels two apart are the rows of a matrix unit."""
    layer.finish(layer.convolution(layer.source(1, 64, 17, 37), (3, 3), 48, 1, (2, 2), pads=[1, 1, 1, 1]))


def matrix_convolution_of_short_rows(layer):
    layer.finish(layer.convolution(layer.source(1, 128, 7, 7), (3, 3), 32, 1, pads=[1, 1, 1, 1]))


def one_column(layer):
    """The bias of one column is a splat, which fills the product's init."""
    layer.finish(layer.node("Add", [layer.node("MatMul", [layer.source(7, 33), layer.weights((33, 1), 1)], (7, 1)),
                                    layer.vector(1)]))


def one_number(layer):
    layer.finish(layer.node("Add", [layer.node("MatMul", [layer.source(1, 33), layer.weights((33, 1), 1)], (1, 1)),
                                    layer.vector(1)]))


def one_column_of_integers(layer):
    """LLVM stored four bytes where a truncating masked store had one lane: neighbours of other threads were lost."""
    value = layer.node("MatMul", [layer.source(7, 16, 4), layer.source(7, 4, 1)], (7, 16, 1))
    layer.finish(value, integers=True)


def one_column_behind_a_vector(layer):
    value = layer.node("MatMul", [layer.source(64, 32, 4), layer.source(64, 4, 17)], (64, 32, 17))
    layer.finish(value, integers=True)


def products_of_activations(layer):
    """Tails behind groups of four bytes and behind vectors of columns; rows of the sum, and columns, in memory."""
    for depth, columns in ((33, 17), (64, 40), (4, 3), (100, 96)):
        left = layer.source(2, 9, depth)
        right = layer.node("Transpose", [layer.source(2, columns, depth)], (2, depth, columns), perm=[0, 2, 1])
        layer.finish(layer.node("MatMul", [left, right], (2, 9, columns)), integers=True)
        layer.finish(layer.node("MatMul", [left, layer.source(2, depth, columns)], (2, 9, columns)))
    layer.finish(layer.node("MatMul", [layer.source(9, 20), layer.source(20, 40)], (9, 40)), integers=True)


def mean_of_difference(layer):
    """The subtrahend has a lower rank; it must not decide the order of the sum (N-S1)."""
    value = layer.node("Sub", [layer.source(20, 100), layer.source(20, 1)])
    layer.finish(layer.node("ReduceMean", [value], (20, 1), axes=[1]))


def layer_norm(layer):
    layer.finish(layer.node("LayerNormalization", [layer.source(4, 20, 100), layer.vector(100), layer.vector(100)]))


def turned_pointwise_convolution(layer):
    """A large image in NCHW, turned in blocks by the product's kernel, as is its result."""
    layer.finish(layer.convolution(layer.source(1, 20, 131, 67), (1, 1), 17))


def turned_convolution(layer):
    """A large result in NCHW; odd extents end blocks early."""
    layer.finish(layer.convolution(layer.source(1, 1, 401, 331), (3, 3), 5, pads=[1, 1, 1, 1]))


def turned_product(layer):
    left = layer.node("Transpose", [layer.source(1, 61, 2999)], (1, 2999, 61), perm=[0, 2, 1])
    value = layer.node("MatMul", [left, layer.weights((61, 79), 1)], (1, 2999, 79))
    layer.finish(layer.node("Transpose", [value], (1, 79, 2999), perm=[0, 2, 1]))


def long_rows(layer):
    """Rows a page apart: few stay in the first-level cache, and tiles have fewer of them."""
    layer.finish(layer.node("MatMul", [layer.source(48, 3072), layer.weights((3072, 32), 1)], (48, 32)))


def product_in_two_directions(layer):
    """Work items are blocks of rows by blocks of columns."""
    layer.finish(layer.node("MatMul", [layer.source(96, 1024), layer.weights((1024, 128), 1)], (96, 128)))


def lstm(layer):
    """Gates that vectors do not fill, in both directions."""
    layer.finish(layers.recurrent(layer, "LSTM", 5, 2, 9, 13, "bidirectional"))


def gru(layer):
    layer.finish(layers.recurrent(layer, "GRU", 4, 1, 20, 33, linear_before_reset=0))
    layer.finish(layers.recurrent(layer, "GRU", 4, 3, 20, 33, linear_before_reset=1))


@pytest.mark.parametrize("quantized", [False, True], ids=["float", "quantized"])
@pytest.mark.parametrize("build", [max_pool, average_pool, large_pool, grouped_convolution,
                                   grouped_convolution_in_blocks, depthwise_convolution, depthwise_rows, matrix_blocks,
                                   matrix_rows, matrix_convolution, matrix_convolution_of_short_rows, one_column,
                                   one_number, one_column_of_integers, one_column_behind_a_vector,
                                   products_of_activations, mean_of_difference, layer_norm,
                                   turned_pointwise_convolution, turned_convolution, turned_product, long_rows,
                                   product_in_two_directions, lstm, gru], ids=lambda build: build.__name__)
def test_layer(build, quantized, folder):
    layer = Layer(build.__name__, quantized=quantized)
    build(layer)
    layers.save([layer], folder / "layer.onnx")
    check(folder / "layer.onnx", layer.feed, folder)


def matrix_vector(layer):
    """One row for a matrix unit, and columns that fill no pair of vectors."""
    layer.finish(layer.node("Add", [layer.node("MatMul", [layer.source(1, 320), layer.weights((320, 43), 1)], (1, 43)),
                                    layer.vector(43)]))


def steps_of_channels(layer):
    """Runs of 24 channels in steps of 24, of 80 in steps of 16 (two and a half of 32), of 20 in none of equal pairs."""
    for channels in (24, 80, 20, 7):
        layer.finish(layer.convolution(layer.source(1, channels, 9, 11), (3, 3), 33, pads=[1, 1, 1, 1]))


def tiny_numbers(layer):
    """Sums among subnormal numbers, which matrix units flush and fma keeps; infinities and NaN."""
    value = layer.node("MatMul", [layer.source(16, 64), layer.weights((64, 32), 1)], (16, 32))
    layer.finish(value)
    for name, array in layer.feed.items():
        small = array.astype(np.float64) * 2.0 ** np.linspace(-110, -128, array.size).reshape(array.shape)
        small[0, 3], small[1, 4], small[2, 5] = np.inf, -np.inf, np.nan
        layer.feed[name] = small.astype(np.float32)


@pytest.mark.parametrize("precision", ["bf16", "f16"])
@pytest.mark.parametrize("build", [grouped_convolution, depthwise_convolution, matrix_blocks, matrix_rows,
                                   matrix_convolution, matrix_convolution_of_short_rows, one_column, one_number,
                                   turned_pointwise_convolution, turned_convolution, turned_product, long_rows,
                                   product_in_two_directions, lstm, gru, matrix_vector, steps_of_channels,
                                   tiny_numbers], ids=lambda build: build.__name__)
def test_half_layer(build, precision, folder):
    layer = Layer(build.__name__, quantized=False)
    build(layer)
    layers.save([layer], folder / "layer.onnx")
    check(folder / "layer.onnx", layer.feed, folder, "--precision", precision)


def reduced(name: str):
    """A copy of the network whose inputs have the reduced shape, and that shape."""
    model = models.BY_NAME[name]
    network = onnx.load(model.path)
    shapes = {}
    for graph_input in network.graph.input:
        if graph_input.name not in model.shape:
            continue
        shapes[graph_input.name] = REDUCED[name]
        dims = graph_input.type.tensor_type.shape.dim
        for dim, extent in zip(dims, REDUCED[name], strict=True):
            dim.dim_value = extent
    del network.graph.value_info[:]
    for output in network.graph.output:
        output.type.tensor_type.ClearField("shape")
    path = model_file(f"{name}-reduced.onnx")
    onnx.save(network, path)
    return path, shapes


@pytest.mark.parametrize("name", REDUCED)
def test_float_network(name, folder):
    path, shapes = reduced(name)
    check(path, models.BY_NAME[name].random_feed(shapes, 1), folder, "--precision", "f32")


@pytest.mark.parametrize("precision", ["bf16", "f16"])
@pytest.mark.parametrize("name", REDUCED)
def test_half_network(name, precision, folder):
    path, shapes = reduced(name)
    check(path, models.BY_NAME[name].random_feed(shapes, 1), folder, "--precision", precision)


@pytest.mark.skipif("x86-amx" not in bit_exact.TARGETS, reason="no AMX")
@pytest.mark.parametrize("name", ["ppocr-rec", "minilm", "squeezenet-features"])
def test_half_network_at_full_size(name, folder):
    """Tiles of a matrix unit for whole extents, of which reduced networks have few."""
    model = models.BY_NAME[name]
    lowered = folder / "lowered.mlirbc"
    tools.lower(model, "bf16", "x86-amx", lowered)
    differences = bit_exact.compare_lowered(lowered, model.random_feed(model.shape, 1), folder, ["x86-amx"], (2,))
    assert not differences, "\n".join(map(str, differences))
    shutil.rmtree(folder)


@pytest.mark.parametrize("build", [grouped_convolution, depthwise_convolution, matrix_blocks, matrix_rows,
                                   matrix_convolution, one_column, one_number, turned_convolution, turned_product,
                                   products_of_activations, long_rows, product_in_two_directions, lstm, matrix_vector],
                         ids=lambda build: build.__name__)
def test_wide_layer(build, folder):
    layer = Layer(build.__name__, quantized=False)
    build(layer)
    layers.save([layer], folder / "layer.onnx")
    profile = profile_of(folder / "layer.onnx", [layer.feed], folder)
    check(folder / "layer.onnx", layer.feed, folder, "--profile", profile, "--precision", "int16")


@pytest.mark.parametrize("precision", ["int8", "int16"])
@pytest.mark.parametrize("name", REDUCED)
def test_integer_network(name, precision, folder):
    path, shapes = reduced(name)
    feed = models.BY_NAME[name].random_feed
    profile = profile_of(path, [feed(shapes, seed) for seed in (2, 3)], folder)
    check(path, feed(shapes, 1), folder, "--profile", profile, "--precision", precision)


# Float code on a machine with tile registers is that of AVX-512. Files of arrays hold no bf16, which kernels for AMX read.
@pytest.mark.parametrize("precision, target", [(precision, target) for precision in ("f32", "int8", "bf16")
                                               for target in bit_exact.TARGETS
                                               if (precision, target) != ("f32", "x86-amx")
                                               and (precision != "bf16" or target == "x86-avx2")])
@pytest.mark.parametrize("model", models.SIX, ids=lambda model: model.name)
def test_kernels(model, precision, target, folder):
    """Every kernel at full size, each on inputs of its own. How weights are packed depends on the target."""
    lowered, isolated = folder / "lowered.mlirbc", folder / "isolated.mlirbc"
    tools.lower(model, precision, target, lowered)
    kernels.isolate(lowered, isolated)
    differences = bit_exact.compare_lowered(isolated, kernels.random_feed(isolated, 1), folder, [target], sample=1000)
    assert not differences, "\n".join(map(str, differences))
    shutil.rmtree(folder)
