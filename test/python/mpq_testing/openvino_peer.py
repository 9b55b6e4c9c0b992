"""OpenVINO as a second engine for exported models, and NNCF as its quantizer."""

from pathlib import Path

from .models import Model
from .paths import model_file


def runner(path: Path, threads: int = 1):
    """A function from a feed to the list of outputs. OpenVINO's CPU plug-in computes float parts in bfloat16 where the
    processor can, unless told not to."""
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(path), "CPU", settings)

    def run(feed):
        results = compiled(feed)
        return [results[output] for output in compiled.outputs]

    return run


def quantized(model: Model) -> Path:
    """The model quantized by NNCF with its default preset."""
    path = model_file(f"{model.name}-nncf-int8.xml")
    if not path.exists():
        _quantize(model, path)
    return path


def _quantize(model: Model, path: Path) -> None:
    import logging

    import nncf
    import openvino

    nncf.set_log_level(logging.ERROR)
    network = openvino.Core().read_model(model.path)
    network.reshape({name: list(shape) for name, shape in model.shape.items()})
    samples = nncf.Dataset([model.calibration_feed(index) for index in range(model.calibration_count)])
    kind = {"model_type": nncf.ModelType.TRANSFORMER} if "MatMul" in model.quantized_ops else {}
    done = nncf.quantize(network, samples, subset_size=model.calibration_count, **kind)
    # Weights lie in a second file beside the first; the first one says that both are complete.
    partial = path.with_name(f"partial-{path.name}")
    openvino.save_model(done, partial, compress_to_fp16=False)
    partial.with_suffix(".bin").rename(path.with_suffix(".bin"))
    partial.rename(path)
