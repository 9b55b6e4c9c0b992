"""The command line `mpq`, as a shell calls it."""

import json
import subprocess
import sys

import numpy as np
import pytest

import mpq
from mpq_testing.paths import ROOT

SHAPE = (1, 3, 12, 12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model and samples."""
    path = tmp_path_factory.mktemp("cli")
    subprocess.run([sys.executable, ROOT / "test/CAPI/Inputs/net.py", path / "net.onnx"], check=True)
    (path / "data" / "x").mkdir(parents=True)
    for seed in range(6):
        np.save(path / "data" / "x" / f"{seed}.npy", np.random.default_rng(seed).standard_normal(SHAPE, np.float32))
    return path


def call(folder, *arguments, fails=False):
    done = subprocess.run([sys.executable, "-m", "mpq.cli", *map(str, arguments)], cwd=folder, capture_output=True,
                          text=True, timeout=300)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stderr if fails else done.stdout


@pytest.fixture(scope="module")
def quantized(folder):
    call(folder, "quantize", "net.onnx", "--data", "data", "-o", "q.mlirbc", "--save-profile", "p.json")
    return folder / "q.mlirbc"


def test_quantize_compile_run(folder, quantized):
    values = json.loads(call(folder, "compile", "q.mlirbc", "-o", "q.so", "--json"))
    assert values["integer_share"] == "100.0%" and values["weights_bytes"] > 0
    assert (folder / "q.so").exists() and (folder / "q.h").exists()
    results = json.loads(call(folder, "run", "q.so", "--input", "x=data/x/0.npy", "--output-dir", "out", "--benchmark",
                              3, "--profile-ops", "--json"))
    assert results["median_milliseconds"] > 0 and results["y"] == "float32[1, 10]"
    assert set(results["kernels"]) == set(mpq.load(folder / "q.so").kernels)
    expected = mpq.compile(quantized)({"x": np.load(folder / "data/x/0.npy")})["y"]
    assert np.array_equal(np.load(folder / "out" / "y.npy"), expected)


def test_evaluate(folder, quantized):
    rows = json.loads(call(folder, "evaluate", "net.onnx", "--quantized", "q.mlirbc", "--data", "data", "--rounds", 2,
                           "--peer", "onnxruntime", "--json"))
    assert [row["name"] for row in rows] == ["mpq f32", "mpq quantized", "onnxruntime"]
    assert rows[0]["accuracy"] == pytest.approx(1) and 0.99 < rows[1]["accuracy"] < 1
    assert rows[2]["accuracy"] == pytest.approx(1) and all(row["median_milliseconds"] > 0 for row in rows)
    assert rows[0]["workspace_bytes"] > 0 and rows[1]["size_bytes"] > 0
    (folder / "m.py").write_text("def metric(outputs, references, inputs):\n    return len(inputs)\n")
    rows = json.loads(call(folder, "evaluate", "net.onnx", "--profile", "p.json", "--data", "data", "--rounds", 1,
                           "--metric", "m.py", "--json"))
    assert [row["accuracy"] for row in rows] == [6, 6]


def test_tables_for_people(folder, quantized):
    done = subprocess.run([sys.executable, "-m", "mpq.cli", "evaluate", "net.onnx", "--quantized", "q.mlirbc", "--data",
                           "data", "--rounds", "1"], cwd=folder, capture_output=True, text=True, timeout=300)
    assert "mpq quantized" in done.stderr and "median ms" in done.stderr and "codegen" in done.stderr


ERRORS = [
    (("compile", "net.onnx", "-o", "x.so", "--targt", "host"), "--target"),
    (("compile", "net.onnx", "-o", "x.so", "--precision", "int9"), "int8"),
    (("compile", "none.onnx", "-o", "x.so"), "none.onnx: cannot open model"),
    (("compile", "net.onnx", "-o", "none/x.so"), "cannot write 'none/x.so'"),
    (("compile", "net.onnx", "-o", "x.so", "--shape", "x=ax3"), "expected a shape like"),
    (("quantize", "net.onnx", "-o", "x.mlirbc"), "expected either calibration data or a profile"),
    (("quantize", "net.onnx", "--data", "none", "-o", "x.mlirbc"), "cannot read the folder of samples 'none'"),
    (("run", "net.onnx"), "net.onnx"),
    (("evaluate", "net.onnx", "--data", "data", "--profile", "p.json", "--metric", "cosin"), "did you mean 'cosine'"),
    (("evaluate", "net.onnx", "--data", "data"), "expected a quantized model or a profile"),
    (("quantise", "net.onnx"), "No such command"),
    (("quantize", "net.onnx", "--profile", "none.json", "-o", "x.mlirbc"), "cannot read profile 'none.json'"),
    (("report", "net.onnx", "--data", "data", "-o", "x.json"), "expected an HTML file"),
    (("run", "net.onnx", "--threads", "-1"), "--threads"),
    (("evaluate", "net.onnx", "--data", "data", "--profile", "p.json", "--rounds", "0"), "--rounds"),
]


@pytest.mark.parametrize("arguments, message", ERRORS, ids=lambda value: str(value)[:40])
def test_errors(arguments, message, folder, quantized):
    text = call(folder, *arguments, fails=True)
    assert message in text and "Traceback" not in text, text
    assert not list(folder.glob("x.*"))


def test_report(folder, quantized):
    call(folder, "report", "net.onnx", "--data", "data", "--profile", "p.json", "-o", "r.html")
    record = json.loads((folder / "r.json").read_text())
    assert record["samples"]["errors"] == 4 and len(record["profile"]["kernels"]) == len(record["kernels"]) > 0
    assert "<html" in (folder / "r.html").read_text()


def test_completion(folder):
    assert "_MPQ_COMPLETE" in call(folder, "completion", "bash")
