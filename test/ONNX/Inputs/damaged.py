"""Writes damaged variants of a small model into a folder."""
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)


def make(initializer):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])
    node = helper.make_node("Add", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "net", [x], [y], [initializer])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def external(location, offset=None, length=None):
    tensor = TensorProto(name="w", dims=[3], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))
    return make(tensor)


def write(name, model):
    (folder / name).write_bytes(model.SerializeToString())


weight = numpy_helper.from_array(np.array([1, 2, 3], np.float32), "w")
good = make(weight)
write("good.onnx", good)
data = good.SerializeToString()
(folder / "truncated.onnx").write_bytes(data[:-20])
(folder / "text.onnx").write_text("this is not a model")
(folder / "empty.onnx").write_bytes(b"")

short = TensorProto()
short.CopyFrom(weight)
short.raw_data = short.raw_data[:-4]
write("short.onnx", make(short))
write("typed.onnx", make(TensorProto(name="w", dims=[3], data_type=TensorProto.FLOAT, float_data=[1, 2])))
write("dims.onnx", make(TensorProto(name="w", dims=[2**62, 2**62], data_type=TensorProto.FLOAT)))
write("negative.onnx", make(TensorProto(name="w", dims=[-3], data_type=TensorProto.FLOAT)))
twice = make(weight)
twice.graph.initializer.append(weight)
write("twice.onnx", twice)

(folder / "weights.bin").write_bytes(np.array([9, 1, 2, 3], np.float32).tobytes())
write("external.onnx", external("weights.bin", 4, 12))
write("beyond.onnx", external("weights.bin", 8, 12))
write("nofile.onnx", external("missing.bin"))
write("escape.onnx", external("../weights.bin"))
write("absolute.onnx", external("/etc/hostname"))
write("offset.onnx", external("weights.bin", "x4"))
outside = folder.parent / (folder.name + "-outside.bin")
outside.write_bytes(bytes(12))
(folder / "link.bin").symlink_to(outside)
write("link.onnx", external("link.bin"))
