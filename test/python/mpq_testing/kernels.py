"""Every kernel of a model as an output of its own, on random inputs of its own (mpq-isolate-kernels)."""

import re
from pathlib import Path

import numpy as np

from .models import Feed
from .tools import run_tool

# The codegen pipeline up to formation (lib/Codegen/Common/Pipeline.cpp).
PASSES = ("func.func(mpq-inline-units,mpq-pack-products),canonicalize,cse,"
          "func.func(mpq-normalize-for-kernels),canonicalize,cse,mpq-form-kernels,canonicalize,cse,mpq-isolate-kernels")

ARGUMENT = re.compile(r'%arg\d+: tensor<((?:\d+x)*)(\w+)> \{mpq\.name = "([^"]*)"\}')


def isolate(lowered: Path, path: Path) -> None:
    """Writes the kernels of LOWERED (the IR after `lower`) as one model."""
    run_tool("quant-opt", lowered, f"--pass-pipeline=builtin.module({PASSES})", "--emit-bytecode", "-o", path)


def random_feed(isolated: Path, seed: int) -> Feed:
    """Inputs of isolated kernels: floats around zero, every byte, and small indices."""
    rng = np.random.default_rng(seed)
    draw = {
        "f32": lambda shape: rng.standard_normal(shape, np.float32),
        "i8": lambda shape: rng.integers(-128, 128, shape, np.int8),
        "i32": lambda shape: rng.integers(-1000, 1000, shape, np.int32),
        "i64": lambda shape: rng.integers(0, 2, shape, np.int64),
        "i1": lambda shape: rng.integers(0, 2, shape).astype(np.bool_),
    }
    text = run_tool("quant-opt", isolated, "--mlir-elide-resource-strings-if-larger=4",
                    "--mlir-elide-elementsattrs-if-larger=4")
    signature = next(line for line in text.split("\n") if "func.func @" in line)
    return {name: draw[element](tuple(int(extent) for extent in extents.split("x")[:-1]))
            for extents, element, name in ARGUMENT.findall(signature)}
