"""The name that was probably meant."""

import difflib
from typing import Iterable


def suggest(name: str, candidates: Iterable[str]) -> str:
    """"; did you mean 'x'?" if a candidate is near, else nothing."""
    near = difflib.get_close_matches(name, list(candidates), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
