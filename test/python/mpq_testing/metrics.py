"""What is measured on outputs, and the accuracy of each network on its evaluation data.

A `run` maps a feed (input name -> array) to the list of outputs.
"""

from typing import Callable

import numpy as np

from . import data
from .models import RECOGNIZER, Feed

Run = Callable[[Feed], list[np.ndarray]]
TEXT_THRESHOLD = 0.3  # PP-OCR's: a pixel above it is text


def relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    """|a - b| / |b| in the Euclidean norm, in double precision."""
    a, b = actual.astype(np.float64).ravel(), expected.astype(np.float64).ravel()
    return float(np.linalg.norm(a - b) / max(np.linalg.norm(b), np.finfo(np.float64).tiny))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), np.finfo(np.float64).tiny))


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two masks."""
    return float((a & b).sum() / max(1, (a | b).sum()))


def recognizer_alphabet() -> list[str]:
    """The characters of the recognizer's classes; class 0 is CTC's blank."""
    import onnx

    model = onnx.load(RECOGNIZER.path)
    (characters,) = [p.value for p in model.metadata_props if p.key == "character"]
    return ["", *characters.splitlines(), " "]


def ctc_decode(probabilities: np.ndarray, alphabet: list[str]) -> str:
    """Best class of each step, repetitions and blanks removed (Graves et al. 2006)."""
    best = probabilities.argmax(-1)[0]
    changed = np.concatenate([[True], best[1:] != best[:-1]])
    return "".join(alphabet[k] for k in best[changed & (best != 0)])


def edit_distance(a: str, b: str) -> int:
    """The fewest insertions, deletions and replacements that make one of the other (Levenshtein 1966)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def text_scores(read: list[str], texts: list[str]) -> dict[str, float]:
    """The share of lines without an error, and CER: edits by characters of the texts. Spaces do not count."""
    pairs = [(a.replace(" ", ""), b.replace(" ", "")) for a, b in zip(read, texts, strict=True)]
    return {"lines read": sum(a == b for a, b in pairs) / len(pairs),
            "CER": sum(edit_distance(a, b) for a, b in pairs) / max(1, sum(len(b) for _, b in pairs))}


def embedding_scores(ours: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Of embeddings (a row each): cosine with the reference's, Spearman's correlation of all pairs' similarities, and how
    often the nearest neighbour is the same."""
    norms = [np.linalg.norm(rows, axis=1, keepdims=True) for rows in (ours, reference)]
    a, b = ours / norms[0], reference / norms[1]
    similar, expected = a @ a.T, b @ b.T
    pairs = np.triu_indices(len(a), 1)
    ranks = [np.argsort(np.argsort(matrix[pairs])) for matrix in (similar, expected)]
    for matrix in (similar, expected):
        np.fill_diagonal(matrix, -np.inf)
    return {"cosine": float((a * b).sum(1).mean()), "Spearman": float(np.corrcoef(*ranks)[0, 1]),
            "same neighbour": float((similar.argmax(1) == expected.argmax(1)).mean())}


def lines_read(run: Run, count: int = 300) -> np.ndarray:
    """Which lines are read without an error, spaces aside."""
    alphabet = recognizer_alphabet()
    right = []
    for seed in range(data.EVALUATION, data.EVALUATION + count):
        x, text = data.text_line(seed)
        read = ctc_decode(run({"x": x})[0], alphabet)
        right.append(read.replace(" ", "") == text.replace(" ", ""))
    return np.array(right)


def recognizer_accuracy(run: Run, count: int = 300) -> float:
    """Share of lines read without an error, spaces aside."""
    return float(lines_read(run, count).mean())


def differ_by_chance(one: np.ndarray, other: np.ndarray) -> bool:
    """McNemar's test (1947) at 1%: samples that only one of two gets right are as often the one's as the other's."""
    only_one, only_other = np.sum(one & ~other), np.sum(other & ~one)
    return bool((only_one - only_other) ** 2 <= 6.63 * (only_one + only_other))


def detector_overlap(run: Run, reference: Run, count: int = 100) -> dict[str, float]:
    """Mean IoU of the binarized text map: with the reference's, and with the drawn boxes."""
    sums = np.zeros(3)
    for seed in range(data.EVALUATION, data.EVALUATION + count):
        x, truth = data.page(seed)
        ours, theirs = (r({"x": x})[0][0, 0] > TEXT_THRESHOLD for r in (run, reference))
        sums += overlap(ours, theirs), overlap(ours, truth), overlap(theirs, truth)
    return dict(zip(("reference", "boxes", "reference_boxes"), (sums / count).tolist()))


def classifier_agreement(run: Run, reference: Run, count: int = 300) -> dict[str, float]:
    """Share of lines where both say the same, and each one's share of right answers."""
    sums = np.zeros(3)
    for seed in range(data.EVALUATION, data.EVALUATION + count):
        x, label = data.direction(seed)
        ours, theirs = (int(r({"x": x})[0].argmax()) for r in (run, reference))
        sums += ours == theirs, ours == label, theirs == label
    return dict(zip(("agreement", "accuracy", "reference_accuracy"), (sums / count).tolist()))


def encoder_cosine(run: Run, reference: Run, count: int = 200) -> dict[str, float]:
    """Cosine of the sentence embeddings with the reference's."""
    values = [cosine(run(feed)[0], reference(feed)[0]) for feed in data.sentence_feeds(count, data.EVALUATION)]
    return {"mean": float(np.mean(values)), "min": float(np.min(values))}


def mean_cosine(run: Run, reference: Run, feeds: list[Feed]) -> float:
    """Mean cosine of the first output over some inputs."""
    return float(np.mean([cosine(run(feed)[0], reference(feed)[0]) for feed in feeds]))
