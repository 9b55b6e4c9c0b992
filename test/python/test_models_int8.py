"""Whole networks quantized by mpq to INT8: accuracy, and how much of the work is done in integers.

MPQ_FULL_ACCURACY=1 takes the full evaluation data (test/benchmark/accuracy.py prints its table).
"""

import onnx
import pytest

from mpq_testing import accuracy, tools


def lookup_table_bytes(path) -> int:
    """Bytes of the tables that the network only looks rows up in: embeddings stay in float."""
    graph = onnx.load(path).graph
    users = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, set()).add(node.op_type)
    tables = [i for i in graph.initializer if users.get(i.name) == {"Gather"}]
    return sum(onnx.numpy_helper.to_array(i).nbytes for i in tables)


@pytest.mark.parametrize("model", accuracy.JUDGED, ids=lambda model: model.name)
def test_accuracy_and_integer_share(model):
    built = tools.compile_int8(model)
    measured = accuracy.measure(model, built.load(), accuracy.chosen_samples())
    assert measured.value >= measured.bound, measured
    assert built.integer_share >= accuracy.INTEGER_SHARE
    tables = lookup_table_bytes(model.path)
    # Code does not shrink, nor do depthwise weights, which are stored once for each phase (DepthwisePacking.h): in the
    # small classifier they are most of the file.
    assert built.size - tables < 0.7 * (tools.compile_f32(model).size - tables)


@pytest.mark.parametrize("model", accuracy.JUDGED, ids=lambda model: model.name)
def test_memory_of_the_compiler_and_of_a_run(model):
    for built in (tools.compile_int8(model), tools.compile_f32(model)):
        summary = built.summary
        assert summary["live_bytes"] <= summary["workspace_bytes"] <= 1.1 * summary["live_bytes"]
        assert summary["compiler_bytes"] <= 2**30 + 2 * summary["weights_bytes"]
