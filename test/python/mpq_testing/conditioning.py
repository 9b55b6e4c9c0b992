"""How far a network's output moves when its parameters move by a rounding error: what two correct engines may differ by.

A quantizer rounds. A value next to a tie goes either way by the order in which an engine adds, and a deep network
amplifies that integer off by one. The spread of one engine over copies of the model whose parameters are moved by the
error of a float sum is the conditioning of the model at a sample (Higham, Accuracy and Stability of Numerical
Algorithms, 1.6): no engine can be asked to be nearer to another.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from . import metrics
from . import onnxruntime_peer as peer
from .models import Feed

COPIES = 4
SUM_ERROR = 2.0**-20  # relative: √n units of 2⁻²⁴ for a float32 sum of n = 256 terms (Higham, 4.2)


def moved_by_a_rounding_error(path: Path, seed: int) -> Path:
    """A copy of the ONNX file, each element of its float32 initializers multiplied by 1 ± up to SUM_ERROR."""
    moved = path.with_name(f"{path.stem}-moved-{seed}.onnx")
    model = onnx.load(path)
    # Sizes, not parameters: a scale of Resize decides the shape of its output.
    sizes = {name for node in model.graph.node if node.op_type in ("Resize", "Upsample") for name in node.input[1:]}
    random = np.random.default_rng(seed)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and tensor.name not in sizes:
            values = numpy_helper.to_array(tensor)
            factors = 1 + random.uniform(-1, 1, values.shape) * SUM_ERROR
            tensor.CopyFrom(numpy_helper.from_array((values * factors).astype(np.float32), tensor.name))
    onnx.save(model, moved)
    return moved


def mean_cosine(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
    return float(np.mean([metrics.cosine(a, b) for a, b in zip(one, other)]))


def of_moved_copies(path: Path, feeds: Sequence[Feed]) -> list[float]:
    """Mean cosine over samples of ONNX Runtime's first output with that of the model itself, for each moved copy.

    ONNX Runtime evaluates without graph optimizations, as the standard defines each operator.
    """
    plain = peer.runner(path, optimize=False)
    outputs = [plain(feed)[0] for feed in feeds]
    cosines = []
    for seed in range(COPIES):
        moved = moved_by_a_rounding_error(path, seed)
        run = peer.runner(moved, optimize=False)
        cosines.append(mean_cosine([run(feed)[0] for feed in feeds], outputs))
        moved.unlink()
    return cosines


def attainable(path: Path, feeds: Sequence[Feed]) -> float:
    """What two correct engines agree to on average."""
    return float(np.mean(of_moved_copies(path, feeds)))
