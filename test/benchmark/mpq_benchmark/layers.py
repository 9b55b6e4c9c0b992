"""Single layers as ONNX graphs, in FP32 and quantized, each with its input, its exact answer and its work.

A quantized layer is what stands inside a quantized network: u8 goes in, u8 comes out, activations have one scale
and zero point, weights are s8 with a scale for each output channel, the bias is s32. It is written in QDQ form, and
the very same file goes to every contender; each fuses it as it can. Operands of attention are both activations
(u8). Convolutions read and write NCHW, the layout of ONNX: what a contender transposes inside, it pays for.
The FP32 layer ends with Relu.

The answer is computed here in double precision from the dequantized operands, so that no contender is its own judge.
"""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

INPUT_SCALE, INPUT_ZERO = np.float32(6 / 255), 128
OUTPUT_ZERO = 128
ELEMENTS = {"f32": (TensorProto.FLOAT, 4), "int8": (TensorProto.UINT8, 1)}


@dataclass(frozen=True)
class Goal:
    """What a row must reach: a ratio to the best peer, or to the one that is named, or a share of its bound. None: not
    asked for."""

    ratio: float | None = None
    share: float | None = None
    peer: str | None = None

    def met(self, ratio: float | None, share: float | None) -> bool | None:
        """None if nothing was asked for, or nothing that can answer was measured."""
        pairs = [(wanted, got) for wanted, got in ((self.ratio, ratio), (self.share, share))
                 if wanted is not None and got is not None]
        return any(got >= wanted for wanted, got in pairs) if pairs else None

    def __str__(self) -> str:
        texts = [] if self.ratio is None else [f"≥ {self.ratio:g}×" + (f" {self.peer}" if self.peer else "")]
        texts += [] if self.share is None else [f"≥ {self.share:.0%} of bound"]
        return " or ".join(texts)


PRODUCT, CONVOLUTION, SPARSE = Goal(1.05, 0.90), Goal(1.1, 0.90), Goal(1.5)
FLOAT = Goal(0.9)


@dataclass
class Graph:
    """An ONNX model, what is fed to it, and what must come out."""

    model: onnx.ModelProto
    feed: dict[str, np.ndarray]
    answer: np.ndarray


