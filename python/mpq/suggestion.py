"""The name that was probably meant."""

import difflib
from typing import Any, Iterable


def suggest(name: Any, candidates: Iterable[str]) -> str:
    """"; did you mean 'x'?" if a candidate is near, whatever its case, else nothing."""
    names = {candidate.casefold(): candidate for candidate in candidates}
    near = difflib.get_close_matches(str(name).casefold(), names, n=1)
    return f"; did you mean '{names[near[0]]}'?" if near else ""
