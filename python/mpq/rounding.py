"""What rounding does to a single tensor: errors of clipping and of steps, outliers, scales without use.

Of activations from the histograms of a profile (docs/ProfileFormat.md), of weights element by element. Nothing runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

import numpy as np

from .simulation import Product, Simulation, Value

OUTLIERS = 1e-4  # share of the elements that are looked at as outliers
PARTS = 8  # of a histogram's bin, in which elements are taken to be spread evenly
LARGEST_SUM = 2**31 - 1
SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)


def decibels(signal: float, noise: float) -> float | None:
    """None where nothing was lost, or there was nothing."""
    return 10 * math.log10(signal / noise) if signal > 0 and noise > 0 else None


@dataclass
class ValueErrors:
    """Of an activation; energies are means over its elements."""

    scale: float
    zero_point: int
    clip_min: float  # what the least and the largest integer stand for
    clip_max: float
    is_degenerate: bool  # no range, or a scale that is no normal number
    # None where the profile does not have the value
    min: float | None = None
    max: float | None = None
    sqnr_db: float | None = None
    clipped_share: float | None = None  # of the elements
    clipping_noise: float | None = None
    rounding_noise: float | None = None
    outlier_share: float | None = None  # of the range, that the largest 0.01% of the elements need
    steps: float | None = None  # between the least and the largest element


@dataclass
class WeightErrors:
    channels: int
    scales: int  # different ones: 1 is per tensor
    sqnr_db: float | None
    worst_channel_db: float | None
    per_channel_db: float | None  # what the nearest integers with a scale for each channel would have
    channel_ratio: float | None  # of the largest weights of channels: the largest to the least that is not 0
    zero_channels: int  # whose weights are all rounded to 0, and were not 0
    clipped_share: float  # of the weights, by more than half a step
    largest_sum: float  # that the product can reach in 32 bits, as a part of what they hold
    is_degenerate: bool


class Histogram:
    """What calibration saw of a value."""

    def __init__(self, entry: Mapping[str, Any]):
        width = 2.0 ** entry["exponent"]
        self.counts = np.asarray(entry["bins"], np.float64)
        self.lower = (entry["first"] + np.arange(len(self.counts))) * width
        self.width, self.min, self.max = width, entry["min"], entry["max"]

    @classmethod
    def of(cls, entry: Mapping[str, Any] | None) -> "Histogram | None":
        return cls(entry) if entry and entry.get("bins") and "min" in entry else None

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Elements and how many are there, never outside of the extremes."""
        parts = (np.arange(PARTS) + 0.5) / PARTS * self.width
        x = np.clip(self.lower[:, None] + parts, self.min, self.max).ravel()
        return x, np.repeat(self.counts / PARTS, PARTS)


def value_errors(value: Value, histogram: Histogram | None) -> ValueErrors:
    low, high = value.range
    errors = ValueErrors(value.scale, value.zero_point, low, high, not value.scale >= SMALLEST_NORMAL)
    if histogram is None:
        return errors
    x, counts = histogram.points()
    total = counts.sum()
    clipped = np.clip(x, low, high)
    steps = np.clip(np.rint(x / value.scale) + value.zero_point, value.lowest, value.highest) - value.zero_point
    outside = (x < low - value.scale / 2) | (x > high + value.scale / 2)
    errors.min, errors.max = histogram.min, histogram.max
    errors.is_degenerate |= histogram.max == histogram.min != 0
    errors.clipped_share = float(counts[outside].sum() / total)
    errors.clipping_noise = float((counts * np.square(x - clipped)).sum() / total)
    noise = float((counts * np.square(x - steps * value.scale)).sum() / total)
    errors.rounding_noise = max(noise - errors.clipping_noise, 0.0)
    errors.sqnr_db = decibels(float((counts * np.square(x)).sum() / total), noise)
    errors.steps = (histogram.max - histogram.min) / value.scale
    size = np.abs(x)
    order = np.argsort(size)
    inner = size[order][np.searchsorted(np.cumsum(counts[order]), (1 - OUTLIERS) * total).clip(max=len(x) - 1)]
    largest = max(abs(histogram.min), abs(histogram.max))
    errors.outlier_share = float(1 - inner / largest) if largest else 0.0
    return errors


def _by_channel(array: np.ndarray, dims: Sequence[int]) -> np.ndarray:
    """A row for each output channel."""
    rest = [dim for dim in range(array.ndim) if dim not in dims]
    count = int(np.prod([array.shape[dim] for dim in dims], dtype=np.int64))
    return array.transpose(*dims, *rest).reshape(count, -1)


def weight_errors(simulation: Simulation, product: Product) -> WeightErrors:
    original, rounded, scales = (_by_channel(part, product.channel_dims).astype(np.float64)
                                 for part in simulation.read_weights(product))
    error = np.square(original - rounded).sum(1)
    signal = np.square(original).sum(1)
    known = product.has_original_weights
    largest = np.abs(original).max(1)
    per_channel = np.where(largest > 0, largest, 1)[:, None] / 127
    nearest = np.square(original - np.rint(original / per_channel) * per_channel).sum()
    of_channels = [db for db in map(decibels, signal, error) if db is not None]
    steps = np.abs(rounded / np.where(scales > 0, scales, 1))
    nonzero = largest[largest > 0]
    return WeightErrors(
        channels=len(original), scales=len(np.unique(scales)),
        sqnr_db=decibels(signal.sum(), error.sum()) if known else None,
        worst_channel_db=min(of_channels, default=None) if known else None,
        per_channel_db=decibels(signal.sum(), nearest) if known else None,
        channel_ratio=float(nonzero.max() / nonzero.min()) if known and len(nonzero) else None,
        zero_channels=int(((steps.max(1) == 0) & (largest > 0)).sum()),
        clipped_share=float((np.abs(original - rounded) > 0.501 * scales).mean()) if known else 0.0,
        largest_sum=float(steps.sum(1).max() * 255 / LARGEST_SUM),
        is_degenerate=bool((scales < SMALLEST_NORMAL).any()))
