"""What rounding single layers does to a model, without compiling it for each of them."""

from __future__ import annotations

import json
import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

import numpy as np

from . import _core
from .arguments import checked
from .compiler import Feed, Profile, Progress, Shapes, _exchange, _settings, _Source, precision_beside
from .emission import as_folder
from .program import TensorInfo, aligned_empty, in_order
from .suggestion import suggest


PRECISIONS = ("f32", "int8", "int16", "int4", "int2")


class Product(NamedTuple):
    """A product (convolution, matrix product) whose precision can be chosen."""

    id: str  # as rules of recipes name it
    kind: str  # "conv", "depthwise" or "matmul"
    macs: int  # multiply-accumulates
    weights: int  # elements; 0: a product of two activations
    precisions: tuple[str, ...]  # as in recipes; "f32" first
    weight_shape: tuple[int, ...] = ()
    channel_dims: tuple[int, ...] = ()  # of the weights: their output channels
    has_original_weights: bool = True  # False: f32 stands for the rounded ones


class Value(NamedTuple):
    """A value that is rounded, to scale * (integer - zero_point)."""

    id: str  # several may have one: they are rounded together
    scale: float
    zero_point: int
    lowest: int  # integers
    highest: int
    is_read: bool  # by a product; others are rounded as soon as any product is

    @property
    def range(self) -> tuple[float, float]:
        """What the least and the largest integer stand for."""
        return self.scale * (self.lowest - self.zero_point), self.scale * (self.highest - self.zero_point)


def in_integers(operation: Mapping[str, Any]) -> bool:
    """Whether a product of a report is computed in integers. With weights of 4 or 2 bits, convolutions are, and matrix
    products whose activations are quantized."""
    return operation["precision"] in ("int8", "int16") or operation["precision"] in ("int4", "int2") and (
        operation["op"] in ("conv", "depthwise") or operation["reads_integers"])


class Simulation:
    """A model in float, of which products can be rounded as in the quantized model: weights, and activations where the
    quantized model keeps them in 8 bits. What differs from the compiled model are the roundings of biases and of sums.

    A model in QDQ form is simulated with the scales and integers it came with and takes no profile; `original` is the
    float model it was made from, whose weights are those of "f32".

    precisions: what products may be given beside f32 and int8. Each that is left out saves the time it takes to fit"""

    @checked
    def __init__(self, model: Any, profile: Profile | str | os.PathLike | None = None, *, original: Any = None,
                 fit_data: str | os.PathLike | Iterable[Feed] | None = None,
                 recipe: str | os.PathLike | Mapping | None = None, method: str | None = None,
                 shape: Shapes | None = None, name: str | None = None, mask: str | None = None,
                 precisions: Sequence[str] = PRECISIONS, progress: Progress | None = None):
        source = _Source.of(model)
        float_source = None if original is None else _Source.of(original)
        self._compiler = _core.Compiler()
        with _exchange() as folder:
            fit_data = as_folder(fit_data, os.path.join(folder, "data", "bias"))
            settings = _settings(folder, fit_data=fit_data, profile=profile, recipe=recipe, method=method,
                                 shape=shape, name=name, mask=mask,
                                 precision=None if original is not None else precision_beside(recipe),
                                 report=os.path.join(folder, "report.json"))
            self._core = _core.Simulation(self._compiler, source.name, source.data, float_source and float_source.name,
                                          float_source and float_source.data, settings, list(precisions), progress)
            operations = json.loads(Path(folder, "report.json").read_text())["operations"]
        self.total_macs = sum(operation["macs"] or 0 for operation in operations)
        """Multiply-accumulates of the model."""
        self.float_macs = sum(operation["macs"] or 0 for operation in operations if not in_integers(operation))
        """Those that are not in integers whatever is chosen."""
        self.products = [Product(*product) for product in self._core.products]
        self.values = [Value(*value) for value in self._core.values]
        self.inputs = [TensorInfo(*info) for info in self._core.inputs]
        self.outputs = [TensorInfo(*info) for info in self._core.outputs]
        self._index = {product.id: index for index, product in enumerate(self.products)}
        self._precisions = ["f32"] * len(self.products)
        self.limits: dict[str, tuple[float, float]] = {}
        """Of values that set_tensors does not round: quantizers leave activation functions to the limits of integers."""
        self._has_own_values = False  # set_tensors decided on them, not precisions

    def set_precisions(self, precisions: Mapping[str, str] | str) -> None:
        """One precision for all products that can have it, or {product: precision}; the others are in f32."""
        if isinstance(precisions, str):
            precisions = {p.id: precisions for p in self.products if precisions in p.precisions}
        for name in precisions:
            if name not in self._index:
                raise _core.Error(f"there is no product '{name}' whose precision can be chosen"
                                  f"{suggest(name, list(self._index))}")
        anew, self._has_own_values = self._has_own_values, False
        for index, product in enumerate(self.products):
            precision = precisions.get(product.id, "f32")
            if precision != self._precisions[index] or anew:
                self._core.set_precision(index, precision)
                self._precisions[index] = precision

    def set_tensors(self, weights: Iterable[str], values: Iterable[str]) -> None:
        """Rounds to 8 bits the weights of these products, and these values, and nothing else."""
        self.set_precisions({name: "int8" for name in weights})
        chosen = set(values)
        known = {value.id for value in self.values}
        for name in chosen - known:
            raise _core.Error(f"there is no rounded value '{name}'{suggest(name, list(known))}")
        self._has_own_values = True
        for index, value in enumerate(self.values):
            if value.id in chosen:
                self._core.set_rounding(index)
            else:
                self._core.set_limits(index, *self.limits.get(value.id, (-math.inf, math.inf)))

    def read_weights(self, product: Product) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of a product with constant weights: the weights, what they are rounded to, and the scale of each."""
        index = self._index[product.id]
        return tuple(np.frombuffer(self._core.read_weights(index, part), np.float32).reshape(product.weight_shape)
                     for part in range(3))

    @checked
    def __call__(self, feed: Feed) -> dict[str, np.ndarray]:
        """The outputs, with the precisions that were set last."""
        arrays = [aligned_empty(info.shape, info.dtype) for info in self.outputs]
        self._core.run(in_order(feed, self.inputs), arrays)
        return {info.name: array for info, array in zip(self.outputs, arrays)}

    def run(self, feeds: Iterable[Feed]) -> list[dict[str, np.ndarray]]:
        """Several at once, each on one processor: threads that share the work of one sample wait for each other, for long if
        the machine has other work."""
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            return list(pool.map(self, feeds))
