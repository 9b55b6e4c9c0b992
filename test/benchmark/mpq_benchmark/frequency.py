"""The processor's clock while a contender computes.

A processor that multiplies and loads at full width for milliseconds lowers its clock, and hardly does for multiplications
on registers alone, which the peak is measured with. The clock says which part of a distance from the peak is the code's.
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from mpq_testing.paths import BUILD

SOURCE = Path(__file__).with_name("frequency.c")


@cache
def library() -> Path:
    """The compiled probe."""
    made = BUILD / "benchmark" / "frequency.so"
    if not made.exists() or made.stat().st_mtime < SOURCE.stat().st_mtime:
        made.parent.mkdir(parents=True, exist_ok=True)
        compiler = os.environ.get("CC") or shutil.which("cc") or "clang-22"
        part = made.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", str(SOURCE), "-o", str(part)], check=True)
        part.replace(made)
    return made
