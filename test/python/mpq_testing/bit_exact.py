"""Compares compiled code with the interpreter of the IR after `lower`, bit for bit.

docs/Numerics.md defines every result, so nothing may differ; only NaNs count as equal whatever their payload (N-0).
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .models import Feed
from .tools import file_name, run_tool

TARGETS = ("x86-avx2", "x86-avxvnni", "x86-avx512vnni")
if "amx_int8" in Path("/proc/cpuinfo").read_text().split():
    TARGETS += ("x86-amx",)
THREADS = (1, 2)
POSITIONS = ".positions"  # what quant-run --sample adds to an output's name


@dataclass(frozen=True)
class Difference:
    target: str
    threads: int
    output: str
    description: str

    def __str__(self):
        return f"{self.target}, {self.threads} threads, {self.output}: {self.description}"


def describe(actual: np.ndarray, expected: np.ndarray) -> str | None:
    """Nothing, or where ACTUAL differs."""
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        return f"{actual.dtype}{actual.shape} instead of {expected.dtype}{expected.shape}"
    words = f"u{actual.dtype.itemsize}"
    different = actual.view(words) != expected.view(words)
    if np.issubdtype(actual.dtype, np.floating):
        different &= ~(np.isnan(actual) & np.isnan(expected))
    if not different.any():
        return None
    first = tuple(int(d) for d in np.argwhere(different)[0])
    return (f"{np.count_nonzero(different)} of {different.size} elements of {actual.shape} differ, first at {first}: "
            f"{actual[first]!r} instead of {expected[first]!r}")


def save_inputs(feed: Feed, folder: Path) -> list[str]:
    """Writes the inputs; returns quant-run's flags for them."""
    folder.mkdir(parents=True, exist_ok=True)
    flags = []
    for name, array in feed.items():
        path = folder / f"{file_name(name)}.npy"
        np.save(path, array)
        flags += ["--input", f"{name}={path}"]
    return flags


def read_outputs(folder: Path) -> dict[str, np.ndarray]:
    return {path.stem: np.load(path) for path in sorted(folder.glob("*.npy"))}


def compare(model: Path, feed: Feed, folder: Path, *flags, targets=TARGETS, threads=THREADS) -> list[Difference]:
    """Compiles MODEL down to `lower` once, and from there for each target; FOLDER keeps what was made. With products of
    bf16, targets with a matrix unit have a `lower` of their own (N-H3)."""
    groups = [targets]
    if "bf16" in flags:
        groups = [[target for target in targets if (target == "x86-amx") == tiles] for tiles in (False, True)]
    differences = []
    for group in filter(None, groups):
        lowered = folder / f"lowered-{group[0]}.mlirbc"
        run_tool("quant-compile", model, *flags, "--target", group[0], "--quiet", "--to", "lower", "--emit", "mlirbc",
                 "-o", lowered)
        differences += compare_lowered(lowered, feed, folder, group, threads)
    return differences


def compare_lowered(lowered: Path, feed: Feed, folder: Path, targets=TARGETS, threads=THREADS,
                    sample: int = 0) -> list[Difference]:
    """With SAMPLE, as many elements of each output instead of all."""
    inputs = save_inputs(feed, folder / "inputs")
    flags = ["--sample", sample] if sample else []
    run_tool("quant-run", "--reference", lowered, *inputs, *flags, "--output-dir", folder / "reference")
    reference = read_outputs(folder / "reference")
    positions = {name.removesuffix(POSITIONS): reference.pop(name) for name in list(reference)
                 if name.endswith(POSITIONS)}
    assert reference, "the reference has no outputs"
    differences = []
    for target in targets:
        artifact = folder / f"{target}.so"
        run_tool("quant-compile", lowered, "--quiet", "--from", "codegen", "--target", target, "-o", artifact)
        for count in threads:
            outputs = folder / f"{target}-{count}"
            run_tool("quant-run", artifact, *inputs, "--threads", count, "--output-dir", outputs)
            results = read_outputs(outputs)
            assert results.keys() == reference.keys()
            shutil.rmtree(outputs)
            for name, expected in reference.items():
                actual = results[name].ravel()[positions[name]] if sample else results[name]
                if description := describe(actual, expected):
                    differences.append(Difference(target, count, name, description))
    return differences
