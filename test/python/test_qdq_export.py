"""Our INT8 networks as QDQ ONNX: other engines compute what our compiled code does.

ONNX Runtime without graph optimizations evaluates QDQ form as the standard defines it. It differs from our code only
where a float lies next to a tie (float kernels that sum in another order; division by the scale where we multiply by
its inverse). Deep networks amplify that: an integer off by one changes everything behind it, so that most outputs of
MiniLM agree to six digits and some to 0.997, for any two engines. So the mean over some samples counts, and where it
misses the bound, it must be as near as the model's own conditioning allows.
"""

import numpy as np
import onnx
import pytest

from mpq_testing import accuracy, conditioning, metrics, models, tools
from mpq_testing import onnxruntime_peer as peer
from mpq_testing import openvino_peer

BOUND = 0.999
SAMPLES = {"minilm": 12, "ppocr-rec": 32, "ppocr-det": 3, "resnet50": 2}  # 6 of the others


@pytest.mark.parametrize("model", models.SIX, ids=lambda model: model.name)
def test_other_engines_agree(model):
    exported = tools.export_int8(model)
    onnx.checker.check_model(exported, full_check=True)
    compiled = tools.compile_int8(model).load()
    engines = {
        "ours": compiled,
        "plain": peer.runner(exported, optimize=False),
        "openvino": openvino_peer.runner(exported),
    }
    feeds = [model.calibration_feed(index) for index in range(SAMPLES.get(model.name, 6))]
    outputs = {name: [run(feed)[0] for feed in feeds] for name, run in engines.items()}
    for engine in ("plain", "openvino"):
        cosine = conditioning.mean_cosine(outputs["ours"], outputs[engine])
        if cosine >= BOUND:
            continue
        # A few samples decide the mean. An engine is one more draw, so no further off than the furthest copy, and most
        # samples meet the bound all the same. OpenVINO has roundings of its own, which the standard's evaluation is as
        # far from.
        each = [metrics.cosine(a, b) for a, b in zip(outputs["ours"], outputs[engine])]
        assert np.median(each) >= BOUND, engine
        draws = conditioning.of_moved_copies(exported, feeds)
        if engine != "plain":
            draws.append(conditioning.mean_cosine(outputs["plain"], outputs[engine]))
        assert cosine >= min(draws), engine
    if model is not models.DETECTOR:  # each of its maps of 400,000 elements meets ties
        # Equal to all digits where no tie is met: the numbers of the model are ours.
        nearest = [max(metrics.cosine(a, b), metrics.cosine(a, c)) for a, b, c in zip(*outputs.values())]
        assert max(nearest) >= 0.9999


@pytest.mark.parametrize("model", models.SIX, ids=lambda model: model.name)
def test_what_is_quantized(model):
    """Every product that our code computes in integers has integer weights in the file, and no float copy of them."""
    exported = tools.export_int8(model)
    log = exported.with_name(exported.name + ".log").read_text()
    assert "stay" not in log  # no fallback in these networks
    graph = onnx.load(exported).graph
    source = onnx.load(model.path).graph
    assert {o.name for o in graph.output} == {o.name for o in source.output}
    initializers = {i.name: i for i in graph.initializer}
    producers = {output: node for node in graph.node for output in node.output}
    quantized = 0
    for node in graph.node:
        if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
            continue
        weights = node.input[1]
        while weights in producers and producers[weights].op_type in ("Reshape", "Transpose"):
            weights = producers[weights].input[0]
        if weights in producers and producers[weights].op_type == "DequantizeLinear":
            integers = producers[weights].input[0]
            if integers in initializers:
                quantized += 1
                assert initializers[integers].data_type == onnx.TensorProto.INT8
                assert integers.removesuffix("_quantized") not in initializers
    assert f"quantized products {quantized}" in " ".join(log.split())
    kept = {t for node in source.node for t in node.output} | {i.name for i in source.input}
    sources = [node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"]
    added = [name for name in sources if name.removesuffix("_float") not in kept]
    assert all(name.endswith("_equalized") for name in added)  # recipes add these


def test_recognizer_reads_as_well():
    model = models.RECOGNIZER
    ours = metrics.lines_read(tools.compile_int8(model).load(), accuracy.FULL.lines)
    exported = tools.export_int8(model)
    for theirs in (peer.runner(exported, optimize=False), openvino_peer.runner(exported)):
        others = metrics.lines_read(theirs, accuracy.FULL.lines)
        assert metrics.differ_by_chance(ours, others) and abs(ours.mean() - others.mean()) <= 0.025
