"""Takes a QDQ model apart at its quantized values, so that every quantized node can be checked on its own.

In the cut model each quantized activation is an output, and what consumed it reads a new input instead. Fed
with another engine's integers, the outputs show each node's own deviation: errors cannot pile up.
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

INPUT_SUFFIX = ".in"


def quantized_activations(graph) -> dict[str, int]:
    """Names of the values that QuantizeLinear computes at run time, with their element type."""
    constants = {i.name: i for i in graph.initializer}
    types = {}
    for node in graph.node:
        if node.op_type == "QuantizeLinear" and node.input[0] not in constants:
            zero_point = constants[node.input[2]] if len(node.input) > 2 else None
            types[node.output[0]] = zero_point.data_type if zero_point else TensorProto.UINT8
    return types


def expose(source: Path, path: Path) -> list[str]:
    """Writes the model with every quantized activation as an additional output; returns their names."""
    model = onnx.load(source)
    types = quantized_activations(model.graph)
    for name, element_type in types.items():
        model.graph.output.append(helper.make_tensor_value_info(name, element_type, None))
    onnx.save(model, path)
    return list(types)


def cut(source: Path, path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """Writes the cut model; `shapes` are those of the quantized activations."""
    model = onnx.load(source)
    graph = model.graph
    types = quantized_activations(graph)
    for node in graph.node:
        for index, value in enumerate(node.input):
            if value in types:
                node.input[index] = value + INPUT_SUFFIX
    for name, element_type in types.items():
        graph.input.append(helper.make_tensor_value_info(name + INPUT_SUFFIX, element_type, shapes[name]))
    del graph.output[:]
    for name, element_type in types.items():
        graph.output.append(helper.make_tensor_value_info(name, element_type, shapes[name]))
    _drop_unused(graph)
    onnx.save(model, path)


def _drop_unused(graph) -> None:
    """Removes what no output needs any more: the float tail behind the last quantized value."""
    needed = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    for field in (graph.initializer, graph.input):
        unused = [entry for entry in field if entry.name not in needed]
        for entry in unused:
            field.remove(entry)
