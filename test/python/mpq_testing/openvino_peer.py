"""OpenVINO as a second engine for exported models."""

from pathlib import Path


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
