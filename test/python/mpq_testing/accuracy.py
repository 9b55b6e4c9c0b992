"""The accuracy of compiled INT8 networks beside FP32, and the bounds that it must keep.

Shared by the tests (few samples unless MPQ_FULL_ACCURACY is set) and test/benchmark/accuracy.py.
"""

import os
from dataclasses import dataclass

from . import data, metrics, models
from . import onnxruntime_peer as peer
from .metrics import Run
from .models import Model


@dataclass(frozen=True)
class Samples:
    """How many samples of the evaluation data are used."""

    lines: int
    pages: int
    directions: int
    sentences: int
    images: int


FULL = Samples(lines=300, pages=100, directions=300, sentences=200, images=20)
QUICK = Samples(lines=100, pages=6, directions=100, sentences=30, images=4)


def chosen_samples() -> Samples:
    return FULL if os.environ.get("MPQ_FULL_ACCURACY") else QUICK


@dataclass(frozen=True)
class Measure:
    """One number of a network, better when larger, with the bound that it must reach."""

    metric: str
    value: float
    bound: float

    @property
    def holds(self) -> bool:
        return self.value >= self.bound


def _image_feeds(model: Model, count: int):
    return [models.uniform_feed(model.shape, data.EVALUATION + index) for index in range(count)]


def measure(model: Model, run: Run, samples: Samples) -> Measure:
    """The accuracy of `run`, which computes `model` in INT8; the reference is ONNX Runtime's FP32."""
    reference = peer.runner(model.path)
    if model is models.RECOGNIZER:
        # The points that quantization may cost, and one line's worth of chance on few lines.
        allowed = 0.02 if samples.lines >= FULL.lines else 0.03
        bound = metrics.recognizer_accuracy(reference, samples.lines) - allowed
        return Measure("line accuracy", metrics.recognizer_accuracy(run, samples.lines), bound)
    if model is models.DETECTOR:
        return Measure("overlap with FP32", metrics.detector_overlap(run, reference, samples.pages)["reference"], 0.95)
    if model is models.CLASSIFIER:
        agreement = metrics.classifier_agreement(run, reference, samples.directions)["agreement"]
        return Measure("agreement with FP32", agreement, 0.97)
    if model is models.MINILM:
        return Measure("mean cosine", metrics.encoder_cosine(run, reference, samples.sentences)["mean"], 0.995)
    feeds = _image_feeds(model, samples.images)
    value = metrics.mean_cosine(run, reference, feeds)
    bound = 0.999
    if model is models.SQUEEZENET_FEATURES:  # no fixed bound: ahead of ONNX Runtime's quantizer
        bound = metrics.mean_cosine(peer.runner(peer.quantized(model)), reference, feeds)
    return Measure("cosine of the features", value, bound)


# What the integer share of the multiply-accumulates must be at least.
INTEGER_SHARE = 0.85
JUDGED = (models.RECOGNIZER, models.DETECTOR, models.CLASSIFIER, models.MINILM, models.RESNET50_FEATURES,
          models.SQUEEZENET_FEATURES)
