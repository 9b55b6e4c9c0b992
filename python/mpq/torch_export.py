"""torch.nn.Module to ONNX, where torch is installed."""

import io
from typing import Any, Mapping

from . import _core


def to_onnx(module: Any, example: Mapping[str, Any] | None) -> bytes:
    """The module in ONNX, traced with an example of its inputs, whose names become the model's."""
    import torch

    if example is None:
        raise _core.Error("expected samples with a torch.nn.Module, to learn its inputs' names and shapes: pass data, "
                          "or export it to ONNX")
    file = io.BytesIO()
    arguments = tuple(torch.as_tensor(array) for array in example.values())
    module.eval()
    torch.onnx.export(module, arguments, file, input_names=list(example), dynamo=False)
    return file.getvalue()
