"""Files that appear complete or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

try:
    from ._core import Error
except ImportError:  # beside report.py alone, which needs no compiled part
    Error = ValueError  # type: ignore[misc, assignment]

MODEL_SUFFIXES = (".onnx", ".mlir", ".mlirbc")


def write_file(path: str | os.PathLike, data: bytes) -> None:
    """Writes a file completely or not at all."""
    check_place(path)
    target = Path(os.path.realpath(path))  # a link stays one
    try:
        descriptor, partial = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(partial, 0o666 & ~mask)  # mkstemp's are for the owner alone
            os.replace(partial, target)
        except BaseException:
            os.remove(partial)
            raise
    except OSError as error:
        raise Error(f"cannot write '{target}': {error.strerror}") from None


def check_place(path: str | os.PathLike, suffix: str = "", instead: str = "") -> None:
    """Before long work: a file of this name can be written, and will be taken for what it is."""
    target = Path(path)
    if suffix and target.suffix != suffix:
        raise Error(f"expected a file name that ends with {suffix} but got '{target}'{instead}")
    if not target.absolute().parent.is_dir():
        raise Error(f"cannot write '{target}': the folder '{target.parent}' does not exist")
    if target.is_dir():
        raise Error(f"cannot write '{target}': it is a folder")
