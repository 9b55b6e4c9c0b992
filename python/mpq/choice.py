"""One precision for each product: the least loss within limits, as an integer program.

Losses and costs of products add up nearly (Hubara et al., "Accurate Post Training Quantization With Small Calibration
Sets", ICML 2021), so the best choice is that of a small integer program.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import contextmanager
from typing import Callable, Iterator, Mapping, NamedTuple, Sequence

from . import _core


class Option(NamedTuple):
    """What one product may have, and its part of what the model loses and costs by it."""

    precision: str
    loss: float
    milliseconds: float
    bits: float  # of all its weights
    float_macs: int  # multiply-accumulates that are not in integers
    wide_macs: int = 0  # those of activations in 16 bits


@contextmanager
def _stdout_closed() -> Iterator[None]:
    """HiGHS greets on the process's standard output before it can be told not to; results go there."""
    flush = ctypes.CDLL(None).fflush
    sys.stdout.flush()
    flush(None)
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        flush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


class Choice:
    """One precision for each product: the integer program."""

    def __init__(self, options: Sequence[Sequence[Option]], weights: int, macs: int, float_macs: int = 0):
        """weights, macs: of the model; float_macs: those that are not in integers whatever is chosen"""
        self.options = options
        self._base = {"float": float_macs / max(macs, 1)}
        self._costs: dict[str, Callable[[Option], float]] = {
            "loss": lambda option: option.loss, "latency": lambda option: option.milliseconds,
            "bits": lambda option: option.bits / max(weights, 1),
            "float": lambda option: option.float_macs / max(macs, 1),
            "int16": lambda option: option.wide_macs / max(macs, 1)}

    def solve(self, limits: Mapping[str, float]) -> list[int] | None:
        """The option of each product with the least loss; None if no choice keeps the limits."""
        try:
            import highspy
        except ImportError:
            raise _core.Error("choosing precisions needs the solver HiGHS: install highspy, or mpq[search]") from None
        with _stdout_closed():
            solver = highspy.Highs()
        solver.silent()
        chosen = [[solver.addBinary() for _ in options] for options in self.options]
        for variables in chosen:
            solver.addConstr(sum(variables) == 1)
        pairs = [(variable, option) for variables, options in zip(chosen, self.options)
                 for variable, option in zip(variables, options)]
        for name, limit in limits.items():
            solver.addConstr(sum(variable * self._costs[name](option) for variable, option in pairs)
                             <= limit - self._base.get(name, 0.0))
        scale = max((option.loss for _, option in pairs), default=0) or 1
        # Of equal losses the faster one; if nobody knows, the one with less in float.
        tie = "latency" if self.range_of("latency")[1] else "float"
        most = self.range_of(tie)[1] or 1
        solver.minimize(sum(variable * (option.loss / scale + 1e-6 * self._costs[tie](option) / most)
                            for variable, option in pairs))
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return [max(range(len(variables)), key=lambda i: solver.val(variables[i])) for variables in chosen]

    def pick(self, chosen: Sequence[int]) -> list[Option]:
        return [options[index] for options, index in zip(self.options, chosen)]

    def cost_of(self, chosen: Sequence[int], name: str) -> float:
        return self._base.get(name, 0.0) + sum(map(self._costs[name], self.pick(chosen)))

    def range_of(self, name: str) -> tuple[float, float]:
        """The least and the most that all products together can cost."""
        cost, base = self._costs[name], self._base.get(name, 0.0)
        return (base + sum(min(map(cost, options)) for options in self.options),
                base + sum(max(map(cost, options)) for options in self.options))
