"""Random layers: small ONNX graphs of one root operator with what surrounds it in networks.

A layer follows from its number alone, so that one that fails in a model of many can be built again on its own.
Extents are chosen to leave a tail behind every vector and tile width.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

EXTENTS = (1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 23, 31, 32, 33, 40, 48, 63, 64, 65, 96, 100)
OPSET = 17


class Layer:
    """The nodes of one layer, built by its methods; every name begins with PREFIX."""

    def __init__(self, prefix: str, seed: int = 0, quantized: bool = False):
        self.prefix = prefix
        self.rng = np.random.default_rng([2026, seed])
        self.nodes, self.constants, self.inputs, self.outputs = [], [], [], []
        self.feed = {}
        self.shapes = {}
        self.quantized = quantized

    @classmethod
    def random(cls, number: int) -> "Layer":
        layer = cls(f"l{number}", number)
        layer.quantized = bool(layer.rng.random() < 0.6)
        value = ROOTS[number % len(ROOTS)](layer)
        for _ in range(layer.rng.integers(0, 4)):
            value = layer.pick(TAILS)(layer, value)
        layer.finish(value, integers=layer.quantized and layer.rng.random() < 0.8)
        return layer

    def finish(self, value: str, integers: bool = False) -> None:
        """Makes VALUE the output, quantized to u8 if it is to have INTEGERS."""
        if integers:
            value = self.node("QuantizeLinear", [value, *self.parameters(-4, 4)])
        self.outputs.append((value, TensorProto.UINT8 if integers else TensorProto.FLOAT))

    # Helpers ---------------------------------------------------------------------------------------------------------

    def pick(self, choices):
        return choices[self.rng.integers(len(choices))]

    def extent(self, limit=100) -> int:
        return int(self.pick([e for e in EXTENTS if e <= limit]))

    def name(self, what: str) -> str:
        return f"{self.prefix}_{what}{len(self.nodes) + len(self.constants) + len(self.inputs)}"

    def constant(self, array) -> str:
        name = self.name("c")
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def integers(self, *numbers) -> str:
        return self.constant(np.array(numbers, np.int64))

    def node(self, op, inputs, shape=None, domain="", **attributes) -> str:
        """Adds a node; without SHAPE the result has the shape of the first input."""
        name = self.name("v")
        self.nodes.append(helper.make_node(op, inputs, [name], name=f"{self.prefix}/{op}{len(self.nodes)}",
                                           domain=domain, **attributes))
        self.shapes[name] = tuple(shape) if shape is not None else self.shapes[inputs[0]]
        return name

    def source(self, *shape) -> str:
        name = self.name("x")
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        self.feed[name] = self.rng.normal(0, 2, shape).astype(np.float32)
        self.shapes[name] = tuple(shape)
        return self.requantized(name)

    def parameters(self, low: float, high: float) -> list[str]:
        """Scale and zero point of a u8 range; it need not contain every value."""
        scale = np.float32((high - low) / 255 * self.rng.uniform(0.5, 1.5))
        return [self.constant(scale), self.constant(np.uint8(self.pick((0, 3, 97, 128, 255, self.rng.integers(256)))))]

    def requantized(self, value: str, low=-6, high=6) -> str:
        """VALUE behind QuantizeLinear and DequantizeLinear, in a quantized layer."""
        if not self.quantized:
            return value
        parameters = self.parameters(low, high)
        return self.node("DequantizeLinear", [self.node("QuantizeLinear", [value, *parameters]), *parameters])

    def weights(self, shape, axis: int) -> str:
        """Weights with about unit gain; s8 with a scale for each channel in a quantized layer."""
        fan_in = max(1, int(np.prod(shape)) // shape[axis])
        if not self.quantized:
            return self.constant((self.rng.normal(0, 1, shape) / np.sqrt(fan_in)).astype(np.float32))
        # Also such as are held in 4 or 2 bits; they need not be symmetric.
        low, high = self.pick(((-127, 127), (-127, 127), (-8, 7), (-3, 12), (-2, 1)))
        values = self.rng.integers(low, high + 1, shape).astype(np.int8)
        channels = shape[axis] if self.rng.random() < 0.8 else 1
        scales = (self.rng.uniform(0.3, 1.5, channels) / 0.55 / high / np.sqrt(fan_in)).astype(np.float32)
        if channels == 1:
            return self.node("DequantizeLinear", [self.constant(values), self.constant(scales[0]),
                                                  self.constant(np.int8(0))], shape)
        return self.node("DequantizeLinear", [self.constant(values), self.constant(scales),
                                              self.constant(np.zeros(channels, np.int8))], shape, axis=axis)

    def vector(self, length: int, low=-1.0, high=1.0) -> str:
        return self.constant(self.rng.uniform(low, high, length).astype(np.float32))

    def image(self, limit=40, channels=None) -> str:
        height, width = self.extent(limit), self.extent(limit)
        return self.source(self.pick((1, 1, 1, 2)), channels or self.extent(), height, width)

    def convolution(self, value, kernel, channels, group=1, strides=(1, 1), dilations=(1, 1), pads=(0, 0, 0, 0)):
        batch, depth, *extents = self.shapes[value]
        pads = list(pads)
        out = []
        for d in range(2):
            reach = (kernel[d] - 1) * dilations[d] + 1
            pads[d + 2] += max(0, reach - extents[d] - pads[d] - pads[d + 2])  # at least one window
            out.append((extents[d] + pads[d] + pads[d + 2] - reach) // strides[d] + 1)
        inputs = [value, self.weights((channels, depth // group, *kernel), 0)]
        if self.rng.random() < 0.7:
            inputs.append(self.vector(channels))
        return self.node("Conv", inputs, (batch, channels, *out), kernel_shape=list(kernel), group=group,
                         strides=list(strides), dilations=list(dilations), pads=pads)


# Roots ---------------------------------------------------------------------------------------------------------------


def conv_kxk(layer):
    kernel = (int(layer.pick((1, 2, 3, 5, 7))), int(layer.pick((1, 2, 3, 5))))
    pads = layer.rng.integers(0, 3, 4).tolist()
    strides = layer.pick(((1, 1), (1, 1), (2, 2), (2, 1), (3, 2)))
    dilations = layer.pick(((1, 1), (1, 1), (1, 1), (2, 2), (1, 3)))
    return layer.convolution(layer.image(25, layer.extent(40)), kernel, layer.extent(), 1, strides, dilations, pads)


def conv_1x1(layer):
    strides = layer.pick(((1, 1), (1, 1), (1, 1), (2, 2)))
    return layer.convolution(layer.image(33), (1, 1), layer.extent(), strides=strides)


def depthwise(layer):
    value = layer.image(33)
    channels = layer.shapes[value][1]
    size = int(layer.pick((3, 3, 5, 7)))
    strides = layer.pick(((1, 1), (1, 1), (2, 2), (2, 1)))
    return layer.convolution(value, (size, size), channels, channels, strides, pads=[size // 2] * 4)


def grouped(layer):
    group = int(layer.pick((2, 3, 4)))
    value = layer.image(20, group * layer.extent(20))
    return layer.convolution(value, (3, 3), group * layer.extent(20), group, pads=[1, 1, 1, 1])


def linear(layer):
    """A product with constant weights, of two or three dimensions."""
    rows, depth, columns = layer.extent(), layer.extent(), layer.extent()
    leading = layer.pick(((), (1,), (2,), (3,)))
    value = layer.source(*leading, rows, depth)
    value = layer.node("MatMul", [value, layer.weights((depth, columns), 1)], (*leading, rows, columns))
    return layer.node("Add", [value, layer.vector(columns)]) if layer.rng.random() < 0.7 else value


def gemm(layer):
    rows, depth, columns = layer.extent(), layer.extent(), layer.extent()
    transposed = int(layer.rng.integers(2))
    shape = (columns, depth) if transposed else (depth, columns)
    inputs = [layer.source(rows, depth), layer.weights(shape, 1 - transposed), layer.vector(columns)]
    return layer.node("Gemm", inputs, (rows, columns), transB=transposed)


def batch_product(layer):
    """A product of two activations, as in attention."""
    batch, rows, depth, columns = layer.extent(12), layer.extent(65), layer.extent(65), layer.extent(65)
    left = layer.source(batch, rows, depth)
    if layer.rng.random() < 0.5:
        right = layer.source(batch, depth, columns)
    else:
        right = layer.node("Transpose", [layer.source(batch, columns, depth)], (batch, depth, columns), perm=[0, 2, 1])
    return layer.node("MatMul", [left, right], (batch, rows, columns))


def attention(layer):
    """Rows, a split into heads, products with each other and a softmax."""
    length, heads, size = layer.extent(40), int(layer.pick((1, 2, 3))), layer.extent(33)
    value = layer.source(1, length, heads * size)
    parts = []
    for order in ((0, 2, 1, 3), (0, 2, 3, 1), (0, 2, 1, 3)):
        part = layer.node("MatMul", [value, layer.weights((heads * size, heads * size), 1)])
        part = layer.requantized(layer.node("Add", [part, layer.vector(heads * size)]))
        part = layer.node("Reshape", [part, layer.integers(1, length, heads, size)], (1, length, heads, size))
        extents = (1, length, heads, size)
        parts.append(layer.node("Transpose", [part], [extents[d] for d in order], perm=list(order)))
    scores = layer.node("MatMul", parts[:2], (1, heads, length, length))
    scores = layer.node("Div", [scores, layer.constant(np.float32(np.sqrt(size)))])
    weights = layer.requantized(layer.node("Softmax", [scores], axis=-1), 0, 1)
    mixed = layer.node("MatMul", [weights, parts[2]], (1, heads, length, size))
    mixed = layer.node("Transpose", [mixed], (1, length, heads, size), perm=[0, 2, 1, 3])
    return layer.node("Reshape", [mixed, layer.integers(1, length, heads * size)], (1, length, heads * size))


def pool(layer):
    value = layer.image(33)
    batch, channels, *extents = layer.shapes[value]
    kernel = [min(int(layer.pick((2, 3, 5))), e) for e in extents]
    strides = [int(layer.pick((1, 2))) for _ in kernel]
    pads = [int(layer.rng.integers(0, k // 2 + 1)) for k in kernel] * 2
    out = [(e + 2 * pads[d] - kernel[d]) // strides[d] + 1 for d, e in enumerate(extents)]
    op = layer.pick(("MaxPool", "AveragePool"))
    extra = {"count_include_pad": int(layer.rng.integers(2))} if op == "AveragePool" else {}
    return layer.node(op, [value], (batch, channels, *out), kernel_shape=kernel, strides=strides, pads=pads, **extra)


def global_pool(layer):
    value = layer.image(33)
    op = layer.pick(("GlobalAveragePool", "GlobalAveragePool", "GlobalMaxPool"))
    return layer.node(op, [value], (*layer.shapes[value][:2], 1, 1))


def squeeze_excite(layer):
    value = layer.image(20)
    batch, channels, *_ = layer.shapes[value]
    gate = layer.node("GlobalAveragePool", [value], (batch, channels, 1, 1))
    gate = layer.node("Relu", [layer.convolution(layer.requantized(gate), (1, 1), layer.extent(24))])
    gate = layer.node("HardSigmoid", [layer.convolution(layer.requantized(gate), (1, 1), channels)], alpha=0.2)
    return layer.node("Mul", [value, layer.requantized(gate, 0, 1)])


def softmax(layer):
    value = layer.source(*[layer.extent(33) for _ in range(layer.rng.integers(1, 4))])
    axis = -1 if layer.rng.random() < 0.7 else 0
    return layer.node("Softmax", [value], axis=axis)


def layer_norm(layer):
    value = layer.source(layer.extent(20), layer.extent(20), layer.extent())
    extent = layer.shapes[value][-1]
    if layer.rng.random() < 0.4:
        return layer.node("LayerNormalization", [value, layer.vector(extent, 0.5, 1.5), layer.vector(extent)], axis=-1)
    mean_shape = layer.shapes[value][:-1] + (1,)
    centered = layer.node("Sub", [value, layer.node("ReduceMean", [value], mean_shape, axes=[-1])])
    square = layer.node("Pow", [centered, layer.constant(np.float32(2))])
    variance = layer.node("ReduceMean", [square], mean_shape, axes=[-1])
    deviation = layer.node("Sqrt", [layer.node("Add", [variance, layer.constant(np.float32(1e-5))])])
    normal = layer.node("Div", [centered, deviation])
    return layer.node("Add", [layer.node("Mul", [normal, layer.vector(extent, 0.5, 1.5)]), layer.vector(extent)])


def reduction(layer):
    shape = [layer.extent(33) for _ in range(layer.rng.integers(2, 5))]
    axes = sorted(layer.rng.choice(len(shape), layer.rng.integers(1, len(shape)), replace=False).tolist())
    op = layer.pick(("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2"))
    out = [1 if d in axes else e for d, e in enumerate(shape)]
    return layer.node(op, [layer.source(*shape)], out, axes=axes)


def concat(layer):
    value = layer.image(20)
    batch, channels, height, width = layer.shapes[value]
    others = [layer.source(batch, layer.extent(40), height, width) for _ in range(layer.rng.integers(1, 3))]
    if layer.rng.random() < 0.5:
        others[0] = layer.convolution(others[0], (3, 3), layer.extent(40), pads=[1, 1, 1, 1])
    parts = [value, *others]
    return layer.node("Concat", parts, (batch, sum(layer.shapes[p][1] for p in parts), height, width), axis=1)


def resize(layer):
    value = layer.image(20)
    batch, channels, height, width = layer.shapes[value]
    factor = int(layer.pick((2, 2, 4)))
    return layer.node("Resize", [value, "", layer.constant(np.array([1, 1, factor, factor], np.float32))],
                      (batch, channels, height * factor, width * factor), mode="nearest",
                      coordinate_transformation_mode="asymmetric", nearest_mode="floor")


def transposed_convolution(layer):
    value = layer.image(12, layer.extent(33))
    batch, depth, height, width = layer.shapes[value]
    channels = layer.extent(33)
    inputs = [value, layer.weights((depth, channels, 2, 2), 1), layer.vector(channels)]
    return layer.node("ConvTranspose", inputs, (batch, channels, height * 2, width * 2), kernel_shape=[2, 2],
                      strides=[2, 2])


def residual(layer):
    value = layer.image(20, layer.extent(48))
    channels = layer.shapes[value][1]
    branch = layer.convolution(value, (3, 3), channels, pads=[1, 1, 1, 1])
    branch = layer.requantized(layer.node("Relu", [branch]), 0, 6)
    branch = layer.convolution(branch, (1, 1), channels)
    return layer.node("Add", [layer.requantized(branch), value])


def elementwise(layer):
    value = layer.source(*[layer.extent(20) for _ in range(layer.rng.integers(1, 5))])
    shape = layer.shapes[value]
    other_shape = [1 if layer.rng.random() < 0.4 else e for e in shape]
    op = layer.pick(("Add", "Sub", "Mul", "Div", "Min", "Max"))
    return layer.node(op, [value, layer.source(*other_shape)])


def transpose(layer):
    shape = [layer.extent(33) for _ in range(layer.rng.integers(2, 5))]
    order = layer.rng.permutation(len(shape)).tolist()
    return layer.node("Transpose", [layer.source(*shape)], [shape[d] for d in order], perm=order)


def padding(layer):
    value = layer.image(20)
    batch, channels, height, width = layer.shapes[value]
    top, left, bottom, right = (int(n) for n in layer.rng.integers(0, 4, 4))
    fill = layer.constant(np.float32(layer.pick((0, 0, 1.5))))
    return layer.node("Pad", [value, layer.integers(0, 0, top, left, 0, 0, bottom, right), fill],
                      (batch, channels, height + top + bottom, width + left + right), mode="constant")


def normalized_convolution(layer):
    value = conv_kxk(layer)
    channels = layer.shapes[value][1]
    inputs = [value, layer.vector(channels, 0.5, 1.5), layer.vector(channels), layer.vector(channels),
              layer.vector(channels, 0.5, 2)]
    return layer.node("BatchNormalization", inputs)


def slices(layer):
    value = layer.image(33)
    batch, channels, height, width = layer.shapes[value]
    begin, step = int(layer.rng.integers(0, width)), int(layer.pick((1, 1, 2)))
    value = layer.node("Slice", [value, layer.integers(begin), layer.integers(width), layer.integers(3),
                                 layer.integers(step)], (batch, channels, height, -(-(width - begin) // step)))
    return layer.convolution(layer.requantized(value), (1, 1), layer.extent(40))


def low_bit(layer):
    """Weights of few bits in blocks; activations in float, or quantized as the layer runs."""
    rows, depth, columns = layer.extent(40), layer.extent() + layer.extent(), layer.extent()
    bits, block = int(layer.pick((2, 4, 4, 8))), int(layer.pick((16, 32, 64, 128)))
    blocks = -(-depth // block)
    # Of a row or more; the scales take two, three or four bytes each.
    rows = int(layer.pick((1, rows, rows)))
    scales = layer.rng.uniform(layer.pick((0.1, 0.4)), 1, columns * blocks).astype(np.float32) / np.float32(2**bits)
    if layer.rng.random() < 0.3:
        scales = scales.astype(np.float16).astype(np.float32)
    inputs = [layer.source(rows, depth),
              layer.constant(layer.rng.integers(0, 256, (columns, blocks, block * bits // 8)).astype(np.uint8)),
              layer.constant(scales)]
    if layer.rng.random() < 0.4:
        zeros = layer.rng.integers(0, 256, columns * -(-blocks * bits // 8)).astype(np.uint8)
        inputs.append(layer.constant(zeros))
    value = layer.node("MatMulNBits", inputs, (rows, columns), domain="com.microsoft", K=depth, N=columns, bits=bits,
                       block_size=block, accuracy_level=int(layer.pick((0, 4))))
    return layer.node("Add", [value, layer.vector(columns)]) if layer.rng.random() < 0.5 else value


def recurrence(layer):
    return recurrent(layer, layer.pick(tuple(RECURRENT)), int(layer.pick((1, 2, 3, 7))), int(layer.pick((1, 1, 2, 5))),
                     layer.extent(40), layer.extent(40), layer.pick(("forward", "reverse", "bidirectional")))


RECURRENT = {"LSTM": 4, "GRU": 3, "RNN": 1}


def recurrent(layer, op, steps, batch, depth, hidden, direction="forward", **attributes):
    """The sequence of states; half of them begin with one that is given. The weights are float."""
    directions = 2 if direction == "bidirectional" else 1
    rows = RECURRENT[op] * hidden

    def weights(*shape):
        return layer.constant((layer.rng.normal(0, 1, shape) / np.sqrt(shape[-1])).astype(np.float32))

    inputs = [layer.source(steps, batch, depth), weights(directions, rows, depth), weights(directions, rows, hidden),
              weights(directions, 2 * rows)]
    if layer.rng.random() < 0.5:
        inputs += ["", layer.source(directions, batch, hidden)]
    if op == "GRU":
        attributes.setdefault("linear_before_reset", int(layer.rng.integers(2)))
    return layer.node(op, inputs, (steps, directions, batch, hidden), hidden_size=hidden, direction=direction,
                      **attributes)


ROOTS = (conv_kxk, conv_1x1, depthwise, linear, batch_product, pool, elementwise, softmax, layer_norm, residual,
         concat, conv_kxk, conv_1x1, depthwise, linear, squeeze_excite, reduction, global_pool, transpose, resize,
         gemm, grouped, attention, transposed_convolution, padding, normalized_convolution, slices, low_bit,
         recurrence)


# Tails ---------------------------------------------------------------------------------------------------------------


def _activation(layer, value):
    op, attributes = layer.pick((("Relu", {}), ("HardSwish", {}), ("Sigmoid", {}), ("Tanh", {}), ("Erf", {}),
                                 ("LeakyRelu", {"alpha": 0.1}), ("HardSigmoid", {"alpha": 0.2}), ("Softplus", {}),
                                 ("Exp", {}), ("Abs", {}), ("Elu", {}), ("Floor", {})))
    return layer.node(op, [value], **attributes)


def _clip(layer, value):
    return layer.node("Clip", [value, layer.constant(np.float32(0)), layer.constant(np.float32(6))])


def _channel_affine(layer, value):
    shape = layer.shapes[value]
    form = [1] * len(shape)
    axis = 1 if len(shape) == 4 else len(shape) - 1
    form[axis] = shape[axis]
    array = layer.rng.uniform(-1.5, 1.5, form).astype(np.float32)
    return layer.node(layer.pick(("Mul", "Add")), [value, layer.constant(array)])


def _sum(layer, value):
    return layer.node("Add", [value, layer.source(*layer.shapes[value])])


def _swish(layer, value):
    return layer.node("Mul", [value, layer.node("Sigmoid", [value])])


def _gelu(layer, value):
    half = layer.node("Erf", [layer.node("Div", [value, layer.constant(np.float32(np.sqrt(2)))])])
    half = layer.node("Add", [half, layer.constant(np.float32(1))])
    return layer.node("Mul", [layer.node("Mul", [value, half]), layer.constant(np.float32(0.5))])


def _requantized(layer, value):
    return layer.requantized(value)


def _flatten(layer, value):
    shape = layer.shapes[value]
    count = int(np.prod(shape))
    return layer.node("Reshape", [value, layer.integers(shape[0], -1)], (shape[0], count // shape[0]))


def _pointwise(layer, value):
    if len(layer.shapes[value]) != 4 or layer.shapes[value][1] > 100:
        return value
    return layer.convolution(layer.requantized(value), (1, 1), layer.extent(40))


def _rotated(layer, value):
    shape = layer.shapes[value]
    order = [*range(1, len(shape)), 0]
    return layer.node("Transpose", [value], [shape[d] for d in order], perm=order)


TAILS = (_activation, _activation, _clip, _channel_affine, _sum, _swish, _gelu, _requantized, _requantized, _flatten,
         _pointwise, _rotated)


def save(layers: list[Layer], path: Path) -> None:
    """Writes one model of all layers, side by side."""
    outputs = [helper.make_tensor_value_info(name, kind, layer.shapes[name])
               for layer in layers for name, kind in layer.outputs]
    graph = helper.make_graph([n for layer in layers for n in layer.nodes], "layers",
                              [i for layer in layers for i in layer.inputs], outputs,
                              [c for layer in layers for c in layer.constants])
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
