"""Whole networks quantized by mpq to INT8: accuracy, and how much of the work is done in integers.

MPQ_FULL_ACCURACY=1 takes the full evaluation data (test/benchmark/accuracy.py prints its table).
"""

import pytest

from mpq_testing import accuracy, tools


@pytest.mark.parametrize("model", accuracy.JUDGED, ids=lambda model: model.name)
def test_accuracy_and_integer_share(model):
    built = tools.compile_int8(model)
    measured = accuracy.measure(model, built.load(), accuracy.chosen_samples())
    assert measured.value >= measured.bound, measured
    assert built.integer_share >= accuracy.INTEGER_SHARE
    assert built.size < 0.6 * tools.compile_f32(model).size
