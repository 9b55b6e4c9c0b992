"""Products with weights of few bits in blocks. `write`: QDQ form and what NumPy computes; `compare`: all results."""
import sys

import numpy as np

ROWS, DEPTH, COLUMNS = 3, 40, 19
CASES = {"floats4": (4, 16, False), "floats2": (2, 40, False), "integers4": (4, 16, True), "integers8": (8, 20, True)}
BLOCKS_OF_ROWS = "affine_map<(d0, d1) -> (d0, d1 floordiv {0})>"
BLOCKS_OF_COLUMNS = "affine_map<(d0, d1) -> (d0 floordiv {0}, d1)>"


def constant(name, array, kind):
    shape = "x".join(map(str, array.shape))
    return f"  %{name} = arith.constant dense<{array.tolist()}> : tensor<{shape}x{kind}>\n"


def quantize_rows(x, block):
    """N-Y1, and the integers."""
    f32 = np.float32
    blocks = -(-DEPTH // block)
    filled = np.zeros((ROWS, blocks * block), f32)
    filled[:, :DEPTH] = x
    filled = filled.reshape(ROWS, blocks, block)
    scales = np.maximum(np.abs(filled).max(2) * f32(1 / f32(127)), f32(2.0**-100))
    integers = np.rint(np.clip(filled * (f32(1) / scales)[..., None], -128, 127))
    return integers, scales


def write():
    random = np.random.default_rng(5)
    x = random.standard_normal((ROWS, DEPTH)).astype(np.float32)
    x[1, 16:32] = 0  # a block of zeros
    np.save("x.npy", x)
    xt, yt = f"tensor<{ROWS}x{DEPTH}xf32>", f"tensor<{ROWS}x{COLUMNS}xf32>"
    results = ", ".join(f'{yt} {{mpq.name = "{name}"}}' for name in CASES)
    text = f'func.func @model(%x: {xt} {{mpq.name = "x"}}) -> ({results}) {{\n'
    text += f"  %c0 = arith.constant 0.0 : f32\n  %e = tensor.empty() : {yt}\n"
    text += f"  %f = linalg.fill ins(%c0 : f32) outs(%e : {yt}) -> {yt}\n"
    answers = {}
    for name, (bits, block, integers) in CASES.items():
        blocks = -(-DEPTH // block)
        w = random.integers(0, 1 << bits, (DEPTH, COLUMNS))
        z = random.integers(0, 1 << bits, (blocks, COLUMNS))
        s = random.uniform(0.4 if integers else 0.1, 1, (blocks, COLUMNS)).astype(np.float32)
        kind, wt, pt = f"i{bits}", f"tensor<{DEPTH}x{COLUMNS}xi{bits}>", f"tensor<{blocks}x{COLUMNS}xi{bits}>"
        text += constant(f"{name}w", w, kind) + constant(f"{name}z", z, kind)
        text += f'  %{name}s = arith.constant dense<"0x{s.tobytes().hex()}"> : tensor<{blocks}x{COLUMNS}xf32>\n'
        text += (f"  %{name}d = mpq.dequantize %{name}w, %{name}s, %{name}z by {BLOCKS_OF_COLUMNS.format(block)} unsigned"
                 f" : {wt}, tensor<{blocks}x{COLUMNS}xf32>, {pt} -> tensor<{DEPTH}x{COLUMNS}xf32>\n")
        left, values = "x", x.astype(np.float64)
        if integers:
            st, zt = f"tensor<{ROWS}x{blocks}xf32>", f"tensor<{ROWS}x{blocks}xi8>"
            qt, by = f"tensor<{ROWS}x{DEPTH}xi8>", "by " + BLOCKS_OF_ROWS.format(block)
            text += f"  %{name}t, %{name}tz = mpq.choose_params %x {by} : {xt} -> {st}, {zt}\n"
            text += (f"  %{name}q = mpq.quantize %x, %{name}t, %{name}tz {by} {{scaling = #mpq.scaling<multiply>}}"
                     f" : {xt}, {st}, {zt} -> {qt}\n")
            text += f"  %{name}r = mpq.dequantize %{name}q, %{name}t, %{name}tz {by} : {qt}, {st}, {zt} -> {xt}\n"
            left = f"{name}r"
            numbers, scales = quantize_rows(x, block)
            values = (numbers * scales[..., None].astype(np.float64)).reshape(ROWS, -1)[:, :DEPTH]
        text += (f"  %{name} = linalg.matmul ins(%{left}, %{name}d : {xt}, tensor<{DEPTH}x{COLUMNS}xf32>)"
                 f" outs(%f : {yt}) -> {yt}\n")
        weights = (w - np.repeat(z, block, 0)[:DEPTH]) * np.repeat(s, block, 0)[:DEPTH].astype(np.float64)
        answers[name] = values @ weights
    text += f"  return {', '.join('%' + name for name in CASES)} : {', '.join([yt] * len(CASES))}\n}}\n"
    with open("m.mlir", "w") as file:
        file.write('module attributes {mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "haswell", features = "">} {\n'
                   + text + "}\n")
    np.savez("answers.npz", **answers)


def compare():
    answers = np.load("answers.npz")
    for name in CASES:
        plain, packed, qdq = (np.load(f"{folder}/{name}.npy") for folder in ("lowered", "packed", "qdq"))
        assert plain.tobytes() == packed.tobytes(), name
        size = np.abs(answers[name]).max()
        for result in (plain, qdq):
            np.testing.assert_allclose(result, answers[name], rtol=0, atol=2e-6 * size, err_msg=name)


{"write": write, "compare": compare}[sys.argv[1]]()
