"""Every operator the importer knows, against ONNX Runtime.

Each case is a model of one node. The cases of one operator set are joined into one model (their tensors are prefixed
with the case), so that import and interpretation start a handful of times instead of hundreds. The imported module is
run by the interpreter (quant-run --reference), which defines what compiled code computes.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from mpq_testing import tools
from mpq_testing.paths import ROOT

TOLERANCE = 1e-5


def values(*shape, low=-2.0, high=2.0, dtype=np.float32):
    """Random numbers, the same for the same shape."""
    generator = np.random.default_rng(sum((i + 1) * d for i, d in enumerate(shape)) + 7)
    if np.issubdtype(dtype, np.floating):
        return generator.uniform(low, high, shape).astype(dtype)
    if dtype == np.bool_:
        return generator.integers(0, 2, shape).astype(dtype)
    return generator.integers(low, high + 1, shape).astype(dtype)


@dataclass
class Case:
    """A node: `feed` is given at run time, `constants` are initializers; None in `inputs` is an absent input."""

    op: str
    inputs: list
    attributes: dict = field(default_factory=dict)
    opset: int = 17
    outputs: int = 1
    domain: str = ""
    variant: str = ""

    @property
    def name(self) -> str:
        return f"{self.op}-{self.opset}" + (f"-{self.variant}" if self.variant else "")


class Const:
    """An input that is part of the model."""

    def __init__(self, array, dtype=None):
        self.array = np.asarray(array, dtype)


def i64(*numbers):
    return Const(np.array(numbers, np.int64))


def f32(*numbers):
    return Const(np.array(numbers, np.float32))


CASES: list[Case] = []


def case(op, *inputs, opset=17, outputs=1, domain="", variant="", **attributes):
    CASES.append(Case(op, list(inputs), attributes, opset, outputs, domain, variant))


X = values(2, 3, 4)

# Elementwise ---------------------------------------------------------------------------------------------------------
for op in ("Abs", "Ceil", "Erf", "Exp", "Floor", "HardSwish", "Identity", "Neg", "Relu", "Round", "Sigmoid", "Sign",
           "Softplus", "Softsign", "Tanh"):
    case(op, X * 2)
case("Sqrt", values(3, 5, low=0.1))
case("Log", values(3, 5, low=0.1))
case("Reciprocal", values(3, 5, low=0.1))
case("Mish", X, opset=18)
case("Swish", X, opset=24, alpha=1.5)
case("Softplus", X * 50, variant="large")
case("IsNaN", np.array([[1, np.nan], [np.inf, 0]], np.float32))
for attributes in ({}, {"alpha": 0.3}):
    for op in ("LeakyRelu", "Elu", "Selu", "Celu", "HardSigmoid", "ThresholdedRelu"):
        case(op, X, variant="default" if not attributes else "alpha", **attributes)
case("HardSigmoid", X, variant="beta", alpha=0.1666667, beta=0.4)
case("Selu", X, variant="gamma", gamma=1.3)
case("Shrink", X, lambd=0.7, bias=0.2)
case("PRelu", X, Const(values(3, 1)), variant="channel")
case("PRelu", X, values(2, 3, 4, low=0.1), variant="full")
case("Gelu", X, opset=20)
case("Gelu", X, opset=20, variant="tanh", approximate="tanh")
case("Gelu", X, domain="com.microsoft", variant="contrib")
for op in ("Add", "Sub", "Mul", "Div"):
    case(op, X, values(2, 3, 4, low=0.5))
    case(op, X, Const(values(3, 1, low=0.5)), variant="broadcast-constant")
    case(op, values(1, 3, 1), values(2, 1, 4, low=0.5), variant="broadcast-both")
    case(op, f32(2.5), X + 3, variant="scalar-first")
    case(op, X, Const(np.float32(0.3)), opset=7, variant="rank-0")
    case(op, values(2, 5, low=-50, high=50, dtype=np.int64), values(5, low=1, high=9, dtype=np.int64), variant="int64")
    case(op, values(2, 5, low=-50, high=50, dtype=np.int32), Const(values(5, low=1, high=9, dtype=np.int32)),
         variant="int32")
for op in ("Min", "Max"):
    case(op, X, values(4), values(2, 1, 1))
    case(op, X, variant="single")
    case(op, values(2, 5, dtype=np.int64, high=9), values(5, dtype=np.int64, high=9), variant="int64")
    case(op, values(2, 5, dtype=np.uint8, low=0, high=255), values(5, dtype=np.uint8, low=0, high=255), variant="uint8")
for op in ("Sum", "Mean"):
    case(op, X, values(4), values(2, 1, 1))
case("Mod", values(4, 6, low=-20, high=20, dtype=np.int64), values(6, low=1, high=7, dtype=np.int64))
case("Mod", values(4, 6, low=-20, high=20, dtype=np.int64), Const(np.int64(-5)), variant="negative")
case("Mod", values(4, 6, low=-20, high=20, dtype=np.int64), values(6, low=1, high=7, dtype=np.int64), fmod=1,
     variant="fmod")
case("Mod", X * 5, values(4, low=0.5), fmod=1, variant="fmod-float")
for exponent in (0.5, 1.0, 2.0, 3.0, 1.7, -2.0):
    case("Pow", values(3, 4, low=0.1), Const(np.float32(exponent)), variant=f"{exponent}")
case("Pow", X, Const(np.int64(2)), variant="int-exponent")
case("Pow", values(3, 4, low=0.1), values(3, 4), variant="tensor")
case("Clip", X, opset=6 + 1, min=-0.5, max=0.7)
case("Clip", X, opset=7, variant="max-only", max=0.25)
case("Clip", X, Const(np.float32(-0.5)), Const(np.float32(0.7)), opset=13)
case("Clip", X, None, Const(np.float32(0.7)), opset=13, variant="max-only")
case("Clip", X, values(), opset=13, variant="run-time")
case("Clip", values(4, 4, low=-9, high=9, dtype=np.int64), Const(np.int64(-3)), Const(np.int64(4)), opset=13,
     variant="int64")
for op in ("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"):
    case(op, values(3, 6, low=0, high=3, dtype=np.int64), values(6, low=0, high=3, dtype=np.int64), variant="int64")
    case(op, np.round(X), np.round(values(4)), variant="float")
for op in ("And", "Or", "Xor"):
    case(op, values(3, 4, dtype=np.bool_), values(4, dtype=np.bool_))
case("Not", values(3, 4, dtype=np.bool_))
case("Where", values(3, 1, dtype=np.bool_), values(3, 4), values(4))
case("Where", values(3, 1, dtype=np.bool_), Const(np.float32(1)), values(4), variant="scalar")
case("CastLike", X * 9, Const(np.zeros(1, np.int32)))
CASTS = {"float": (TensorProto.FLOAT, np.float32), "int64": (TensorProto.INT64, np.int64),
         "int32": (TensorProto.INT32, np.int32), "uint8": (TensorProto.UINT8, np.uint8),
         "int8": (TensorProto.INT8, np.int8), "bool": (TensorProto.BOOL, np.bool_),
         "float16": (TensorProto.FLOAT16, np.float16)}
for source, (_, dtype) in CASTS.items():
    for target, (number, _) in CASTS.items():
        case("Cast", values(3, 7, low=0, high=100, dtype=dtype), to=number, variant=f"{source}-{target}")
case("Cast", X * 20, to=TensorProto.INT32, variant="truncates")

# Convolutions --------------------------------------------------------------------------------------------------------
IMAGE = values(2, 4, 9, 8)


def conv(variant, image, weight, bias=None, op="Conv", **attributes):
    inputs = [image, Const(weight)] + ([Const(bias)] if bias is not None else [])
    case(op, *inputs, variant=variant, **attributes)


conv("plain", IMAGE, values(6, 4, 3, 3))
conv("bias-pads-strides", IMAGE, values(6, 4, 3, 3), values(6), pads=[1, 0, 2, 1], strides=[2, 1])
conv("dilations", IMAGE, values(5, 4, 3, 2), dilations=[2, 3], pads=[2, 2, 2, 2])
conv("groups", IMAGE, values(6, 2, 3, 3), values(6), group=2, pads=[1, 1, 1, 1])
conv("depthwise", IMAGE, values(4, 1, 3, 3), values(4), group=4, pads=[1, 1, 1, 1], strides=[2, 2])
conv("depthwise-multiplier", IMAGE, values(8, 1, 3, 3), values(8), group=4)
conv("same-upper", IMAGE, values(6, 4, 4, 3), auto_pad="SAME_UPPER", strides=[2, 3])
conv("same-lower", IMAGE, values(6, 4, 4, 3), auto_pad="SAME_LOWER", strides=[2, 3])
conv("valid", IMAGE, values(6, 4, 3, 3), auto_pad="VALID")
conv("one-dimensional", values(2, 4, 11), values(6, 4, 3), values(6), pads=[1, 1], strides=[2])
case("Conv", IMAGE, values(6, 4, 3, 3), values(6), variant="run-time-weights")
transposed = {"op": "ConvTranspose"}
conv("blocks", IMAGE, values(4, 3, 2, 2), values(3), strides=[2, 2], **transposed)
conv("blocks-no-bias", IMAGE, values(4, 3, 2, 3), strides=[2, 3], **transposed)
conv("overlap", IMAGE, values(4, 3, 3, 3), values(3), strides=[2, 2], **transposed)
conv("pads", IMAGE, values(4, 3, 3, 4), values(3), strides=[2, 1], pads=[1, 1, 0, 2], **transposed)
conv("output-padding", IMAGE, values(4, 3, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1],
     **transposed)
conv("output-shape", IMAGE, values(4, 3, 3, 3), strides=[2, 2], output_shape=[18, 16], **transposed)
conv("same-upper", IMAGE, values(4, 3, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER", **transposed)
conv("same-lower", IMAGE, values(4, 3, 3, 3), strides=[2, 2], auto_pad="SAME_LOWER", **transposed)
conv("dilations", IMAGE, values(4, 3, 3, 3), dilations=[2, 2], **transposed)
conv("groups", IMAGE, values(4, 3, 3, 3), values(6), group=2, strides=[2, 2], **transposed)
conv("crop", IMAGE, values(4, 3, 2, 2), strides=[3, 3], pads=[3, 3, 2, 4], **transposed)
conv("one-dimensional", values(2, 4, 9), values(4, 3, 3), values(3), strides=[2], **transposed)

# Pools ---------------------------------------------------------------------------------------------------------------
for op in ("MaxPool", "AveragePool"):
    case(op, IMAGE, variant="plain", kernel_shape=[3, 2])
    case(op, IMAGE, variant="pads", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    case(op, IMAGE, variant="ceil", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    case(op, IMAGE, variant="ceil-pads", kernel_shape=[2, 2], strides=[3, 3], pads=[1, 1, 1, 1], ceil_mode=1)
    case(op, IMAGE, variant="same-upper", kernel_shape=[2, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    case(op, IMAGE, variant="same-lower", kernel_shape=[2, 3], strides=[2, 2], auto_pad="SAME_LOWER")
    case(op, values(2, 4, 11), variant="one-dimensional", kernel_shape=[3], strides=[2])
case("MaxPool", IMAGE, variant="dilations", kernel_shape=[2, 2], dilations=[2, 3])
case("MaxPool", values(1, 2, 6, 6, low=-100, high=100, dtype=np.int8), variant="int8", kernel_shape=[2, 2])
case("AveragePool", IMAGE, variant="include", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
case("AveragePool", IMAGE, variant="include-ceil", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1],
     count_include_pad=1, ceil_mode=1, opset=19)
case("AveragePool", IMAGE, variant="dilations", kernel_shape=[2, 2], dilations=[2, 2], opset=19)
for op in ("GlobalAveragePool", "GlobalMaxPool"):
    case(op, IMAGE)
    case(op, values(2, 4, 11), variant="one-dimensional")

# Matrix products -----------------------------------------------------------------------------------------------------
case("MatMul", values(3, 4), Const(values(4, 5)))
case("MatMul", values(2, 3, 4), Const(values(4, 5)), variant="weight")
case("MatMul", values(2, 3, 4), values(2, 4, 5), variant="batch")
case("MatMul", values(2, 1, 3, 4), values(6, 4, 5), variant="broadcast")
case("MatMul", values(3, 4), values(2, 4, 5), variant="broadcast-left")
case("MatMul", values(4), values(2, 4, 5), variant="vector-left")
case("MatMul", values(2, 3, 4), values(4), variant="vector-right")
case("MatMul", values(4), values(4), variant="vectors")
case("Gemm", values(3, 4), Const(values(4, 5)), Const(values(5)))
case("Gemm", values(4, 3), Const(values(5, 4)), Const(values(3, 1)), transA=1, transB=1, alpha=0.5, beta=2.0,
     variant="transposed")
case("Gemm", values(3, 4), values(4, 5), variant="no-c", opset=11)
case("Gemm", values(3, 4), values(4, 5), values(3, 5), variant="run-time")

# Reductions ----------------------------------------------------------------------------------------------------------
POSITIVE = values(2, 3, 4, 5, low=0.5)
for op in ("ReduceMax", "ReduceMin", "ReduceMean", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare",
           "ReduceLogSum"):
    case(op, POSITIVE, variant="attribute", opset=11, axes=[1, -1])
    case(op, POSITIVE, variant="no-keep", axes=[2], keepdims=0)
    case(op, POSITIVE, variant="all")
    case(op, POSITIVE, i64(0, 2), variant="input", opset=18, keepdims=0)
case("ReduceSum", POSITIVE, variant="attribute", opset=11, axes=[1, -1])
case("ReduceSum", POSITIVE, i64(1, -1), opset=13)
case("ReduceSum", POSITIVE, i64(), opset=13, variant="noop", noop_with_empty_axes=1)
case("ReduceSum", values(3, 4, low=-9, high=9, dtype=np.int64), i64(1), variant="int64")
case("ReduceMax", values(3, 4, low=-9, high=9, dtype=np.int64), axes=[1], variant="int64")
case("ReduceMin", values(3, 4, low=-9, high=9, dtype=np.int32), axes=[0], variant="int32")
for op in ("ArgMax", "ArgMin"):
    case(op, POSITIVE, axis=2)
    case(op, np.round(POSITIVE), axis=-1, keepdims=0, variant="ties")
    case(op, np.round(POSITIVE), axis=-1, select_last_index=1, variant="last")
    case(op, values(3, 4, low=-9, high=9, dtype=np.int32), axis=0, variant="int32")

# Shapes --------------------------------------------------------------------------------------------------------------
case("Reshape", X, i64(0, -1))
case("Reshape", X, i64(4, 6), variant="regroup")
case("Reshape", X, i64(2, 1, 12, 1), variant="units")
case("Reshape", values(1, 1, 1), i64(1), variant="ones")
case("Flatten", POSITIVE)
case("Flatten", POSITIVE, axis=0, variant="front")
case("Flatten", POSITIVE, axis=-1, variant="back")
case("Squeeze", values(1, 3, 1, 4), opset=11, axes=[0])
case("Squeeze", values(1, 3, 1, 4), i64(-2), variant="input")
case("Squeeze", values(1, 3, 1, 4), variant="all")
case("Unsqueeze", X, opset=11, axes=[0, 4])
case("Unsqueeze", X, i64(-1, 1), variant="input")
case("Transpose", X)
case("Transpose", POSITIVE, perm=[0, 2, 1, 3], variant="perm")
case("DepthToSpace", values(1, 8, 3, 4), blocksize=2)
case("DepthToSpace", values(1, 8, 3, 4), blocksize=2, mode="CRD", variant="crd")
case("SpaceToDepth", values(1, 2, 4, 6), blocksize=2)
case("Slice", POSITIVE, opset=9, starts=[1, -3], ends=[2, 9999], axes=[1, 3])
case("Slice", POSITIVE, i64(1, 0), i64(2**62, -1), i64(3, 2), i64(2, 1), variant="steps")
case("Slice", POSITIVE, i64(-1), i64(-2**63), i64(3), i64(-2), variant="backwards")
case("Slice", POSITIVE, i64(0, 1), i64(1, 3), variant="no-axes")
case("Split", values(2, 7), opset=11, outputs=3, axis=1, split=[2, 1, 4])
case("Split", values(2, 6), outputs=3, axis=-1, variant="equal")
case("Split", values(2, 6), i64(4, 2), outputs=2, axis=1, variant="input")
case("Split", values(2, 7), outputs=3, axis=1, num_outputs=3, opset=18, variant="uneven")
case("Concat", values(2, 3), values(2, 1), Const(values(2, 2)), axis=1)
case("Concat", values(2, 3), values(4, 3), axis=-2, variant="negative")
case("Concat", values(2, 3), axis=0, variant="single")
case("Gather", POSITIVE, i64(1, 0, 0, 1), axis=2)
case("Gather", POSITIVE, Const(np.int64(-1)), axis=1, variant="scalar")
case("Gather", POSITIVE, Const(np.array([[0, 2], [1, 1]], np.int64)), axis=1, variant="matrix")
case("Gather", POSITIVE, i64(1, 3), axis=2, variant="strided")
case("Gather", Const(values(10, 4)), values(2, 3, low=-10, high=9, dtype=np.int64), variant="run-time")
case("Gather", POSITIVE, values(2, 2, low=-4, high=3, dtype=np.int32), axis=2, variant="run-time-axis")
case("Expand", values(3, 1), i64(2, 1, 4))
case("Expand", values(3, 1), i64(1, 1), variant="same")
case("Tile", values(2, 3), i64(2, 3))
case("Tile", values(2, 3), i64(1, 2), variant="inner")
case("Pad", values(2, 5), opset=9, pads=[0, 1, 2, 0], value=1.5)
case("Pad", values(2, 5), i64(0, 1, 2, 0), Const(np.float32(1.5)))
case("Pad", values(2, 5), i64(1, -2, 0, 1), variant="crop")
case("Pad", values(4, 5), i64(1, 2, 3, 4), mode="reflect", variant="reflect")
case("Pad", values(4, 5), i64(1, 2, 3, 7), mode="edge", variant="edge")
case("Pad", values(4, 5), i64(1, 5, 3, 4), mode="wrap", opset=19, variant="wrap")
case("Pad", values(4, 5), i64(2, 1), None, i64(-1), opset=18, variant="axes")
case("Dropout", X, opset=10)
case("Dropout", X, Const(np.float32(0.5)), Const(np.bool_(False)), variant="inputs")
case("Shape", X)
case("Shape", POSITIVE, start=1, end=-1, variant="part")
case("Size", X)
case("Range", Const(np.int64(2)), Const(np.int64(11)), Const(np.int64(3)))
case("Range", Const(np.float32(1)), Const(np.float32(-1)), Const(np.float32(-0.3)), variant="float")
case("ConstantOfShape", i64(2, 3), value=helper.make_tensor("v", TensorProto.INT64, [1], [7]))
case("ConstantOfShape", i64(4), variant="default")
case("Constant", value=numpy_helper.from_array(values(3, 2)))
case("Constant", value_ints=[3, 1, 2], variant="ints")
case("Constant", value_floats=[3.5, 1.0], variant="floats")

# Resize --------------------------------------------------------------------------------------------------------------
SMALL = values(1, 2, 4, 5)
for mode in ("asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel"):
    for scales in ((2.0, 2.0), (1.5, 0.8), (3.0, 1.0)):
        variant = f"{mode}-{scales[0]}-{scales[1]}"
        common = {"coordinate_transformation_mode": mode, "opset": 13}
        case("Resize", SMALL, None, f32(1, 1, *scales), mode="linear", variant="linear-" + variant, **common)
        for nearest in ("floor", "round_prefer_floor", "ceil", "round_prefer_ceil"):
            case("Resize", SMALL, None, f32(1, 1, *scales), mode="nearest", nearest_mode=nearest,
                 variant=f"{nearest}-{variant}", **common)
case("Resize", SMALL, None, None, i64(1, 2, 8, 10), mode="nearest", variant="sizes", opset=13)
case("Resize", SMALL, None, None, i64(7, 3), mode="linear", axes=[2, 3], variant="axes", opset=18)
case("Resize", SMALL, f32(1, 1, 2, 2), mode="nearest", variant="old", opset=10)
case("Upsample", SMALL, opset=7, mode="nearest", scales=[1.0, 1.0, 2.0, 3.0])
case("Upsample", SMALL, f32(1, 1, 2, 2), opset=9, mode="linear")

# Normalization -------------------------------------------------------------------------------------------------------
for op in ("Softmax", "LogSoftmax"):
    case(op, X * 3)
    case(op, X * 3, axis=1, variant="middle")
    case(op, X * 3, opset=11, variant="flattened")
    case(op, X * 3, opset=11, axis=2, variant="old-last")
    case(op, X * 3, opset=11, axis=0, variant="old-first")
for opset in (9, 14, 15):
    case("BatchNormalization", IMAGE, Const(values(4)), Const(values(4) + 1), Const(values(4) * 2),
         Const(values(4, low=0.1)), opset=opset, epsilon=1e-3)
case("BatchNormalization", values(3, 4), *[Const(values(4, low=0.1)) for _ in range(4)], variant="matrix")
case("InstanceNormalization", IMAGE, Const(values(4)), Const(values(4) + 1), epsilon=1e-3)
case("GroupNormalization", IMAGE, Const(values(4)), Const(values(4) + 1), num_groups=2, opset=21)
case("LayerNormalization", X, Const(values(4)), Const(values(4) + 1), epsilon=1e-4)
case("LayerNormalization", X, Const(values(4)), variant="no-bias")
case("LayerNormalization", X, Const(values(3, 4)), Const(values(3, 4) + 1), axis=1, variant="axis")
case("LpNormalization", X)
case("LpNormalization", X, axis=1, p=1, variant="l1")

# Recurrences ---------------------------------------------------------------------------------------------------------
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def recurrence(op, variant, *, steps=5, batch=2, bias=True, state=None, peepholes=False, lengths=None, constant=True,
               outputs=None, **attributes):
    """STATE is a function that makes an input of an array: without one the sequence starts from zeros."""
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    hidden, depth, rows = 6, 3, GATES[op] * 6
    given = Const if constant else np.asarray

    def numbers(*shape):
        return given(values(*shape) / 4)

    initial = state(values(directions, batch, hidden)) if state else None
    inputs = [values(steps, batch, depth), numbers(directions, rows, depth), numbers(directions, rows, hidden),
              numbers(directions, 2 * rows) if bias else None,
              lengths(np.full(batch, steps, np.int32)) if lengths else None, initial]
    if op == "LSTM":
        inputs += [initial, numbers(directions, 3 * hidden) if peepholes else None]
    while inputs[-1] is None:
        inputs.pop()
    case(op, *inputs, outputs=outputs or (3 if op == "LSTM" else 2), variant=variant, hidden_size=hidden, **attributes)


for op in GATES:
    recurrence(op, "plain")
    recurrence(op, "no-bias", bias=False)
    recurrence(op, "one-step", steps=1, batch=1)
    recurrence(op, "reverse", direction="reverse")
    recurrence(op, "bidirectional", direction="bidirectional", state=np.asarray)
    recurrence(op, "state", state=np.asarray)
    recurrence(op, "constant-state", state=Const, lengths=Const)
    recurrence(op, "run-time-weights", constant=False, state=np.asarray)
    recurrence(op, "clip", clip=0.3)
    recurrence(op, "opset-14", opset=14)
    recurrence(op, "opset-22", opset=22)
for variant in ({}, {"state": np.asarray}, {"input_forget": 1}, {"clip": 0.4, "direction": "reverse"}):
    recurrence("LSTM", "-".join(["peepholes", *variant]), peepholes=True, **variant)
recurrence("LSTM", "input-forget", input_forget=1)
for variant in ({}, {"state": np.asarray}, {"direction": "bidirectional"}, {"bias": False}, {"batch": 1}):
    recurrence("GRU", "-".join(["reset-product", *variant]), linear_before_reset=1, **variant)
for name, parameters in {"Affine": (0.5, 0.1), "Elu": (0.7,), "HardSigmoid": (0.3, 0.4), "LeakyRelu": (0.2,),
                         "Relu": (), "ScaledTanh": (0.8, 1.2), "Sigmoid": (), "Softplus": (), "Softsign": (),
                         "Tanh": (), "ThresholdedRelu": (0.1,)}.items():
    lists = dict(zip(("activation_alpha", "activation_beta"), ([number] for number in parameters)))
    recurrence("RNN", name, activations=[name], **lists)
recurrence("RNN", "two-functions", direction="bidirectional", activations=["Tanh", "Relu"])
recurrence("GRU", "functions", activations=["HardSigmoid", "LeakyRelu"], activation_alpha=[0.3, 0.2],
           activation_beta=[0.4])
recurrence("LSTM", "functions", activations=["hardsigmoid", "Softsign", "Tanh"], activation_alpha=[0.3],
           activation_beta=[0.4])

# Quantization --------------------------------------------------------------------------------------------------------
WIDE = values(4, 6, low=-8, high=8)
S, S4 = Const(np.float32(0.05)), Const(np.array([0.03, 0.05, 0.04, 0.08], np.float32))
U8, S8 = np.uint8, np.int8
case("QuantizeLinear", WIDE, S, Const(U8(120)))
case("QuantizeLinear", WIDE, S, variant="default-zero")
case("QuantizeLinear", WIDE, S, Const(S8(-5)), variant="int8")
case("QuantizeLinear", WIDE, f32(0.05), Const(np.array([3], S8)), variant="one-element", opset=13)
case("QuantizeLinear", WIDE, S4, Const(np.array([0, 5, 9, 200], U8)), axis=0, opset=13, variant="axis")
case("QuantizeLinear", WIDE, S, Const(np.int16(-300)), opset=21, variant="int16")
case("QuantizeLinear", WIDE, Const(values(4, 2, low=0.02, high=0.1)), Const(np.full((4, 2), 7, S8)), axis=1,
     block_size=3, opset=21, variant="blocks")
case("DequantizeLinear", values(4, 6, low=0, high=255, dtype=U8), S, Const(U8(120)))
case("DequantizeLinear", values(4, 6, low=-128, high=127, dtype=S8), S, variant="no-zero")
case("DequantizeLinear", Const(values(4, 6, low=-128, high=127, dtype=S8)), S4, Const(np.zeros(4, S8)), axis=0,
     opset=13, variant="weight")
case("DequantizeLinear", values(4, 6, low=-9999, high=9999, dtype=np.int32), S, variant="int32")
case("DequantizeLinear", values(4, 6, low=0, high=255, dtype=U8), Const(values(2, 6, low=0.02, high=0.1)),
     Const(np.full((2, 6), 100, U8)), axis=0, block_size=2, opset=21, variant="blocks")
case("QuantizeLinear", WIDE, S, Const(np.uint16(30000)), domain="com.microsoft", variant="contrib")
case("DequantizeLinear", values(4, 6, low=0, high=9999, dtype=np.uint16), S, Const(np.uint16(500)),
     domain="com.microsoft", variant="contrib")
case("DynamicQuantizeLinear", WIDE, outputs=3)
case("DynamicQuantizeLinear", np.abs(WIDE) + np.float32(1), outputs=3, variant="positive")
BYTES, WEIGHTS = values(2, 4, 6, low=0, high=255, dtype=U8), values(6, 5, low=-128, high=127, dtype=S8)
case("MatMulInteger", BYTES, Const(WEIGHTS))
case("MatMulInteger", BYTES, Const(WEIGHTS), Const(U8(7)), Const(np.array([0, 1, -3, 5, 0], S8)), variant="columns")
case("MatMulInteger", BYTES, Const(values(6, 5, low=0, high=255, dtype=U8)), Const(U8(200)), Const(U8(11)),
     variant="unsigned")
case("MatMulInteger", BYTES, Const(WEIGHTS), np.array([9], U8), variant="computed-zero")


def packed(*shape):
    return Const(np.random.default_rng(shape[-1]).integers(0, 256, shape).astype(U8))


def matmul_nbits(variant, x, columns, bits, block, *more, **attributes):
    depth = x.shape[-1]
    blocks = -(-depth // block)
    scales = values(columns * blocks, low=0.02, high=0.1)
    if variant == "signs":
        scales[::3] *= -1
        scales[4] = 0
    case("MatMulNBits", x, packed(columns, blocks, block * bits // 8), Const(scales), *more, domain="com.microsoft",
         variant=variant, K=depth, N=columns, bits=bits, block_size=block, **attributes)


matmul_nbits("int4", values(3, 64), 20, 4, 32)
matmul_nbits("tail", values(2, 3, 50), 17, 4, 16, accuracy_level=1)
matmul_nbits("vector", values(40), 5, 4, 16)
matmul_nbits("signs", values(3, 64), 16, 4, 32)
matmul_nbits("zero-points", values(3, 80), 20, 4, 16, packed(20 * 3))
matmul_nbits("bias", values(3, 64), 20, 4, 32, None, None, Const(values(20)))
matmul_nbits("int8", values(3, 64), 20, 8, 32)
matmul_nbits("int2", values(3, 64), 20, 2, 32)


def build(cases: list[Case], opset: int) -> tuple[onnx.ModelProto, dict]:
    """One model of all cases, and its inputs."""
    nodes, initializers, graph_inputs, graph_outputs, feed = [], [], [], [], {}
    for index, one in cases:
        names = []
        for i, value in enumerate(one.inputs):
            name = f"c{index}_in{i}"
            if value is None:
                name = ""
            elif isinstance(value, Const):
                initializers.append(numpy_helper.from_array(value.array, name))
            else:
                feed[name] = value
                kind = helper.np_dtype_to_tensor_dtype(value.dtype)
                graph_inputs.append(helper.make_tensor_value_info(name, kind, value.shape))
            names.append(name)
        outputs = [f"c{index}_out{i}" for i in range(one.outputs)]
        nodes.append(helper.make_node(one.op, names, outputs, name=f"case{index}", domain=one.domain,
                                      **one.attributes))
        graph_outputs += [onnx.ValueInfoProto(name=name) for name in outputs]
    graph = helper.make_graph(nodes, "operators", graph_inputs, graph_outputs, initializers)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8 if opset < 21 else 10), feed


def run_ours(model: onnx.ModelProto, feed: dict, folder: Path) -> dict:
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    tools.run_tool("quant-translate", "--import-onnx", folder / "model.onnx", "--emit-bytecode", "-o",
                   folder / "model.mlirbc")
    flags = []
    for name, array in feed.items():
        np.save(folder / f"{name}.npy", array)
        flags += ["--input", f"{name}={folder / name}.npy"]
    tools.run_tool("quant-run", "--reference", folder / "model.mlirbc", *flags, "--output-dir", folder / "out")
    return {path.stem: np.load(path) for path in (folder / "out").glob("*.npy")}


def run_peer(model: onnx.ModelProto, feed: dict) -> dict:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed)))


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Outputs of ours and of ONNX Runtime by name, computed for one operator set at a time on demand."""
    known = {}

    def of(opset: int):
        if opset not in known:
            cases = [(i, one) for i, one in enumerate(CASES) if one.opset == opset]
            model, feed = build(cases, opset)
            known[opset] = (run_ours(model, feed, tmp_path_factory.mktemp(f"opset{opset}")), run_peer(model, feed))
        return known[opset]

    return of


@pytest.mark.parametrize("index", range(len(CASES)), ids=[one.name for one in CASES])
def test_operator(index, results):
    one = CASES[index]
    ours, theirs = results(one.opset)
    for i in range(one.outputs):
        name = f"c{index}_out{i}"
        got, expected = ours[name], theirs[name]
        assert got.dtype == expected.dtype and got.shape == expected.shape
        if np.issubdtype(expected.dtype, np.floating):
            np.testing.assert_allclose(got, expected, rtol=TOLERANCE, atol=TOLERANCE)
        else:
            np.testing.assert_array_equal(got, expected)


def test_every_registered_operator_has_a_case():
    registered = set()
    for source in (ROOT / "lib" / "ONNX").glob("*.cpp"):
        registered |= set(re.findall(r'r\.add\(\s*(?:"com\.microsoft",\s*)?"(\w+)",\s*\d+', source.read_text()))
    assert len(registered) > 100
    assert registered == {one.op for one in CASES}
