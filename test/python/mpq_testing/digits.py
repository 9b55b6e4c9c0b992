"""Handwritten digits (scikit-learn's, 8x8) and small networks that numpy trains on them in seconds."""

from functools import cache

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

BATCH = 64  # of the exported models
CHANNELS = (1, 32, 64, 96)
STRIDES = (1, 2, 1)


@cache
def images() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images (N, 1, 8, 8) from 0 to 1 and digits: half of them to train with, half to test with."""
    data = load_digits()
    order = np.random.default_rng(7).permutation(len(data.target))
    x, digits = (data.images[order] / 16).astype(np.float32)[:, None], data.target[order]
    half = 14 * BATCH
    return x[:half], digits[:half], x[half:half + 14 * BATCH], digits[half:half + 14 * BATCH]


def feeds(x: np.ndarray) -> list[dict[str, np.ndarray]]:
    return [{"x": np.ascontiguousarray(x[i:i + BATCH])} for i in range(0, len(x), BATCH)]


def predict(program, x: np.ndarray) -> np.ndarray:
    """The logits of whole batches."""
    return np.concatenate([program(feed)["y"] for feed in feeds(x)])


def points(logits: np.ndarray, digits: np.ndarray) -> float:
    return 100 * float(np.mean(logits.argmax(1) == digits))


class Adam:
    def __init__(self, parameters: list[np.ndarray], rate: float):
        self.parameters, self.rate, self.steps = parameters, rate, 0
        self.means = [np.zeros_like(p) for p in parameters]
        self.squares = [np.zeros_like(p) for p in parameters]

    def step(self, gradients: list[np.ndarray]) -> None:
        self.steps += 1
        rate = self.rate * np.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps)
        for p, g, m, s in zip(self.parameters, gradients, self.means, self.squares):
            m += 0.1 * (g - m)
            s += 0.001 * (g * g - s)
            p -= (rate * m / (np.sqrt(s) + 1e-8)).astype(np.float32)


def loss_gradient(logits: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """Of the cross entropy's mean."""
    gradient = np.exp(logits - logits.max(1, keepdims=True))
    gradient /= gradient.sum(1, keepdims=True)
    gradient[np.arange(len(digits)), digits] -= 1
    return gradient / np.float32(len(digits))


def train(net, epochs: int, rate: float, seed: int = 5):
    """Trains what has weights, biases, forward and backward."""
    x, digits, *_ = images()
    rng = np.random.default_rng(seed)
    adam = Adam(net.weights + net.biases, rate)
    for epoch in range(epochs):
        adam.rate = rate * (1 - epoch / epochs)
        order = rng.permutation(len(x))
        for first in range(0, len(x), 32):
            batch = order[first:first + 32]
            adam.step(net.backward(loss_gradient(net.forward(x[batch]), digits[batch])))
    return net


# Convolutions ----------------------------------------------------------------------------------------------------------


def windows(x: np.ndarray, stride: int) -> np.ndarray:
    """Of 3x3 pixels, with a border of zeros, of images (N, H, W, C): (N, H', W', C * 9)."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    found = sliding_window_view(padded, (3, 3), (1, 2))[:, ::stride, ::stride]
    return found.reshape(*found.shape[:3], -1)


def scatter(gradient: np.ndarray, shape: tuple[int, ...], stride: int) -> np.ndarray:
    """What `windows` reads gets the sums of what is read."""
    n, height, width, channels = shape
    padded = np.zeros((n, height + 2, width + 2, channels), np.float32)
    parts = gradient.reshape(*gradient.shape[:3], channels, 3, 3)
    for i in range(3):
        for j in range(3):
            padded[:, i:i + height:stride, j:j + width:stride] += parts[..., i, j]
    return padded[:, 1:-1, 1:-1]


class Network:
    """Three convolutions with ReLU, the mean over all pixels, and a matrix product."""

    def __init__(self, seed: int = 3):
        rng = np.random.default_rng(seed)
        self.weights = [rng.normal(0, np.sqrt(2 / (9 * c)), (9 * c, f)).astype(np.float32)
                        for c, f in zip(CHANNELS, CHANNELS[1:])]
        self.weights.append(rng.normal(0, 0.1, (CHANNELS[-1], 10)).astype(np.float32))
        self.biases = [np.zeros(w.shape[1], np.float32) for w in self.weights]

    def round_weights(self, layer: int) -> np.ndarray:
        """The weights that layer `layer` computes with."""
        return self.weights[layer]

    def round_activation(self, layer: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray | float]:
        """What layer `layer` reads, and what of a gradient passes."""
        return x, 1.0

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The logits of images (N, 1, 8, 8). Keeps what `backward` needs."""
        value, self.kept = x.transpose(0, 2, 3, 1), []
        for layer, stride in enumerate(STRIDES):
            value, passes = self.round_activation(layer, value)
            found, weights = windows(value, stride), self.round_weights(layer)
            result = found @ weights + self.biases[layer]
            self.kept.append((value.shape, passes, found, weights, result > 0))
            value = np.maximum(result, 0)
        pixels = value.shape[1] * value.shape[2]
        mean, passes = self.round_activation(len(STRIDES), value.mean((1, 2)))
        weights = self.round_weights(len(STRIDES))
        self.kept.append((value.shape, passes / np.float32(pixels), mean, weights, None))
        return mean @ weights + self.biases[-1]

    def backward(self, gradient: np.ndarray) -> list[np.ndarray]:
        """Gradients of all weights, then of all biases."""
        shape, passes, mean, weights, _ = self.kept[-1]
        ofWeights, ofBiases = [mean.T @ gradient], [gradient.sum(0)]
        gradient = np.broadcast_to(((gradient @ weights.T) * passes)[:, None, None], shape)
        for layer in reversed(range(len(STRIDES))):
            shape, passes, found, weights, positive = self.kept[layer]
            gradient = gradient * positive
            flat = gradient.reshape(-1, weights.shape[1])
            ofWeights.insert(0, found.reshape(len(flat), -1).T @ flat)
            ofBiases.insert(0, flat.sum(0))
            if layer:
                gradient = scatter((flat @ weights.T).reshape(found.shape), shape, STRIDES[layer]) * passes
        return ofWeights + ofBiases


