"""Runs every function of a test file in the reference interpreter before and after a pipeline.

usage: compare.py FILE.mlir FOLDER PIPELINE-FLAG...

Inputs are random; results must agree to 1e-5 of their largest magnitude, and must not be constant
zero. The file may be split by `// -----`. FOLDER takes the arrays.
"""
import pathlib
import re
import subprocess
import sys

import numpy as np

DTYPES = {"f32": np.float32, "i8": np.int8, "i32": np.int32, "i64": np.int64, "i1": np.bool_}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def random_input(shape, dtype, generator):
    if dtype == np.bool_:
        return generator.random(shape) < 0.5
    if dtype == np.float32:
        return np.abs(generator.standard_normal(shape)).astype(dtype) + np.float32(0.1)
    return generator.integers(0, 100, shape).astype(dtype)


def main():
    source, folder, *flags = sys.argv[1:]
    folder = pathlib.Path(folder)
    generator = np.random.default_rng(7)
    checked = 0
    for part, text in enumerate(re.split(r"^// -----$", pathlib.Path(source).read_text(), flags=re.M)):
        here = folder / str(part)
        here.mkdir(parents=True, exist_ok=True)
        (here / "part.mlir").write_text(text)
        run("quant-opt", here / "part.mlir", "-o", here / "before.mlir")
        run("quant-opt", here / "part.mlir", *flags, "-o", here / "after.mlir")
        for name, arguments in re.findall(r"^func\.func @(\w+)\((.*?)\) ->", text, flags=re.M):
            inputs = []
            for i, (shape, element) in enumerate(re.findall(r"tensor<((?:\d+x)*)(\w+)>", arguments)):
                shape = [int(d) for d in shape.split("x") if d]
                file = here / f"{name}-{i}.npy"
                np.save(file, random_input(shape, DTYPES[element], generator))
                inputs += ["--input", f"arg{i}={file}"]
            results = []
            for stage in "before", "after":
                out = here / f"{name}-{stage}"
                run("quant-run", f"--reference={here / stage}.mlir", f"--function={name}", *inputs,
                    f"--output-dir={out}")
                results.append({p.name: np.load(p).astype(np.float64) for p in out.glob("*.npy")})
            before, after = results
            if not before or before.keys() != after.keys():
                sys.exit(f"{name}: expected the outputs {sorted(before)} but got {sorted(after)}")
            for key, value in before.items():
                error = np.abs(value - after[key]).max() / max(np.abs(value).max(), 1e-30)
                if not np.abs(value).max() > 0:
                    sys.exit(f"{name}: output {key} is constant zero")
                if not error <= 1e-5:
                    sys.exit(f"{name}: output {key} differs by {error:.3g} of its largest value")
            checked += 1
    print(f"equal: {checked} functions")


main()
