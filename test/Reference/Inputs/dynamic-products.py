"""Rows that are quantized as the model runs. `write`: QDQ form and what NumPy computes; `compare`: all results."""
import sys

import numpy as np

ROWS, DEPTH, COLUMNS = 9, 21, 5
f32 = np.float32


def choose(rows):
    """N-Y2: scales and zero points."""
    low = np.minimum(rows.min(1), f32(0))
    high = np.maximum(rows.max(1), f32(0))
    scales = np.maximum((high - low) * (f32(1) / f32(255)), f32(2.0**-100))
    zeros = np.clip(-low * (f32(1) / scales), 0, 255)
    return scales, np.rint(np.where(np.isnan(zeros), 0, zeros)).astype(np.int32)


def quantize(rows, scales, zeros):
    scaled = rows * (f32(1) / scales)[:, None]
    scaled = np.where(np.isnan(scaled), -np.inf, scaled)  # N-Q4
    limited = np.clip(scaled, (0 - zeros)[:, None].astype(f32), (255 - zeros)[:, None].astype(f32))
    return np.rint(limited).astype(np.int32) + zeros[:, None]


def rows_of_all_kinds():
    random = np.random.default_rng(3)
    x = random.standard_normal((ROWS, DEPTH)).astype(f32)
    x[1] = 0  # no range
    x[2] = np.abs(x[2]) + 1  # 0 is below all
    x[3] = -np.abs(x[3]) - 1
    x[4] *= f32(1e-36)  # below the smallest scale
    x[5, 7] = 1000  # one far out
    x[6] = np.arange(DEPTH) - 4.5  # ties
    x[7] *= f32(1e30)
    x[8, 3] = np.nan
    return x


def write():
    random = np.random.default_rng(4)
    x = rows_of_all_kinds()
    np.save("x.npy", x)
    w = random.integers(-127, 128, (DEPTH, COLUMNS))
    t = random.uniform(0.01, 0.02, COLUMNS).astype(f32)
    bias = random.standard_normal(COLUMNS).astype(f32)
    scales, zeros = choose(x)
    q = quantize(x, scales, zeros)
    sums = q @ w - zeros[:, None] * w.sum(0)
    answer = sums.astype(f32) * (scales[:, None] * t) + bias
    np.savez("answers.npz", s=scales, z=zeros.astype(np.uint8), q=q.astype(np.uint8), y=answer)
    xt, yt, qt = (f"tensor<{ROWS}x{n}x{kind}>" for n, kind in ((DEPTH, "f32"), (COLUMNS, "f32"), (DEPTH, "i8")))
    st, zt, wt, tt = f"tensor<{ROWS}xf32>", f"tensor<{ROWS}xi8>", f"tensor<{DEPTH}x{COLUMNS}xi8>", f"tensor<{COLUMNS}xf32>"
    rows, columns = "by affine_map<(d0, d1) -> (d0)> unsigned", "by affine_map<(d0, d1) -> (d1)>"
    unsigned = "mpq.unsigned"
    with open("m.mlir", "w") as file:
        file.write(f"""func.func @model(%x: {xt} {{mpq.name = "x"}}) -> ({st} {{mpq.name = "s"}},
    {zt} {{mpq.name = "z", {unsigned}}}, {qt} {{mpq.name = "q", {unsigned}}}, {yt} {{mpq.name = "y"}}) {{
  %w = arith.constant dense<{w.tolist()}> : {wt}
  %t = arith.constant dense<"0x{t.tobytes().hex()}"> : {tt}
  %b = arith.constant dense<"0x{bias.tobytes().hex()}"> : {tt}
  %zw = arith.constant dense<0> : tensor<{COLUMNS}xi8>
  %s, %z = mpq.choose_params %x {rows} : {xt} -> {st}, {zt}
  %q = mpq.quantize %x, %s, %z {rows} {{scaling = #mpq.scaling<multiply>}} : {xt}, {st}, {zt} -> {qt}
  %d = mpq.dequantize %q, %s, %z {rows} : {qt}, {st}, {zt} -> {xt}
  %dw = mpq.dequantize %w, %t, %zw {columns} : {wt}, {tt}, tensor<{COLUMNS}xi8> -> tensor<{DEPTH}x{COLUMNS}xf32>
  %e = tensor.empty() : {yt}
  %i = linalg.broadcast ins(%b : {tt}) outs(%e : {yt}) dimensions = [0]
  %y = linalg.matmul ins(%d, %dw : {xt}, tensor<{DEPTH}x{COLUMNS}xf32>) outs(%i : {yt}) -> {yt}
  return %s, %z, %q, %y : {st}, {zt}, {qt}, {yt}
}}
""")


def compare():
    answers = np.load("answers.npz")
    for name in ("s", "z", "q"):
        for folder in ("qdq", "lowered"):
            np.testing.assert_array_equal(np.load(f"{folder}/{name}.npy"), answers[name], err_msg=f"{name} in {folder}")
    lowered, qdq = (np.load(f"{folder}/y.npy") for folder in ("lowered", "qdq"))
    np.testing.assert_array_equal(lowered, answers["y"])
    for row, expected in zip(qdq, answers["y"]):
        np.testing.assert_allclose(row, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


write() if sys.argv[1] == "write" else compare()
