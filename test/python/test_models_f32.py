"""Whole networks in FP32: compiled code against ONNX Runtime."""

import pytest

from mpq_testing import metrics, models, tools
from mpq_testing import onnxruntime_peer as peer

TOLERANCE = 1e-4
CASES = [pytest.param(model, shapes, id=f"{model.name}-{'x'.join(map(str, next(iter(shapes.values()))))}")
         for model in models.SIX for shapes in model.shapes]


@pytest.mark.parametrize("model, shapes", CASES)
def test_compiled_equals_onnxruntime(model, shapes):
    run = tools.compile_f32(model, shapes).load()
    reference = peer.runner(model.path)
    outputs = []
    for seed in (1, 2):
        feed = model.random_feed(shapes, seed)
        actual, expected = run(feed), reference(feed)
        assert len(actual) == len(expected)
        for ours, theirs in zip(actual, expected):
            assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
            assert metrics.relative_error(ours, theirs) <= TOLERANCE
        outputs.append(actual[0])
    # Ten times the tolerance: a constant output cannot pass.
    assert metrics.relative_error(*outputs) > 10 * TOLERANCE


@pytest.mark.parametrize("model", models.SIX, ids=lambda model: model.name)
def test_runs_repeat_bit_for_bit(model):
    run = tools.compile_f32(model).load()
    feed = model.random_feed(model.shape, 3)
    first, second = run(feed), run(feed)
    for a, b in zip(first, second):
        assert a.tobytes() == b.tobytes()
