"""Models to files: everything that quant-compile writes."""

from __future__ import annotations

import os
from typing import Any, Iterable, Mapping

from . import _core
from .arguments import checked
from .compiler import Feed, Profile, Progress, Shapes, Targets, _exchange, _settings, _Source
from .samples import save_samples


def as_folder(samples: str | os.PathLike | Iterable[Feed] | None, folder: str) -> str | os.PathLike | None:
    """Where the samples lie: `folder`, unless they are files already."""
    if samples is None or isinstance(samples, (str, os.PathLike)):
        return samples
    save_samples(samples, folder)
    return folder


@checked
def compile_to(model: Any, path: str | os.PathLike, *, fit_data: str | os.PathLike | Iterable[Feed] | None = None,
               emit: str | None = None, from_: str | None = None, mask: str | None = None, method: str | None = None, name: str | None = None,
               precision: str | None = None, profile: Profile | str | os.PathLike | None = None,
               recipe: str | os.PathLike | Mapping | None = None, report: str | os.PathLike | None = None,
               report_data: str | os.PathLike | Iterable[Feed] | None = None, shape: Shapes | None = None,
               target: Targets = "host", to: str | None = None, tune: str | os.PathLike | None = None,
               progress: Progress | None = None) -> dict[str, int]:
    """Writes what becomes of a model to the file `path`, as quant-compile does, and returns the closing table.

    model:       what mpq.compile takes
    fit_data:    a folder of samples, or samples, that biases and the rounding of weights are fitted to
    emit:        what to write: a library (so), an object, assembly, LLVM IR, MLIR, ONNX
    from_, to:   the first and the last phase, for a look at the IR between two of them
    mask:        an input that is 0 where samples are padded: such rows decide on nothing
    target:      a machine, or a list of several that a library or an object has code for
    report:      a JSON file for a record of the compilation (docs/Report.md)
    report_data: a folder of samples, or samples, on which the record compares int8 with float
    tune:        a file that keeps times of kernels' strategies, which are measured on this machine
    """
    source = _Source.of(model)
    with _exchange() as folder:
        fit_data, report_data = (
            as_folder(samples, os.path.join(folder, "data", kind))
            for samples, kind in ((fit_data, "fit"), (report_data, "report")))
        settings = _settings(folder, **{"from": from_}, fit_data=fit_data, emit=emit, mask=mask, method=method, name=name,
                             precision=precision, profile=profile, recipe=recipe, report=report,
                             report_data=report_data, shape=shape, target=target, to=to, tune=tune)
        _, summary = _core.Compiler().compile(source.name, source.data, settings, os.fspath(path), progress)
    return summary
