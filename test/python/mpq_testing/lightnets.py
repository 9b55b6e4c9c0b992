"""ResNet-50 and SqueezeNet from the onnx wheel's test data, given random weights.

The wheel's light_* files make every weight with ConstantOfShape, so all their outputs are constant. Here
those nodes become initializers: He-like normal weights keep the signal alive through the depth. With batch
norm the variance must be halved and the norm's own parameters positive, or residual sums grow without bound.
The random stream depends on the name alone: every run and every machine gets the same network.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper


def wheel_file(name: str) -> Path:
    return Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"light_{name}.onnx"


def random_weights(shape, rng, normalized: bool) -> np.ndarray:
    if len(shape) > 1:
        fan_in = max(1, int(np.prod(shape[1:])))
        values = rng.standard_normal(shape) * ((1 if normalized else 2) / fan_in) ** 0.5
    elif normalized:  # scale, bias, mean, variance of a batch norm
        values = np.abs(rng.standard_normal(shape)) * 0.5 + 0.5
    else:  # bias of a convolution
        values = rng.standard_normal(shape) * 0.1
    return values.astype(np.float32)


def build(name: str, path: Path) -> None:
    """Writes the network `name` ("resnet50", "squeezenet") at opset 17 with random weights."""
    model = onnx.load(wheel_file(name))
    graph = model.graph
    rng = np.random.default_rng(sum(f"light-{name}".encode()))
    normalized = any(node.op_type == "BatchNormalization" for node in graph.node)
    shapes = {i.name: numpy_helper.to_array(i) for i in graph.initializer}

    nodes = []
    for node in graph.node:
        if node.op_type == "ConstantOfShape":
            shape = [int(extent) for extent in shapes[node.input[0]]]
            array = random_weights(shape, rng, normalized)
            graph.initializer.append(numpy_helper.from_array(array, node.output[0]))
        else:
            nodes.append(node)
    _replace(graph.node, nodes)

    used = {value for node in graph.node for value in node.input}
    _replace(graph.initializer, [i for i in graph.initializer if i.name in used])
    weights = {i.name for i in graph.initializer}
    _replace(graph.input, [i for i in graph.input if i.name in used and i.name not in weights])
    model.ir_version = 8
    onnx.save(onnx.version_converter.convert_version(model, 17), path)


def extract_features(source: Path, path: Path, pool: str) -> None:
    """Writes the network up to the feature map that its last pool (an operator type) reads."""
    model = onnx.load(source)
    value = [node for node in model.graph.node if node.op_type == pool][-1].input[0]
    inputs = [i.name for i in model.graph.input]
    onnx.utils.extract_model(str(source), str(path), inputs, [value])


def _replace(field, values) -> None:
    values = list(values)
    del field[:]
    field.extend(values)
