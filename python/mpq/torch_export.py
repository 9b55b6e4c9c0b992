"""torch.nn.Module to ONNX, where torch is installed."""

import io
from typing import Any, Mapping

from . import _core
from .program import as_feed


def to_onnx(module: Any, example: Mapping[str, Any] | None) -> bytes:
    """The module in ONNX, traced with an example of its inputs, whose names become the model's."""
    import torch

    if example is None:
        raise _core.Error("expected samples with a torch.nn.Module, to learn its inputs' names and shapes: pass data, "
                          "or export it to ONNX")
    file = io.BytesIO()
    arguments = tuple(torch.as_tensor(array) for array in as_feed(example).values())
    try:
        module.eval()
        torch.onnx.export(module, arguments, file, input_names=list(example), dynamo=False)
    except Exception as error:  # of any class: the module's own code runs
        reason = " ".join(str(error).split())
        raise _core.Error(f"torch cannot export {type(module).__name__} to ONNX: {reason}") from error
    return file.getvalue()
