"""Writes argv[1]: a network of argv[2] convolutions, no two of which share a kernel. Compiling it takes long."""
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper

random = np.random.default_rng(5)
nodes, weights, value, channels = [], [], "x", 3
for index in range(int(sys.argv[2])):
    name, wider = f"w{index}", 8 + 5 * index
    size = 1 + 2 * (index % 3)
    weights.append(numpy_helper.from_array(
        (random.standard_normal((wider, channels, size, size)) / 9).astype(np.float32), name))
    nodes.append(helper.make_node("Conv", [value, name], [f"c{index}"], pads=[size // 2] * 4))
    nodes.append(helper.make_node("Sigmoid", [f"c{index}"], [f"s{index}"]))
    value, channels = f"s{index}", wider
nodes[-1].output[0] = "y"
graph = helper.make_graph(
    nodes, "many", [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 12, 12])],
    [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, channels, 12, 12])], weights)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), sys.argv[1])
