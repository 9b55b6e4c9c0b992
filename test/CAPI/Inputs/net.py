"""Writes argv[1]: a small network with a convolution and a matrix product."""
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper

random = np.random.default_rng(3)
weights = {"w": (16, 3, 3, 3), "b": (16,), "m": (16, 10)}
nodes = [helper.make_node("Conv", ["x", "w", "b"], ["c"], "conv", pads=[1, 1, 1, 1]),
         helper.make_node("Relu", ["c"], ["r"], "relu"),
         helper.make_node("GlobalAveragePool", ["r"], ["p"], "pool"),
         helper.make_node("Flatten", ["p"], ["f"], "flatten"),
         helper.make_node("MatMul", ["f", "m"], ["y"], "product")]
graph = helper.make_graph(
    nodes, "net", [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 12, 12])],
    [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 10])],
    [numpy_helper.from_array((random.standard_normal(shape) / 3).astype(np.float32), name)
     for name, shape in weights.items()])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), sys.argv[1])
