"""Writes products with constant weights, f32 and bytes, dense, depthwise and grouped: `FOLDER`; `compare A B`."""
import sys

import numpy as np

random = np.random.default_rng(11)


def constant(name, array, kind):
    shape = "x".join(map(str, array.shape))
    return f'  %{name} = arith.constant dense<"0x{array.tobytes().hex()}"> : tensor<{shape}x{kind}>\n'


def product(name, maps, reductions, parallels, lhs, lhs_type, rhs, rhs_type, init, out_type, integer):
    iterators = ", ".join(['"parallel"'] * parallels + ['"reduction"'] * reductions)
    accumulator = "i32" if integer else "f32"
    element = "i8" if integer else "f32"
    body = (f"""    %lw = arith.extui %l : i8 to i32
    %rw = arith.extsi %r : i8 to i32
    %m = arith.muli %lw, %rw : i32
    %s = arith.addi %o, %m : i32
""" if integer else """    %m = arith.mulf %l, %r : f32
    %s = arith.addf %o, %m : f32
""")
    return f"""  %{name} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{iterators}]}}
      ins(%{lhs}, %{rhs} : {lhs_type}, {rhs_type}) outs(%{init} : {out_type}) {{
  ^bb0(%l: {element}, %r: {element}, %o: {accumulator}):
{body}    linalg.yield %s : {accumulator}
  }} -> {out_type}
"""


def function(integer):
    element, accumulator = ("i8", "i32") if integer else ("f32", "f32")
    draw = (lambda *shape: random.integers(-128, 128, shape).astype(np.int8)) if integer else (
        lambda *shape: random.standard_normal(shape).astype(np.float32))
    bias = (random.integers(-999, 999, 21).astype(np.int32) if integer else random.standard_normal(21).astype(np.float32))
    x, image = f"tensor<5x18x{element}>", f"tensor<1x9x8x21x{element}>"
    text = (f'func.func @model(%x: {x} {{mpq.name = "x"}}, %image: {image} {{mpq.name = "image"}})\n'
            f'    -> (tensor<5x21x{accumulator}> {{mpq.name = "matmul"}}, tensor<1x4x6x21x{accumulator}> {{mpq.name = "conv"}},'
            f' tensor<1x7x6x21x{accumulator}> {{mpq.name = "depthwise"}},'
            f' tensor<1x4x6x3x6x{accumulator}> {{mpq.name = "grouped"}}) {{\n')
    text += constant("bias", bias, accumulator)
    text += constant("w", draw(18, 21), element)
    text += constant("wc", draw(3, 3, 21, 21), element)
    text += constant("wd", draw(3, 3, 21), element)
    text += constant("wg", draw(3, 6, 3, 3, 7), element)
    inits = {"m": ("5x21", "[0]"), "c": ("1x4x6x21", "[0, 1, 2]"), "d": ("1x7x6x21", "[0, 1, 2]")}
    for name, (shape, dims) in inits.items():
        t = f"tensor<{shape}x{accumulator}>"
        text += f"  %e{name} = tensor.empty() : {t}\n"
        text += (f"  %i{name} = linalg.broadcast ins(%bias : tensor<21x{accumulator}>) outs(%e{name} : {t}) "
                 f"dimensions = {dims}\n")
    m = "affine_map<(m, n, k) -> {}>"
    text += product("matmul", ", ".join(m.format(r) for r in ("(m, k)", "(k, n)", "(m, n)")), 1, 2, "x", x, "w",
                    f"tensor<18x21x{element}>", "im", f"tensor<5x21x{accumulator}>", integer)
    c = "affine_map<(b, y, x, f, i, j, c) -> {}>"
    text += product("conv", ", ".join(c.format(r) for r in ("(b, y * 2 + i, x + j, c)", "(i, j, c, f)", "(b, y, x, f)")),
                    3, 4, "image", image, "wc", f"tensor<3x3x21x21x{element}>", "ic",
                    f"tensor<1x4x6x21x{accumulator}>", integer)
    d = "affine_map<(b, y, x, f, i, j) -> {}>"
    text += product("depthwise", ", ".join(d.format(r) for r in ("(b, y + i, x + j, f)", "(i, j, f)", "(b, y, x, f)")),
                    2, 4, "image", image, "wd", f"tensor<3x3x21x{element}>", "id", f"tensor<1x7x6x21x{accumulator}>",
                    integer)
    # Three groups of 7 channels and 6 filters; the bias is one for each filter of each group.
    text += (f"  %biasg = tensor.extract_slice %bias[0] [18] [1] : tensor<21x{accumulator}> to tensor<18x{accumulator}>\n"
             f"  %groups = tensor.expand_shape %biasg [[0, 1]] output_shape [3, 6] : tensor<18x{accumulator}> "
             f"into tensor<3x6x{accumulator}>\n"
             f"  %split = tensor.expand_shape %image [[0], [1], [2], [3, 4]] output_shape [1, 9, 8, 3, 7] : {image} "
             f"into tensor<1x9x8x3x7x{element}>\n"
             f"  %eg = tensor.empty() : tensor<1x4x6x3x6x{accumulator}>\n"
             f"  %ig = linalg.broadcast ins(%groups : tensor<3x6x{accumulator}>) "
             f"outs(%eg : tensor<1x4x6x3x6x{accumulator}>) dimensions = [0, 1, 2]\n")
    g = "affine_map<(b, y, x, g, f, i, j, c) -> {}>"
    text += product("grouped", ", ".join(g.format(r) for r in ("(b, y * 2 + i, x + j, g, c)", "(g, f, i, j, c)",
                                                               "(b, y, x, g, f)")),
                    3, 5, "split", f"tensor<1x9x8x3x7x{element}>", "wg", f"tensor<3x6x3x3x7x{element}>", "ig",
                    f"tensor<1x4x6x3x6x{accumulator}>", integer)
    text += (f"  return %matmul, %conv, %depthwise, %grouped : tensor<5x21x{accumulator}>, "
             f"tensor<1x4x6x21x{accumulator}>, tensor<1x7x6x21x{accumulator}>, tensor<1x4x6x3x6x{accumulator}>\n}}\n")
    return text


