"""The measuring sticks themselves: data sets and metrics must not drift, or numbers stop being comparable."""

import zlib

import numpy as np
import pytest

from mpq_testing import data, metrics, models
from mpq_testing import onnxruntime_peer as peer


def test_lines_have_the_published_text():
    assert data.text_line(0)[1] != data.text_line(1)[1]
    texts = "\n".join(data.text_line(data.EVALUATION + i)[1] for i in range(20))
    assert zlib.crc32(texts.encode()) == 39894441


def test_directions_are_turned_lines():
    line = data.text_line(7)[0][..., : data.DIRECTION_WIDTH]
    x, label = data.direction(7)
    assert label == 1
    np.testing.assert_array_equal(x[:, :, ::-1, ::-1], line)


def test_pages_hold_their_boxes():
    x, truth = data.page(3)
    assert x.shape == (1, 3, 640, 640) and 0.05 < truth.mean() < 0.8
    # Ink is darker than paper, so the drawn boxes are darker than the rest.
    assert x[0, :, truth].mean() < x[0, :, ~truth].mean()


def test_sentences_are_reproducible():
    first, second = data.sentences(5, seed=1), data.sentences(5, seed=1)
    assert first == second and first != data.sentences(5, seed=2)


def test_ctc_decoding_drops_blanks_and_repetitions():
    alphabet = ["", "a", "b"]
    steps = np.eye(3)[[1, 1, 0, 1, 2, 2, 0]][None]
    assert metrics.ctc_decode(steps, alphabet) == "aab"


def test_overlap_counts_pixels():
    a, b = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    a[0, :], b[:2, 0] = True, True
    assert metrics.overlap(a, b) == pytest.approx(1 / 5)


@pytest.mark.parametrize("model", models.ALL, ids=lambda model: model.name)
def test_networks_tell_inputs_apart(model):
    """A network whose output is constant would make every comparison pass."""
    run = peer.runner(model.path)
    first, second = (run(model.random_feed(model.shape, seed))[0] for seed in (1, 2))
    assert metrics.relative_error(first, second) > 1e-3


def test_recognizer_reads_lines():
    """The wheel's FP32 recognizer on the first evaluation lines: guards network, fonts, rendering, decoding."""
    accuracy = metrics.recognizer_accuracy(peer.runner(models.RECOGNIZER.path), 100)
    assert 0.6 < accuracy < 0.9
