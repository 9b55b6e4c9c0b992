"""The digits' network trained with weights of 4 bits and activations of 8 (straight-through estimator), as QDQ ONNX."""

from functools import cache

import numpy as np
from onnx import TensorProto, helper

from . import digits


class RoundedNetwork(digits.Network):
    """Rounds as QuantizeLinear does: division, half to even, then the limits."""

    def __init__(self, trained: digits.Network):
        self.weights = [w.copy() for w in trained.weights]
        self.biases = [b.copy() for b in trained.biases]
        self.scales = [self.weight_scale(layer) for layer in range(len(self.weights))]
        trained.forward(digits.images()[0])
        # Nothing is negative, so zero points are 0.
        largest = [digits.images()[0].max()] + [kept[2].max() for kept in trained.kept[1:]]
        self.activation_scales = [np.float32(m / 255) for m in largest]

    def weight_scale(self, layer: int) -> np.ndarray:
        return (np.abs(self.weights[layer]).max(0) / 7).astype(np.float32)

    def integers(self, layer: int) -> np.ndarray:
        return np.clip(np.rint(self.weights[layer] / self.scales[layer]), -8, 7).astype(np.float32)

    def round_weights(self, layer: int) -> np.ndarray:
        return self.integers(layer) * self.scales[layer]

    def round_activation(self, layer: int, x: np.ndarray):
        steps = np.rint(x / self.activation_scales[layer])
        return np.clip(steps, 0, 255) * self.activation_scales[layer], ((steps >= 0) & (steps <= 255)).astype(np.float32)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The logits, with sums of integers and so without roundings."""
        def product(left: np.ndarray, layer: int) -> np.ndarray:
            sums = left.astype(np.float64) @ self.integers(layer).astype(np.float64)
            scale = (self.activation_scales[layer] * self.scales[layer]).astype(np.float64)
            return ((sums + np.rint(self.biases[layer] / scale)) * scale).astype(np.float32)

        def quantize(value: np.ndarray, layer: int) -> np.ndarray:
            return np.clip(np.rint(value / self.activation_scales[layer]), 0, 255)

        value = x.transpose(0, 2, 3, 1)
        for layer, stride in enumerate(digits.STRIDES):
            value = np.maximum(product(digits.windows(quantize(value, layer), stride), layer), 0)
        return product(quantize(value.mean((1, 2), dtype=np.float32), len(digits.STRIDES)), len(digits.STRIDES))


@cache
def network() -> RoundedNetwork:
    return digits.train(RoundedNetwork(digits.network()), epochs=4, rate=5e-4)


def save(net: RoundedNetwork, path) -> None:
    nodes, constants = [], {"zero": np.uint8(0)}

    def rounded(value: str, layer: int) -> str:
        constants[f"s{layer}"] = net.activation_scales[layer]
        nodes.extend([helper.make_node("QuantizeLinear", [value, f"s{layer}", "zero"], [f"q{layer}"]),
                      helper.make_node("DequantizeLinear", [f"q{layer}", f"s{layer}", "zero"], [f"d{layer}"])])
        return f"d{layer}"

    def weights(layer: int, integers: np.ndarray, axis: int) -> str:
        flat = integers.astype(np.int64).reshape(-1)
        constants[f"w{layer}"] = helper.make_tensor(f"w{layer}", TensorProto.INT4, integers.shape, flat)
        constants[f"ws{layer}"] = net.scales[layer]
        nodes.append(helper.make_node("DequantizeLinear", [f"w{layer}", f"ws{layer}"], [f"wd{layer}"], axis=axis))
        constants[f"b{layer}"] = net.biases[layer]
        return f"wd{layer}"

    value = "x"
    for layer in range(len(digits.STRIDES)):
        inputs = [rounded(value, layer), weights(layer, digits.filters(net.integers(layer)), 0), f"b{layer}"]
        nodes += [digits.convolution(inputs, f"conv{layer}", layer),
                  helper.make_node("Relu", [f"conv{layer}"], [f"relu{layer}"])]
        value = f"relu{layer}"
    nodes += [helper.make_node("GlobalAveragePool", [value], ["pool"]), helper.make_node("Flatten", ["pool"], ["mean"])]
    last = len(digits.STRIDES)
    inputs = [rounded("mean", last), weights(last, net.integers(last), 1), f"b{last}"]
    nodes.append(helper.make_node("Gemm", inputs, ["y"]))
    digits.save_graph(nodes, constants, path, [digits.BATCH, 1, 8, 8], opset=21)
