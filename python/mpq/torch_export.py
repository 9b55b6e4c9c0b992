"""torch.nn.Module to ONNX, where torch is installed."""

from __future__ import annotations

import inspect
import io
import warnings
from typing import Any, Mapping

from . import _core
from .program import as_feed


def to_onnx(module: Any, example: Mapping[str, Any] | None) -> bytes:
    """The module in ONNX, traced with an example of its inputs, whose names become the model's. Names of forward's
    parameters find them; others go to them in their order."""
    import torch

    if example is None:
        raise _core.Error("expected samples with a torch.nn.Module, to learn its inputs' names and shapes: pass data, "
                          "or export it to ONNX")
    if not isinstance(example, Mapping):
        raise _core.Error(f"expected inputs as {{name: array}} but got {type(example).__name__}")
    names = list(example)
    parameters = list(inspect.signature(module.forward).parameters)[: len(names)]
    if set(parameters) == set(names):
        names = parameters
    file = io.BytesIO()
    try:
        arguments = tuple(torch.as_tensor(example[name]) for name in names)
    except (RuntimeError, TypeError, ValueError) as error:
        raise _core.Error(f"sample 0: expected arrays but torch says: {str(error).splitlines()[0]}") from None
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with warnings.catch_warnings():
            # The newer exporter needs onnxscript.
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.onnx.export(module, arguments, file, input_names=names, dynamo=False)
    except Exception as error:
        what = str(error).strip().splitlines() or [type(error).__name__]
        raise _core.Error(f"torch.onnx cannot export {type(module).__name__}: {what[0]}") from error
    finally:
        for part, mode in modes:
            part.training = mode
    return file.getvalue()