@cache
def network() -> Network:
    return train(Network(), epochs=20, rate=3e-3)


def filters(weights: np.ndarray) -> np.ndarray:
    """As ONNX wants them: (F, C, 3, 3)."""
    return np.ascontiguousarray(weights.T.reshape(weights.shape[1], -1, 3, 3))


def convolution(inputs: list[str], output: str, layer: int):
    return helper.make_node("Conv", inputs, [output], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[STRIDES[layer]] * 2)


def save_graph(nodes, constants: dict[str, np.ndarray], path, shape, opset=17) -> None:
    made = [value if isinstance(value, TensorProto) else numpy_helper.from_array(np.asarray(value), name)
            for name, value in constants.items()]
    graph = helper.make_graph(nodes, "digits", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [BATCH, 10])], made)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def save(net: Network, path) -> None:
    nodes, constants, value = [], {}, "x"
    for layer in range(len(STRIDES)):
        constants |= {f"w{layer}": filters(net.weights[layer]), f"b{layer}": net.biases[layer]}
        nodes += [convolution([value, f"w{layer}", f"b{layer}"], f"conv{layer}", layer),
                  helper.make_node("Relu", [f"conv{layer}"], [f"relu{layer}"])]
        value = f"relu{layer}"
    constants |= {"w": net.weights[-1], "b": net.biases[-1]}
    nodes += [helper.make_node("GlobalAveragePool", [value], ["pool"]),
              helper.make_node("Flatten", ["pool"], ["mean"]),
              helper.make_node("Gemm", ["mean", "w", "b"], ["y"])]
    save_graph(nodes, constants, path, [BATCH, 1, 8, 8])


# Recurrence ------------------------------------------------------------------------------------------------------------


class Sequence:
    """An LSTM that reads a digit row by row, and a matrix product on its last state."""

    HIDDEN = 96

    def __init__(self, seed: int = 4):
        rng = np.random.default_rng(seed)

        def draw(rows: int, columns: int) -> np.ndarray:
            return rng.normal(0, np.sqrt(1 / rows), (rows, columns)).astype(np.float32)

        self.weights = [draw(8, 4 * self.HIDDEN), draw(self.HIDDEN, 4 * self.HIDDEN), draw(self.HIDDEN, 10)]
        self.biases = [np.zeros(4 * self.HIDDEN, np.float32), np.zeros(10, np.float32)]
        self.biases[0][2 * self.HIDDEN:3 * self.HIDDEN] = 1  # remember

    def forward(self, x: np.ndarray) -> np.ndarray:
        rows, self.kept = x[:, 0].transpose(1, 0, 2), []
        state = cell = np.zeros((len(x), self.HIDDEN), np.float32)
        for row in rows:
            gates = row @ self.weights[0] + state @ self.weights[1] + self.biases[0]
            i, o, f, c = np.split(gates, 4, axis=1)  # in ONNX's order
            i, o, f, c = *(1 / (1 + np.exp(-g)) for g in (i, o, f)), np.tanh(c)
            previous, cell = cell, f * cell + i * c
            self.kept.append((row, state, previous, i, o, f, c, np.tanh(cell)))
            state = o * self.kept[-1][-1]
        self.last = state
        return state @ self.weights[2] + self.biases[1]

    def backward(self, gradient: np.ndarray) -> list[np.ndarray]:
        ofInput, ofState, ofBias = (np.zeros_like(p) for p in (*self.weights[:2], self.biases[0]))
        ofOutput = [self.last.T @ gradient, gradient.sum(0)]
        state, cell = gradient @ self.weights[2].T, 0
        for row, before, previous, i, o, f, c, squashed in reversed(self.kept):
            cell = cell + state * o * (1 - squashed**2)
            gates = np.concatenate([cell * c * i * (1 - i), state * squashed * o * (1 - o),
                                    cell * previous * f * (1 - f), cell * i * (1 - c**2)], axis=1)
            ofInput += row.T @ gates
            ofState += before.T @ gates
            ofBias += gates.sum(0)
            state, cell = gates @ self.weights[1].T, cell * f
        return [ofInput, ofState, ofOutput[0], ofBias, ofOutput[1]]


@cache
def sequence() -> Sequence:
    return train(Sequence(), epochs=25, rate=4e-3)


def save_sequence(net: Sequence, path) -> None:
    bias = np.concatenate([net.biases[0], np.zeros_like(net.biases[0])])[None]
    constants = {"w": net.weights[0].T[None].copy(), "r": net.weights[1].T[None].copy(), "b": bias,
                 "rows": np.array([1], np.int64), "first": np.array([0], np.int64), "v": net.weights[2],
                 "bv": net.biases[1]}
    nodes = [helper.make_node("Squeeze", ["x", "rows"], ["image"]),
             helper.make_node("Transpose", ["image"], ["steps"], perm=[1, 0, 2]),
             helper.make_node("LSTM", ["steps", "w", "r", "b"], ["", "state"], hidden_size=net.HIDDEN),
             helper.make_node("Squeeze", ["state", "first"], ["last"]),
             helper.make_node("Gemm", ["last", "v", "bv"], ["y"])]
    save_graph(nodes, constants, path, [BATCH, 1, 8, 8])
