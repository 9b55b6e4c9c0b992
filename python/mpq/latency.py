"""How long programs take on a machine that does other work, too: measured in rounds, of which the quietest counts."""

from __future__ import annotations

import time
from typing import Callable, Sequence, TypeVar

from .compiler import Feed
from .program import Program

Item = TypeVar("Item")

RUNS = 5  # in a row: caches hold what one program needs


def milliseconds(program: Program, feed: Feed) -> float:
    """The least of a few runs, after one that fills the caches."""
    durations = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        program(feed)
        durations.append(time.perf_counter() - start)
    return 1e3 * min(durations[1:])


def in_rounds(rounds: int, measure: Callable[[Item], list[float]], items: Sequence[Item]) -> list[list[float]]:
    """The least that `measure` says of each item, number by number: what delays some rounds is not the program. Items take
    turns, so that busy minutes of the machine are not one item's."""
    least = [measure(item) for item in items]
    for _ in range(rounds - 1):
        least = [list(map(min, known, measure(item))) for known, item in zip(least, items)]
    return least
