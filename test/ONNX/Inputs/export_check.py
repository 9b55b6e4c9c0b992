"""Quantizes and exports small models, and holds ONNX Runtime against the reference of the same IR.

export_check.py FOLDER MODEL [flags of quant-compile]: FOLDER/MODEL.txt is in ONNX's text syntax; everything is
written into FOLDER. Prints what quant-compile says and the exported graph.
"""
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import onnxruntime as ort
from onnx import numpy_helper

SAMPLES = 4


def fill_initializers(graph, rng):
    """Gives random numbers to initializers written as `{0}`; positive ones where the name says `var`."""
    for tensor in graph.initializer:
        if list(tensor.float_data) == [0] and tensor.dims:
            values = rng.standard_normal(tensor.dims).astype(np.float32)
            values = np.abs(values) + 0.5 if tensor.name.startswith("var") else values
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def shape_of(value, flags):
    fixed = dict(flag.rsplit("=", 1) for flag in flags if "=" in flag)
    if value.name in fixed:
        return [int(d) for d in fixed[value.name].split("x")]
    return [d.dim_value for d in value.type.tensor_type.shape.dim]


def run(*command):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def describe(node):
    def show(attribute):
        value = onnx.helper.get_attribute_value(attribute)
        return f"{attribute.name}={list(value) if isinstance(value, (list, tuple)) else value}"

    attributes = "".join(f" {show(a)}" for a in node.attribute if a.type != onnx.AttributeProto.TENSOR)
    return f"{node.op_type}({', '.join(node.input)}) -> {', '.join(node.output)}{attributes}"


def show_graph(quantized):
    print("opset", quantized.opset_import[0].version)
    for node in quantized.graph.node:
        print(describe(node))
    for tensor in quantized.graph.initializer:
        print("initializer", tensor.name, onnx.TensorProto.DataType.Name(tensor.data_type), list(tensor.dims))
    for value in (*quantized.graph.input, *quantized.graph.output):
        print("value", value.name, [d.dim_value for d in value.type.tensor_type.shape.dim])


def main():
    folder, name, flags = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    rng = np.random.default_rng(1)
    model = onnx.parser.parse_model((folder / f"{name}.txt").read_text())
    fill_initializers(model.graph, rng)
    source, data = folder / f"{name}.onnx", folder / f"{name}-data"
    onnx.save(model, source)
    feeds = []
    for sample in range(SAMPLES):
        feed = {i.name: rng.standard_normal(shape_of(i, flags)).astype(np.float32) for i in model.graph.input}
        feeds.append(feed)
        for key, array in feed.items():
            (data / key).mkdir(parents=True, exist_ok=True)
            np.save(data / key / f"{sample}.npy", array)

    shapes = [flag for i, flag in enumerate(flags) if flag == "--shape" or (i and flags[i - 1] == "--shape")]
    profile, exported = folder / f"{name}.json", folder / f"{name}-q.onnx"
    saved, lowered = folder / f"{name}.mlirbc", folder / f"{name}-lowered.mlirbc"
    run("quant-compile", source, "--calibrate", data, "-o", profile, "--quiet", *shapes)
    quantize = ["quant-compile", source, "--profile", profile, *flags]
    log = run(*quantize, "--emit", "onnx", "-o", exported)
    run(*quantize, "--quiet", "--to", "quantize", "-o", saved)
    run(*quantize, "--quiet", "--to", "lower", "-o", lowered)
    # A saved module gives the same model.
    again = folder / f"{name}-again.onnx"
    run("quant-translate", "--export-onnx", saved, "--original", source, "-o", again)
    assert again.read_bytes() == exported.read_bytes()

    onnx.checker.check_model(exported, full_check=True)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(exported, options)
    for index, feed in enumerate(feeds):
        inputs = []
        for key in feed:
            inputs += ["--input", f"{key}={data / key / f'{index}.npy'}"]
        outputs = folder / f"{name}-outputs"
        run("quant-run", "--reference", lowered, *inputs, "--output-dir", outputs)
        for info, theirs in zip(session.get_outputs(), session.run(None, feed)):
            ours = np.load(outputs / f"{info.name}.npy")
            np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-4 * np.abs(ours).max(), err_msg=info.name)
    print(log[log.index("quantized tensors"):])
    show_graph(onnx.load(exported))


if __name__ == "__main__":
    main()
