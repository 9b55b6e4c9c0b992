"""Accuracy of a network beside its peers': all contenders on the same samples of three seeds.

Each contender is quantized and compiled once, from the same calibration data.
"""

from dataclasses import dataclass
from typing import Callable

import numpy as np

from mpq_testing import data, metrics, models, openvino_peer, tools
from mpq_testing import onnxruntime_peer as peer
from mpq_testing.metrics import Run
from mpq_testing.models import Model

from .contenders import need

FIRST_SEEDS = tuple(part * data.EVALUATION for part in (1, 2, 3))
MAX_FLOAT = 0.15
# Samples for calibration, and how they are used.
MINILM_RECIPES = (("mpq INT16, GPTQ", 128, {"precision": "int16", "rounding": "gptq"}),
                  ("mpq dynamic INT8, GPTQ", 128, {"activations": "dynamic", "rounding": "gptq"}),
                  ("mpq INT4", 1, {"precision": "int4", "zero_points": True}),
                  ("mpq INT4, GPTQ", 512, {"precision": "int4", "zero_points": True, "rounding": "gptq"}))


@dataclass(frozen=True)
class Ready:
    run: Run
    integer_share: float | None = None  # of the multiply-accumulates; None: the engine does not say


def _quantized(model: Model, sentences: int | None = None, **settings) -> Ready:
    """What mpq.quantize makes of the calibration data, or of so many sentences."""
    import mpq
    from mpq.simulation import in_integers

    feeds = (data.sentence_feeds(sentences) if sentences else
             [model.calibration_feed(index) for index in range(model.calibration_count)])
    mask = "attention_mask" if model is models.MINILM else None
    done = mpq.quantize(model.path, feeds, shape=model.shape, mask=mask, **settings)
    program = mpq.compile(done)
    products = [operation for operation in done.record["operations"] if operation["macs"]]
    share = sum(o["macs"] for o in products if in_integers(o)) / sum(o["macs"] for o in products)
    return Ready(lambda feed: list(program(feed).values()), share)


def _default(model: Model) -> Ready:
    built = tools.compile_int8(model)
    return Ready(built.load(), built.integer_share)


def _nncf(model: Model) -> Ready:
    need("nncf")
    return Ready(openvino_peer.runner(openvino_peer.quantized(model)))


def contenders(model: Model) -> dict[str, Callable[[], Ready]]:
    found = {"FP32": lambda: Ready(peer.runner(model.path), 0.0),
             "mpq INT8": lambda: _default(model),
             f"mpq INT8, {MAX_FLOAT:.0%} float": lambda: _quantized(model, max_float=MAX_FLOAT),
             "ONNX Runtime INT8": lambda: Ready(peer.runner(peer.quantized(model))),
             "NNCF INT8": lambda: _nncf(model)}
    if model is models.CLASSIFIER:
        found["mpq INT16"] = lambda: _quantized(model, recipe={"precision": "int16"})
    if model is models.MINILM:
        found |= {name: lambda count=count, recipe=recipe: _quantized(model, count, recipe=recipe)
                  for name, count, recipe in MINILM_RECIPES}
    return found


def scores(model: Model, run: Run, reference: Run, first: int, count: int) -> dict[str, float]:
    """Of `count` samples from the seed `first` on."""
    seeds = range(first, first + count)
    if model is models.RECOGNIZER:
        alphabet = metrics.recognizer_alphabet()
        lines = [data.text_line(seed) for seed in seeds]
        return metrics.text_scores([metrics.ctc_decode(run({"x": x})[0], alphabet) for x, _ in lines],
                                   [text for _, text in lines])
    if model is models.DETECTOR:
        maps = ([r({"x": x})[0][0, 0] > metrics.TEXT_THRESHOLD for r in (run, reference)] + [truth]
                for x, truth in map(data.page, seeds))
        found = np.mean([(metrics.overlap(ours, theirs), metrics.overlap(ours, truth)) for ours, theirs, truth in maps], 0)
        return {"IoU with FP32": float(found[0]), "IoU with boxes": float(found[1])}
    if model is models.CLASSIFIER:
        said = [(int(run({"x": x})[0].argmax()), int(reference({"x": x})[0].argmax()), label)
                for x, label in map(data.direction, seeds)]
        return {"agreement": float(np.mean([a == b for a, b, _ in said])),
                "right": float(np.mean([a == label for a, _, label in said]))}
    feeds = data.sentence_feeds(count, first)
    return metrics.embedding_scores(*(np.concatenate([r(feed)[0] for feed in feeds]) for r in (run, reference)))


COMPARED = (models.RECOGNIZER, models.DETECTOR, models.CLASSIFIER, models.MINILM)


def table(model: Model, count: int, names: list[str] | None = None) -> list[dict]:
    """A row for each contender, printed as it is measured."""
    reference = peer.runner(model.path)
    rows = []
    for name, make in contenders(model).items():
        if names and name not in names:
            continue
        ready = make()
        by_seed = [scores(model, ready.run, reference, first, count) for first in FIRST_SEEDS]
        if not rows:
            print(f"\n{model.name}, three times {count} samples\n{'':24}{'integer':>9}", *(f"{m:>26}" for m in by_seed[0]))
        share = "" if ready.integer_share is None else f"{ready.integer_share:.1%}"
        columns = ("  ".join(f"{part[metric]:.4f}" for part in by_seed) for metric in by_seed[0])
        print(f"{name:24}{share:>9}", *(f"{column:>26}" for column in columns), flush=True)
        rows.append({"contender": name, "integer_share": ready.integer_share, "scores": by_seed})
    return rows
