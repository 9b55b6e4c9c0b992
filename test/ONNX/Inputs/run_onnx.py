"""Checks a model, prints its graph, and runs it in ONNX Runtime.

run_onnx.py MODEL [IR]: the input is 1, 2, 3, ..., and outputs are printed. With IR the input is random, and the
outputs are held against those of quant-run --reference.
"""
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from export_check import show_graph

model = Path(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
show_graph(onnx.load(model))
session = ort.InferenceSession(model)
feed = {i.name: np.arange(1, np.prod(i.shape) + 1, dtype=np.float32).reshape(i.shape) for i in session.get_inputs()}
if len(sys.argv) > 2:
    rng = np.random.default_rng(1)
    feed = {name: rng.standard_normal(array.shape).astype(np.float32) for name, array in feed.items()}
    command = ["quant-run", "--reference", sys.argv[2], "--output-dir", model.with_suffix(".outputs")]
    for name, array in feed.items():
        np.save(model.with_suffix(f".{name}.npy"), array)
        command += ["--input", f"{name}={model.with_suffix(f'.{name}.npy')}"]
    subprocess.run(command, check=True)
for info, array in zip(session.get_outputs(), session.run(None, feed)):
    if len(sys.argv) > 2:
        ours = np.load(model.with_suffix(".outputs") / f"{info.name}.npy")
        np.testing.assert_allclose(array, ours, rtol=1e-4, atol=1e-3 * np.abs(ours).max())
    else:
        print(info.name, "=", array.ravel().tolist())