class Builder:
    """Nodes and constants of one graph; methods return names of values."""

    def __init__(self, seed: int, quantized: bool):
        self.rng = np.random.default_rng(seed)
        self.quantized = quantized
        self.nodes, self.constants, self.inputs, self.feed = [], [], [], {}

    def constant(self, array) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(array), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def node(self, op: str, *inputs: str, output: str | None = None, domain: str = "", **attributes) -> str:
        output = output or f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"{output}_{op}", domain=domain, **attributes))
        return output

    def source(self, name: str, shape) -> tuple[str, np.ndarray]:
        """An input and its values in double precision."""
        if not self.quantized:
            values = self.rng.standard_normal(shape, np.float32)
            self.feed[name] = values
            self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
            return name, values.astype(np.float64)
        values = self.rng.integers(0, 256, shape, np.uint8)
        self.feed[name] = values
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.UINT8, shape))
        parameters = [self.constant(INPUT_SCALE), self.constant(np.uint8(INPUT_ZERO))]
        real = (values.astype(np.float64) - INPUT_ZERO) * float(INPUT_SCALE)
        return self.node("DequantizeLinear", name, *parameters), real

    def weights(self, shape, axis: int) -> tuple[str, np.ndarray, np.ndarray]:
        """Weights, their values in double precision, and the scale of each channel along `axis`."""
        values = self.rng.standard_normal(shape, np.float32) * np.float32(0.05)
        rest = tuple(d for d in range(len(shape)) if d != axis)
        scales = (np.abs(values).max(rest) / 127).astype(np.float32)
        if not self.quantized:
            return self.constant(values), values.astype(np.float64), scales
        along = [1] * len(shape)
        along[axis] = -1
        integers = np.clip(np.rint(values / scales.reshape(along)), -127, 127).astype(np.int8)
        parameters = [self.constant(scales), self.constant(np.zeros(len(scales), np.int8))]
        name = self.node("DequantizeLinear", self.constant(integers), *parameters, axis=axis)
        return name, integers.astype(np.float64) * scales.astype(np.float64).reshape(along), scales

    def bias(self, scales: np.ndarray) -> tuple[str, np.ndarray]:
        """One number for each channel; `scales` are the weights'."""
        values = self.rng.standard_normal(len(scales), np.float32)
        if not self.quantized:
            return self.constant(values), values.astype(np.float64)
        steps = scales * INPUT_SCALE
        integers = np.rint(values / steps).astype(np.int32)
        parameters = [self.constant(steps), self.constant(np.zeros(len(scales), np.int32))]
        name = self.node("DequantizeLinear", self.constant(integers), *parameters, axis=0)
        return name, integers * steps.astype(np.float64)

    def finish(self, value: str, real: np.ndarray, relu: bool = True) -> Graph:
        """Ends the graph in `value`, whose numbers are `real`."""
        if self.quantized:
            # Three and a half deviations to each side: hardly anything is clamped.
            scale = np.float32(7 * real.std() / 255)
            parameters = [self.constant(scale), self.constant(np.uint8(OUTPUT_ZERO))]
            self.node("QuantizeLinear", value, *parameters, output="y")
            answer = np.clip(np.rint(real / float(scale)) + OUTPUT_ZERO, 0, 255).astype(np.uint8)
        elif relu:
            self.node("Relu", value, output="y")
            answer = np.maximum(real, 0).astype(np.float32)
        else:
            self.nodes[-1].output[0] = "y"
            answer = real.astype(np.float32)
        output = helper.make_tensor_value_info("y", helper.np_dtype_to_tensor_dtype(answer.dtype), answer.shape)
        graph = helper.make_graph(self.nodes, "layer", self.inputs, [output], self.constants)
        domains = {node.domain for node in self.nodes} - {""}
        opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, 1) for domain in domains)]
        return Graph(helper.make_model(graph, opset_imports=opsets, ir_version=8), self.feed, answer)


@dataclass(frozen=True)
class Layer:
    """What all layers have: a name, and what INT8 is to reach."""

    name: str
    goal: Goal = field(default=PRODUCT, kw_only=True)
    precisions = ("int8", "f32")
    tolerance = 1e-4  # relative, of float results
    copies = 1  # that a worker computes in turn
    from_memory = False  # whether even the last cache is too small

    @property
    def seed(self) -> int:
        return int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:4], "little")

    @property
    def slug(self) -> str:
        """The name as a file name."""
        return "".join(c if c.isalnum() else "-" for c in self.name)

    def goal_of(self, precision: str) -> Goal:
        return FLOAT if precision == "f32" else self.goal

    def bytes(self, precision: str) -> int:
        """Of operands, weights and result, each once."""
        return self.elements * ELEMENTS[precision][1]


@dataclass(frozen=True)
class MatMul(Layer):
    """x[M, K] · W[K, N] + b."""

    shape: tuple[int, int, int] = (1, 1, 1)

    @property
    def macs(self) -> int:
        return int(np.prod(self.shape))

    @property
    def elements(self) -> int:
        m, k, n = self.shape
        return m * k + k * n + m * n

    def graph(self, precision: str) -> Graph:
        b, (m, k, n) = Builder(self.seed, precision == "int8"), self.shape
        x, x_real = b.source("x", (m, k))
        w, w_real, scales = b.weights((k, n), axis=1)
        c, c_real = b.bias(scales)
        return b.finish(b.node("Add", b.node("MatMul", x, w), c), x_real @ w_real + c_real)


