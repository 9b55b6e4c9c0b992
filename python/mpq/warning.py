"""What was asked for but changes nothing: no error, as the result is right, and not silent."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Iterable

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class NoEffectWarning(UserWarning):
    """An option, or a part of a recipe, that had no effect. `warnings.simplefilter("error", mpq.NoEffectWarning)` makes
    errors of them."""


def warn(sentences: Iterable[str]) -> None:
    """Warns where the package was called from."""
    level, frame = 1, sys._getframe()
    while frame is not None and os.path.abspath(frame.f_code.co_filename).startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    for sentence in sentences:
        warnings.warn(sentence, NoEffectWarning, stacklevel=level)
