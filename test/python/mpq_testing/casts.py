"""Small models whose inputs and outputs have any type."""

import onnx
from onnx import TensorProto, helper


def cast_model(dtype: int) -> onnx.ModelProto:
    """y = x + x, computed in float32."""
    nodes = [helper.make_node("Cast", ["x"], ["a"], to=TensorProto.FLOAT), helper.make_node("Add", ["a", "a"], ["b"]),
             helper.make_node("Cast", ["b"], ["y"], to=dtype)]
    graph = helper.make_graph(nodes, "net", [helper.make_tensor_value_info("x", dtype, [2, 3])],
                              [helper.make_tensor_value_info("y", dtype, [2, 3])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def bfloat16_model() -> onnx.ModelProto:
    return cast_model(TensorProto.BFLOAT16)
