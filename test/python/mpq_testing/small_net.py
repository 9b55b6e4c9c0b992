"""A convolution and a matrix product, which compile in a fraction of a second, and inputs of them."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from .paths import ROOT

SHAPE = (1, 3, 12, 12)


def write(folder: Path) -> Path:
    """The ONNX file, in this folder."""
    path = folder / "net.onnx"
    subprocess.run([sys.executable, ROOT / "test/CAPI/Inputs/net.py", path], check=True)
    return path


def feeds(count: int) -> list[dict[str, np.ndarray]]:
    return [{"x": np.random.default_rng(seed).standard_normal(SHAPE, np.float32)} for seed in range(count)]
