"""Files that appear complete or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from . import _core


def write_file(path: str | os.PathLike, data: bytes) -> None:
    """Writes a file completely or not at all."""
    target = Path(path)
    try:
        descriptor, partial = tempfile.mkstemp(dir=target.parent, prefix=target.name)
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
        raise _core.Error(f"cannot write '{target}': {error.strerror}") from None