if sys.argv[1] == "compare":
    for name in ("matmul", "conv", "depthwise", "grouped"):
        a, b = (np.load(f"{folder}/{name}.npy") for folder in sys.argv[2:4])
        assert a.dtype == b.dtype and np.array_equal(a.view(np.int32), b.view(np.int32)), name
        assert len(np.unique(a)) > a.size // 4, name
elif sys.argv[1] == "sample":
    for name in ("matmul", "conv", "depthwise", "grouped"):
        whole, some = (np.load(f"{folder}/{name}.npy") for folder in sys.argv[2:4])
        positions = np.load(f"{sys.argv[3]}/{name}.positions.npy")
        assert some.size == 40 and np.array_equal(whole.ravel()[positions], some), name
else:
    folder = sys.argv[1]
    target = 'mpq.target = #mpq.target<"x86_64-unknown-linux-gnu", cpu = "sapphirerapids", features = "+avx512f,+avx512vnni">'
    for name, integer in (("float", False), ("integer", True)):
        with open(f"{folder}/{name}.mlir", "w") as file:
            file.write(f"module attributes {{{target}}} {{\n{function(integer)}}}\n")
    dtype = np.float32
    np.save(f"{folder}/x.npy", random.standard_normal((5, 18)).astype(dtype))
    np.save(f"{folder}/image.npy", random.standard_normal((1, 9, 8, 21)).astype(dtype))
    np.save(f"{folder}/xi.npy", random.integers(-128, 128, (5, 18)).astype(np.int8))
    np.save(f"{folder}/imagei.npy", random.integers(-128, 128, (1, 9, 8, 21)).astype(np.int8))
