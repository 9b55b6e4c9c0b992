"""quant-types.py input FOLDER | check FOLDER: the layer of quant-types.mlir in numpy, ties to even."""
import sys
from pathlib import Path

import numpy as np

mode, folder = sys.argv[1], Path(sys.argv[2])
x = np.random.default_rng(5).integers(0, 256, (5, 4)).astype(np.uint8)
if mode == "input":
    np.save(folder / "x.npy", x)
else:
    w = np.array([[127, -100, 30], [-64, 90, 101], [5, -77, -127], [88, 127, 64]])
    y = (x.astype(int) - 100) @ w * 0.02 * np.array([0.01, 0.02, 0.005])
    wanted = np.clip(np.rint(y / 0.05) - 10, -128, 127)
    got = np.load(folder / "y.npy")
    assert got.dtype == np.int8 and (got == wanted).all(), f"{got}\nexpected {wanted}"
    assert len(np.unique(got)) > 10, got
