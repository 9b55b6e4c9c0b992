"""Writes FOLDER/mlp.mlir, a two-layer network as an importer would spell it, and FOLDER/data/x/<sample>.npy."""
import sys
from pathlib import Path

import numpy as np

ROWS, INPUTS, HIDDEN, OUTPUTS = 6, 20, 33, 10  # no multiple of a vector

folder = Path(sys.argv[1])
random = np.random.default_rng(7)


def dense(array):
    text = ", ".join("[" + ", ".join(f"{v:.6e}" for v in row) + "]" for row in np.atleast_2d(array))
    return f"dense<[{text}]>" if array.ndim == 2 else f"dense<{text}>"


w1 = random.standard_normal((INPUTS, HIDDEN)) / 4
w2 = random.standard_normal((HIDDEN, OUTPUTS)) / 4
b1 = random.standard_normal(HIDDEN)
t = lambda *shape: f"tensor<{'x'.join(map(str, shape))}xf32>"

(folder / "data" / "x").mkdir(parents=True)
for sample in range(4):
    np.save(folder / "data" / "x" / f"{sample}.npy", random.standard_normal((ROWS, INPUTS)).astype(np.float32))
np.save(folder / "x.npy", random.standard_normal((ROWS, INPUTS)).astype(np.float32))

(folder / "mlp.mlir").write_text(f"""
func.func @mlp(%x: {t(ROWS, INPUTS)} {{mpq.name = "x"}}) -> ({t(ROWS, OUTPUTS)} {{mpq.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %w1 = arith.constant {dense(w1)} : {t(INPUTS, HIDDEN)}
  %b1 = arith.constant {dense(b1)} : {t(HIDDEN)}
  %w2 = arith.constant {dense(w2)} : {t(HIDDEN, OUTPUTS)}
  %e1 = tensor.empty() : {t(ROWS, HIDDEN)}
  %i1 = linalg.fill ins(%zero : f32) outs(%e1 : {t(ROWS, HIDDEN)}) -> {t(ROWS, HIDDEN)}
  %m1 = linalg.matmul ins(%x, %w1 : {t(ROWS, INPUTS)}, {t(INPUTS, HIDDEN)}) outs(%i1 : {t(ROWS, HIDDEN)}) -> {t(ROWS, HIDDEN)} loc("hidden"("MatMul:0"))
  %a1 = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                        iterator_types = ["parallel", "parallel"]}}
      ins(%m1, %b1 : {t(ROWS, HIDDEN)}, {t(HIDDEN)}) outs(%e1 : {t(ROWS, HIDDEN)}) {{
  ^bb0(%m: f32, %b: f32, %out: f32):
    %s = arith.addf %m, %b : f32
    %r = arith.maximumf %s, %zero : f32
    linalg.yield %r : f32
  }} -> {t(ROWS, HIDDEN)} loc("relu"("Relu:1"))
  %e2 = tensor.empty() : {t(ROWS, OUTPUTS)}
  %i2 = linalg.fill ins(%zero : f32) outs(%e2 : {t(ROWS, OUTPUTS)}) -> {t(ROWS, OUTPUTS)}
  %m2 = linalg.matmul ins(%a1, %w2 : {t(ROWS, HIDDEN)}, {t(HIDDEN, OUTPUTS)}) outs(%i2 : {t(ROWS, OUTPUTS)}) -> {t(ROWS, OUTPUTS)} loc("y"("MatMul:2"))
  return %m2 : {t(ROWS, OUTPUTS)}
}}
""")
np.save(folder / "expected.npy", np.maximum(np.load(folder / "x.npy") @ w1 + b1, 0) @ w2)
