"""Models quantized by ONNX Runtime (QDQ form): their integers survive import and compilation.

The integers are those of ONNX Runtime with its graph optimizations off, which evaluate QDQ form as the ONNX
standard defines it. Its optimized kernels move up to a tenth of the elements of some activations by one.
"""

import numpy as np
import onnx
import pytest

from mpq_testing import metrics, models, qdq, tools
from mpq_testing import onnxruntime_peer as peer
from mpq_testing.models import Model
from mpq_testing.paths import model_file

OFF_BY_ONE_SHARE = 1e-3


def feeds_and_integers(quantized, feed):
    """Every quantized activation of ONNX Runtime's own run."""
    exposed = model_file(quantized.stem + "-exposed.onnx")
    names = qdq.expose(quantized, exposed)
    session = peer.session(exposed, optimize=False)
    return dict(zip(names, session.run(names, feed)))


@pytest.mark.parametrize("model", models.SIX, ids=lambda model: model.name)
def test_every_quantized_node(model):
    quantized = peer.quantized(model)
    feed = model.calibration_feed(0)
    integers = feeds_and_integers(quantized, feed)
    cut = model_file(quantized.stem + "-cut.onnx")
    qdq.cut(quantized, cut, {name: array.shape for name, array in integers.items()})
    inputs = [i.name for i in onnx.load(cut).graph.input]
    available = feed | {name + qdq.INPUT_SUFFIX: array for name, array in integers.items()}
    shapes = {name: available[name].shape for name in inputs}

    alone = Model(model.name + "-cut", lambda: cut, (shapes,), model.random_feed, model.calibration_feed, 1)
    run = tools.compile_quantized(cut, alone).load()
    outputs = dict(zip((o.name for o in onnx.load(cut).graph.output), run({n: available[n] for n in inputs})))

    different = []
    for name, expected in integers.items():
        distance = np.abs(outputs[name].astype(np.int64) - expected.astype(np.int64))
        count = np.count_nonzero(distance)
        if distance.max() > 1 or count > OFF_BY_ONE_SHARE * distance.size:
            different.append(f"{name}: {count} of {distance.size} differ, by at most {distance.max()}")
    assert not different, "\n".join(different)


# They amplify single ties: ONNX Runtime with and without optimizations agrees with itself to 0.994 on the recognizer and
# to 0.956 on one sentence of MiniLM.
SHORT = {"ppocr-rec": "0.9955 to 0.9994", "minilm": "0.99875 on one sentence"}


def whole_outputs(model):
    """For some samples: our outputs, and ONNX Runtime's with and without optimizations."""
    quantized = peer.quantized(model)
    runs = (tools.compile_quantized(quantized, model).load(), peer.runner(quantized),
            peer.runner(quantized, optimize=False))
    for index in range(3):
        feed = model.calibration_feed(index)
        yield from zip(*(run(feed) for run in runs))


@pytest.mark.parametrize("model", [
    pytest.param(model, id=model.name,
                 marks=[pytest.mark.xfail(reason=SHORT[model.name], strict=False)] if model.name in SHORT else [])
    for model in models.SIX])
def test_whole_model(model):
    for ours, optimized, plain in whole_outputs(model):
        assert max(metrics.cosine(ours, optimized), metrics.cosine(ours, plain)) >= 0.999


@pytest.mark.parametrize("model", [model for model in models.SIX if model.name in SHORT], ids=lambda model: model.name)
def test_whole_model_beside_onnxruntime(model):
    """Where the bound is missed, we are as near to one of its two evaluations as they are to each other."""
    for ours, optimized, plain in whole_outputs(model):
        nearest = max(metrics.cosine(ours, optimized), metrics.cosine(ours, plain))
        assert nearest >= min(0.999, metrics.cosine(optimized, plain))
