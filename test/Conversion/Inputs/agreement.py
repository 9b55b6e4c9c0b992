"""Runs one float network and its quantized and lowered forms in the reference and compares outputs.

Usage: agreement.py NETWORK.mlir FOLDER. Quantization may cost a few quanta of the output's range;
`lower` may cost one quantum of each quantization on the way (docs/Numerics.md), and it must not
change the float form at all."""
import pathlib
import subprocess
import sys

import numpy as np

network, folder = sys.argv[1], pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(7)
np.save(folder / "x.npy", rng.uniform(-1, 2, (1, 8, 8, 4)).astype(np.float32))


def run(name, *passes):
    module = folder / f"{name}.mlir"
    subprocess.run(["quant-opt", network, *passes, "-o", module], check=True)
    output = folder / name
    subprocess.run(["quant-run", "--reference", module, "--input", f"x={folder / 'x.npy'}",
                    "--output-dir", output], check=True)
    return np.load(output / "y.npy").astype(np.float64)


real = run("float")
unchanged = run("unchanged", "--mpq-lower-pipeline")
quantized = run("quantized", "--mpq-quantize-pipeline")
lowered = run("lowered", "--mpq-quantize-pipeline", "--mpq-lower-pipeline")

span = real.max() - real.min()
assert span > 1, f"expected outputs that vary but got a span of {span}"
assert (real == unchanged).all(), "lower changed a float network"
error = np.abs(quantized - real).max() / span
assert 0 < error < 0.04, f"expected a small quantization error but got {error}"
change = np.abs(lowered - quantized).max() / span
assert change < 2 / 255, f"expected lower to change at most two quanta but got {change}"
print(f"agreement: quantization {error:.4f}, lower {change:.4f} of the output's span")
