"""Every Python and shell example of README.md and docs/ runs, as it stands, on a small model.

An example that cannot has a line `<!-- not run: why -->` above it and counts as skipped. The examples of a page run in
their order in one folder and one namespace, where the files and values lie that a reader would have.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import mpq
from mpq_testing.paths import BUILD, ROOT

SHAPE = (1, 3, 48, 320)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LANGUAGES = {"python", "sh"}
SECONDS = 60


def examples(page):
    """(language, text, line, why it does not run) of each fenced block in a language that could run."""
    text = page.read_text()
    pattern = r"^(?:<!-- not run: (.+) -->\n+)?```(\w*)\n([\s\S]*?)^```$"
    for match in re.finditer(pattern, text, re.MULTILINE):
        why, language, code = match.groups()
        if language in LANGUAGES:
            yield language, code, text.count("\n", 0, match.start(3)), why


def commands_in_tables(page):
    """Commands of the product in cells of tables, as far as they are whole."""
    for number, line in enumerate(page.read_text().splitlines(), 1):
        for code in re.findall(r"`((?:quant-|mpq |mlir-opt )[^`]*)`", line) if line.startswith("|") else []:
            if " -" in code and "…" not in code:
                yield "sh", code + "\n", number, None


def collect():
    for page in PAGES:
        found = list(examples(page)) + list(commands_in_tables(page))
        for language, code, line, why in sorted(found, key=lambda example: example[2]):
            marks = [pytest.mark.skip(reason=why)] if why else []
            yield pytest.param(page, language, code, id=f"{page.name}:{line}", marks=marks)


def feed(seed=0):
    return {"x": np.random.default_rng(seed).standard_normal(SHAPE, np.float32)}


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    """The files that the pages speak of."""
    folder = tmp_path_factory.mktemp("stock")
    random = np.random.default_rng(1)
    weights = {"w": (8, 3, 3, 3), "d": (8, 1, 3, 3), "m": (8, 10)}
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], strides=[8, 8]), helper.make_node("Relu", ["c"], ["r"]),
             helper.make_node("Conv", ["r", "d"], ["e"], group=8),
             helper.make_node("GlobalAveragePool", ["e"], ["p"]), helper.make_node("Flatten", ["p"], ["f"]),
             helper.make_node("MatMul", ["f", "m"], ["y"])]
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, (1, 10))],
        [numpy_helper.from_array(random.standard_normal(shape, np.float32) / 3, name)
         for name, shape in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")
    (folder / "samples" / "x").mkdir(parents=True)
    for seed in range(4):
        np.save(folder / "samples" / "x" / f"{seed}.npy", feed(seed)["x"])
    (folder / "recipe.json").write_text('{"rules": [{"op": "depthwise", "precision": "f32"}]}')

    profile = mpq.calibrate(folder / "model.onnx", [feed()], shape={"x": SHAPE})
    q = mpq.quantize(folder / "model.onnx", profile=profile, shape={"x": SHAPE})
    q.save(folder / "q.mlirbc")
    mpq.compile(q).save(folder / "model.so")
    mpq.compile_to(folder / "model.onnx", folder / "model.mlir", to="import", emit="mlir", shape={"x": SHAPE})
    for name in ("p.json", "m.profile.json", "part1.json", "part2.json"):
        profile.save(folder / name)
    for copy, original in {"m.onnx": "model.onnx", "m.so": "model.so", "m.mlir": "model.mlir", "big.mlir": "model.mlir",
                           "file.mlir": "model.mlir", "R.json": "recipe.json", "image.npy": "samples/x/0.npy",
                           "x.npy": "samples/x/0.npy", "a.npy": "samples/x/0.npy"}.items():
        shutil.copy(folder / original, folder / copy)
    (folder / "still-fails.sh").write_text("#!/bin/sh\n! grep -q linalg.matmul \"$1\"\n")
    (folder / "still-fails.sh").chmod(0o755)
    (folder / "lib").symlink_to(BUILD / "lib")
    tools = folder / "tools"
    tools.mkdir()
    for name, command in {"mpq": f"{sys.executable} -m mpq.cli", "python": sys.executable}.items():
        (tools / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (tools / name).chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def pages(stock, tmp_path_factory):
    """A page's folder and namespace, made when its first example runs."""
    opened = {}

    def open_page(page):
        if page not in opened:
            folder = tmp_path_factory.mktemp(page.stem) / "here"
            shutil.copytree(stock, folder, symlinks=True)
            q = mpq.quantize(folder / "model.onnx", profile=folder / "p.json", shape={"x": SHAPE})
            program = mpq.load(folder / "m.so")
            library = mpq.compile_to(folder / "model.onnx", folder / "again.so", profile=folder / "p.json",
                                     report=folder / "record.json")
            assert library["integer_macs"] > 0
            record = json.loads((folder / "record.json").read_text())
            opened[page] = folder, {"mpq": mpq, "np": np, "data": [feed(seed) for seed in range(2)], "x": feed(9)["x"],
                                    "buffer": np.empty((1, 10), np.float32), "q": q, "m": program,
                                    "record": record, "times": program.profile(feed(), 2)}
        return opened[page]

    return open_page


@pytest.mark.parametrize("page, language, code", list(collect()))
def test_example(page, language, code, pages, monkeypatch):
    folder, names = pages(page)
    if language == "python":
        monkeypatch.chdir(folder)
        exec(compile(code, page.name, "exec"), names)
        return
    path = os.pathsep.join([str(folder / "tools"), str(BUILD / "bin"), os.environ["PATH"]])
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", code], cwd=folder, env=os.environ | {"PATH": path},
                          capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pages_are_found():
    """What collects the examples finds them: fences that it does not know would pass unseen."""
    fences = sum(page.read_text().count("\n```python\n") + page.read_text().count("\n```sh\n") for page in PAGES)
    assert fences == sum(len(list(examples(page))) for page in PAGES) > 15
    strange = [(page.name, language) for page in PAGES
               for language in re.findall(r"^ *(?:```|~~~)[ \t]*(\w+)", page.read_text(), re.MULTILINE)
               if language not in LANGUAGES | {"c", "cmake", "cpp", "json", "mlir", "tablegen"}]
    assert strange == []
