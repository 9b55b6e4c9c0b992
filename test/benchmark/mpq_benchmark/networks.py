"""The six networks as cases: FP32 as they are, INT8 as each engine's own quantizer makes them.

ONNX Runtime runs what its static quantizer wrote, OpenVINO what NNCF made; all three see the same calibration data.
Whether INT8 is accurate is judged by accuracy.py; here only nonsense is kept out.
"""

from pathlib import Path

import numpy as np

from mpq_testing import metrics, models, onnxruntime_peer, openvino_peer, tools
from mpq_testing.paths import BUILD

from . import cases
from .contenders import Contender, Prepared, guarded, need
from .layers import FLOAT, Goal
from .turns import ContenderError

# Of the results with those of unoptimized FP32, averaged over all outputs.
LEAST_COSINE = {"f32": 0.9999, "int8": 0.5}


class NetworkCase:
    kind = "model"
    precisions = ("int8", "f32")
    copies, from_memory = 1, False

    def __init__(self, model: models.Model):
        self.model, self.name = model, model.name
        self._answers: list[np.ndarray] = []

    def feed(self, precision: str) -> Path:
        path = BUILD / "benchmark" / f"{self.name}.npz"
        if not self._answers:
            feed = self.model.calibration_feed(0)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, **feed)
            self._answers = onnxruntime_peer.runner(self.model.path, optimize=False)(feed)
        return path

    def prepare(self, contender: Contender) -> Prepared:
        def build() -> Prepared:
            if contender.ours:
                compiled = tools.compile_f32 if contender.precision == "f32" else tools.compile_int8
                built = compiled(self.model)
                return Prepared(built.path, built)
            if contender.precision == "f32":
                return Prepared(self.model.path)
            if contender.engine == "onnxruntime":
                return Prepared(onnxruntime_peer.quantized(self.model))
            need("nncf")
            return Prepared(openvino_peer.quantized(self.model))

        return guarded(build)

    def check(self, contender: Contender, results: list[np.ndarray]) -> dict:
        cosine = float(np.mean([metrics.cosine(got, answer) for got, answer in zip(results, self._answers)]))
        if not cosine >= LEAST_COSINE[contender.precision]:
            raise ContenderError(f"wrong: cosine with FP32 {cosine:.4f}")
        return {"cosine": cosine}

    def work(self, precision: str, prepared: dict[str, Prepared]) -> tuple[int, int]:
        """From the compiler's closing table. Bytes: weights, inputs and outputs, for between them nothing need be
        written to memory."""
        built = next((p.built for p in prepared.values() if p.built), None)
        if built is None:
            return 0, 0
        return built.summary["macs"], built.summary["weights_bytes"]

    def goal(self, precision: str) -> Goal:
        return FLOAT if precision == "f32" else cases.NETWORK_GOALS.get(self.name, Goal())
