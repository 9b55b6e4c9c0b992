"""ONNX Runtime as the yardstick: FP32 sessions, and its own static quantizer's QDQ models."""

import logging
from pathlib import Path
from typing import Callable

import numpy as np

from .models import Feed, Model
from .paths import model_file


def session(path: Path, threads: int = 1, optimize: bool = True):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not optimize:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def runner(path: Path, threads: int = 1, optimize: bool = True):
    """A function from a feed to the list of outputs."""
    loaded = session(path, threads, optimize)
    return lambda feed: loaded.run(None, feed)


def quantized(model: Model) -> Path:
    """The model quantized by ONNX Runtime: QDQ, u8 activations by min-max, s8 weights per channel."""
    return _made(f"{model.name}-ort-int8.onnx", lambda path: _quantize(model, path))


def quantized_by_default(model: Model) -> Path:
    """The file as shipped, and no option: QDQ, s8 by min-max, one scale for a tensor, weights in nodes Constant, too."""
    from onnxruntime.quantization import quantize_static

    return _made(f"{model.name}-ort-default.onnx", lambda path: quantize_static(str(model.path), str(path), _reader(model)))


def _made(name: str, make: Callable[[Path], None]) -> Path:
    path = model_file(name)
    if not path.exists():
        logging.getLogger().setLevel(logging.ERROR)
        partial = path.with_suffix(".partial.onnx")
        make(partial)
        partial.rename(path)
    return path


def _reader(model: Model):
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.feeds = (model.calibration_feed(i) for i in range(model.calibration_count))

        def get_next(self) -> Feed | None:
            return next(self.feeds, None)

    return Reader()


def _quantize(model: Model, path: Path) -> None:
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quant_pre_process, quantize_static

    prepared = model_file(f"{model.name}-prepared.onnx")
    source = onnx.load(model.path)
    if source.opset_import[0].version < 17:
        source = onnx.version_converter.convert_version(source, 17)
        source.ir_version = 8
    converted = model_file(f"{model.name}-op17.onnx")
    onnx.save(source, converted)
    # Weights must be initializers: the quantizer takes Constant nodes for activations.
    quant_pre_process(str(converted), str(prepared), skip_symbolic_shape=True)
    options = {"op_types_to_quantize": list(model.quantized_ops)} if model.quantized_ops else {}
    quantize_static(str(prepared), str(path), _reader(model), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, **options)


def integers_of(array: np.ndarray) -> np.ndarray:
    """The array widened, so that differences of u8 values do not wrap."""
    return array.astype(np.int64)