@dataclass(frozen=True)
class BatchMatMul(Layer):
    """x[B, M, K] · z[B, K, N], both activations."""

    shape: tuple[int, int, int, int] = (1, 1, 1, 1)

    @property
    def macs(self) -> int:
        return int(np.prod(self.shape))

    @property
    def elements(self) -> int:
        batch, m, k, n = self.shape
        return batch * (m * k + k * n + m * n)

    def graph(self, precision: str) -> Graph:
        b, (batch, m, k, n) = Builder(self.seed, precision == "int8"), self.shape
        (x, x_real), (z, z_real) = b.source("x", (batch, m, k)), b.source("z", (batch, k, n))
        return b.finish(b.node("MatMul", x, z), x_real @ z_real, relu=False)


@dataclass(frozen=True)
class Conv(Layer):
    """A convolution of one image, padded so that stride 1 keeps its size; or the transposed one, unpadded."""

    channels: tuple[int, int] = (1, 1)  # in, out
    size: tuple[int, int] = (1, 1)
    kernel: int = 1
    stride: tuple[int, int] = (1, 1)
    dilation: int = 1
    groups: int = 1
    transposed: bool = False
    goal: Goal = field(default=CONVOLUTION, kw_only=True)

    @property
    def padding(self) -> int:
        return 0 if self.transposed else self.dilation * (self.kernel - 1) // 2

    @cached_property
    def out_size(self) -> tuple[int, int]:
        reach = self.dilation * (self.kernel - 1) + 1
        if self.transposed:
            return tuple((i - 1) * s + reach for i, s in zip(self.size, self.stride))
        return tuple((i + 2 * self.padding - reach) // s + 1 for i, s in zip(self.size, self.stride))

    @property
    def macs(self) -> int:
        pixels = self.size if self.transposed else self.out_size
        return int(np.prod(pixels)) * int(np.prod(self.channels)) // self.groups * self.kernel**2

    @property
    def elements(self) -> int:
        inputs, outputs = self.channels
        return (inputs * int(np.prod(self.size)) + outputs * int(np.prod(self.out_size))
                + inputs * outputs * self.kernel**2 // self.groups)

    def graph(self, precision: str) -> Graph:
        b, (inputs, outputs), k = Builder(self.seed, precision == "int8"), self.channels, self.kernel
        x, x_real = b.source("x", (1, inputs, *self.size))
        if self.transposed:
            w, w_real, scales = b.weights((inputs, outputs // self.groups, k, k), axis=1)
        else:
            w, w_real, scales = b.weights((outputs, inputs // self.groups, k, k), axis=0)
        c, c_real = b.bias(scales)
        y = b.node("ConvTranspose" if self.transposed else "Conv", x, w, c, kernel_shape=[k, k], group=self.groups,
                   strides=list(self.stride), dilations=[self.dilation] * 2, pads=[self.padding] * 4)
        return b.finish(y, self._compute(x_real[0], w_real)[None] + c_real[:, None, None])

    def _compute(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Tap by tap: each one is a matrix product over all pixels."""
        inputs, outputs = self.channels
        g, (sh, sw), (oh, ow) = self.groups, self.stride, self.out_size
        y = np.zeros((outputs, oh, ow))
        p, (h, width) = self.padding, self.size
        x = np.pad(x, ((0, 0), (p, p), (p, p)))
        for i, j in np.ndindex(self.kernel, self.kernel):
            top, left = i * self.dilation, j * self.dilation
            if self.transposed:
                tap = w[:, :, i, j].reshape(g, inputs // g, outputs // g).transpose(0, 2, 1)
                part = tap @ x.reshape(g, inputs // g, -1)
                y[:, top : top + (h - 1) * sh + 1 : sh, left : left + (width - 1) * sw + 1 : sw] += part.reshape(
                    outputs, h, width)
                continue
            seen = x[:, top : top + (oh - 1) * sh + 1 : sh, left : left + (ow - 1) * sw + 1 : sw]
            part = w[:, :, i, j].reshape(g, outputs // g, inputs // g) @ seen.reshape(g, inputs // g, -1)
            y += part.reshape(outputs, oh, ow)
        return y
