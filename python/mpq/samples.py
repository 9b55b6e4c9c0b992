"""Samples in folders, as --calibrate reads them: DIR/<input>/<sample>.npy, where files of equal names belong together, or
DIR/<sample>.npz with an array for each input."""

from __future__ import annotations

import copy
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping

import numpy as np

from . import _core
from .arguments import checked
from .program import as_feed


def read_array(path: Path) -> np.ndarray:
    """The array of a .npy file."""
    try:
        array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise _core.Error(f"cannot read '{path}': {error.strerror or error}") from None
    except (EOFError, ValueError, zipfile.BadZipFile):
        array = None
    if not isinstance(array, np.ndarray):
        raise _core.Error(f"expected '{path}' to be a .npy file of numbers, as numpy.save writes it")
    return array


def read_archive(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .npz file."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive}
    except OSError as error:
        raise _core.Error(f"cannot read '{path}': {error.strerror or error}") from None
    except (AttributeError, EOFError, TypeError, ValueError, zipfile.BadZipFile, zlib.error):
        raise _core.Error(f"expected '{path}' to be a .npz file of numbers, as numpy.savez writes it") from None


class SampleFolder:
    """The samples of a folder, read one at a time; may be iterated again."""

    @checked
    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            reason = "it is no folder" if self.folder.exists() else "there is none of this name"
            raise _core.Error(f"cannot read the folder of samples '{folder}': {reason}")
        self.inputs = []
        self.names = sorted(path.name for path in self.folder.glob("*.npz"))
        if self.names:
            return
        files = {str(path.relative_to(self.folder).parent): set() for path in self.folder.rglob("*.npy")}
        for path in self.folder.rglob("*.npy"):
            files[str(path.relative_to(self.folder).parent)].add(path.name)
        if not files or "." in files:
            raise _core.Error(f"expected '{folder}' to hold a folder for each input, with one .npy file a sample, or .npz "
                              "files")
        self.inputs = sorted(files)
        self.names = sorted(set.union(*files.values()))
        for name in self.names:
            for other in self.inputs:
                if name not in files[other]:
                    raise _core.Error(f"incomplete sample '{name}': '{self.folder / other / name}' is missing")

    def first(self, count: int) -> "SampleFolder":
        """The first samples alone."""
        part = copy.copy(self)
        part.names = self.names[:count]
        return part

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        for name in self.names:
            if self.inputs:
                yield {key: read_array(self.folder / key / name) for key in self.inputs}
            else:
                yield read_archive(self.folder / name)


@checked
def save_samples(samples: Iterable[Mapping[str, Any]], folder: str | os.PathLike, first: int = 0) -> None:
    """Writes samples as a folder that SampleFolder and the tools read; they are numbered from `first` on."""
    for index, feed in enumerate(samples, first):
        for name, array in as_feed(feed).items():
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise _core.Error(f"input '{name}' cannot be the name of a folder of samples")
            path = Path(folder) / name / f"{index:06}.npy"
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, array)
            except OSError as error:
                raise _core.Error(f"cannot write '{path}': {error.strerror}") from None
