"""What rounding single layers does to a model, without compiling it for each of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Iterable, Mapping, NamedTuple

import numpy as np

from . import _core
from .arguments import checked
from .compiler import Feed, Profile, Progress, Shapes, _exchange, _settings, _Source
from .emission import as_folder
from .program import TensorInfo, aligned_empty, in_order
from .suggestion import suggest


class Product(NamedTuple):
    """A product (convolution, matrix product) whose precision can be chosen."""

    id: str  # as rules of recipes name it
    kind: str  # "conv", "depthwise" or "matmul"
    macs: int  # multiply-accumulates
    weights: int  # elements; 0: a product of two activations
    precisions: tuple[str, ...]  # as in recipes; "f32" first


class Simulation:
    """A model in float, of which products can be rounded as in the quantized model: weights, and activations where the
    quantized model keeps them in 8 bits. What differs from the compiled model are the roundings of biases and of sums."""

    @checked
    def __init__(self, model: Any, profile: Profile | str | os.PathLike, *,
                 fit_data: str | os.PathLike | Iterable[Feed] | None = None,
                 recipe: str | os.PathLike | Mapping | None = None, method: str | None = None,
                 shape: Shapes | None = None, name: str | None = None, progress: Progress | None = None):
        source = _Source.of(model)
        self._compiler = _core.Compiler()
        with _exchange() as folder:
            fit_data = as_folder(fit_data, os.path.join(folder, "data", "bias"))
            settings = _settings(folder, fit_data=fit_data, profile=profile, recipe=recipe, method=method,
                                 shape=shape, name=name, precision="int8",
                                 report=os.path.join(folder, "report.json"))
            self._core = _core.Simulation(self._compiler, source.name, source.data, settings, progress)
            operations = json.loads(Path(folder, "report.json").read_text())["operations"]
        self.total_macs = sum(operation["macs"] or 0 for operation in operations)
        """Multiply-accumulates of the model."""
        self.float_macs = sum(operation["macs"] or 0 for operation in operations if operation["precision"] != "int8")
        """Those that are not in integers whatever is chosen."""
        self.products = [Product(*product) for product in self._core.products]
        self.inputs = [TensorInfo(*info) for info in self._core.inputs]
        self.outputs = [TensorInfo(*info) for info in self._core.outputs]
        self._index = {product.id: index for index, product in enumerate(self.products)}
        self._precisions = ["f32"] * len(self.products)

    def set_precisions(self, precisions: Mapping[str, str] | str) -> None:
        """One precision for all products that can have it, or {product: precision}; the others are in f32."""
        if isinstance(precisions, str):
            precisions = {p.id: precisions for p in self.products if precisions in p.precisions}
        for name in precisions:
            if name not in self._index:
                raise _core.Error(f"there is no product '{name}' whose precision can be chosen"
                                  f"{suggest(name, list(self._index))}")
        for index, product in enumerate(self.products):
            precision = precisions.get(product.id, "f32")
            if precision != self._precisions[index]:
                self._core.set_precision(index, precision)
                self._precisions[index] = precision

    @checked
    def __call__(self, feed: Feed) -> dict[str, np.ndarray]:
        """The outputs, with the precisions that were set last."""
        arrays = [aligned_empty(info.shape, info.dtype) for info in self.outputs]
        self._core.run(in_order(feed, self.inputs), arrays)
        return {info.name: array for info, array in zip(self.outputs, arrays)}

    def run(self, feeds: Iterable[Feed]) -> list[dict[str, np.ndarray]]:
        return [self(feed) for feed in feeds]
