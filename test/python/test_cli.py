"""The command line `mpq`, as a shell calls it."""

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest

import mpq
from mpq import cli
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
    import onnxruntime

    rows = json.loads(call(folder, "evaluate", "net.onnx", "--quantized", "q.mlirbc", "--data", "data", "--rounds", 2,
                           "--peer", "onnxruntime", "--json"))
    assert [row["name"] for row in rows] == ["mpq f32", "mpq quantized", "onnxruntime"]
    # What another engine says of the float model, and a cosine of our own.
    feeds = [{"x": np.load(folder / "data" / "x" / f"{seed}.npy")} for seed in range(6)]
    session = onnxruntime.InferenceSession(folder / "net.onnx", providers=["CPUExecutionProvider"])
    floats = [session.run(None, feed)[0].ravel().astype(float) for feed in feeds]
    program = mpq.compile(quantized)
    integers = [program(feed)["y"].ravel().astype(float) for feed in feeds]
    angles = [1 - a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in zip(integers, floats)]
    assert 1 - rows[1]["accuracy"] == pytest.approx(np.mean(angles), rel=1e-2) and np.mean(angles) > 1e-6
    assert 1 - rows[2]["accuracy"] == pytest.approx(0, abs=1e-6)
    assert all(row["median_milliseconds"] > 0 for row in rows)
    assert rows[0]["workspace_bytes"] > 0 and rows[1]["size_bytes"] > 0
    (folder / "m.py").write_text("def metric(outputs, references, inputs):\n"
                                 "    a, b, x = (sum(abs(v[k]).sum(dtype='f8') for v in values) for values, k in\n"
                                 "               ((outputs, 'y'), (references, 'y'), (inputs, 'x')))\n"
                                 "    return a + 1000 * b + 1e6 * x\n")
    rows = json.loads(call(folder, "evaluate", "net.onnx", "--profile", "p.json", "--data", "data", "--rounds", 1,
                           "--metric", "m.py", "--json"))
    reference, inputs = (sum(np.abs(values).sum(dtype=float) for values in each) for each in
                         (floats, [feed["x"] for feed in feeds]))
    for row, outputs in zip(rows, (floats, integers)):
        ours = sum(np.abs(values).sum() for values in outputs)
        assert row["accuracy"] - 1000 * reference - 1e6 * inputs == pytest.approx(ours, abs=0.05 * ours)


@pytest.fixture(scope="module")
def odd_names(folder):
    """Models whose names are no file names."""
    def make(file, inputs, outputs):
        def infos(names):
            return [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in names]

        nodes = [onnx.helper.make_node("Sub", inputs if k % 2 else inputs[::-1], [name]) for k, name in enumerate(outputs, 1)]
        model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "odd", infos(inputs), infos(outputs)),
                                       opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, folder / f"{file}.onnx")
        mpq.compile(folder / f"{file}.onnx").save(folder / f"{file}.so")

    make("equals", ["a", "a=b"], ["u/v"])
    make("clash", ["a", "b"], ["u/v", "u_v"])
    np.save(folder / "one.npy", np.array([1, 2], np.float32))
    np.save(folder / "b=ten.npy", np.array([10, 20], np.float32))
    np.save(folder / "ten.npy", np.array([10, 20], np.float32))


def test_names_with_an_equals_sign(folder, odd_names):
    """The name is the longest that the model has."""
    for a, b in (("a=ten.npy", "a=b=one.npy"), ("a=./b=ten.npy", "a=b=one.npy")):
        call(folder, "run", "equals.so", "--input", b, "--input", a, "--output-dir", "odd")
        assert np.array_equal(np.load(folder / "odd" / "u_v.npy"), [9, 18])
    assert "the model has no input 'c': its inputs are 'a', 'a=b'" in call(
        folder, "run", "equals.so", "--input", "c=one.npy", fails=True)


def test_outputs_that_would_share_a_file(folder, odd_names):
    arguments = ("run", "clash.so", "--input", "a=one.npy", "--input", "b=ten.npy")
    text = call(folder, *arguments, "--output-dir", "clash", fails=True)
    assert "outputs 'u/v' and 'u_v' would both be written to 'u_v.npy': leave --output-dir out" in text
    assert not (folder / "clash").exists()
    assert set(json.loads(call(folder, *arguments, "--json"))) == {"u/v", "u_v"}


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
    (("run", "net.onnx"), "expected a compiled model but got 'net.onnx': compile it first"),
    (("run", "q.so"), "input 'x' is missing: expected float32[1, 3, 12, 12]"),
    (("run", "q.so", "--input", "x"), "expected --input NAME=FILE.npy but got 'x'"),
    (("run", "q.so", "--input", "X=data/x/0.npy"), "no input 'X': its inputs are 'x'; did you mean 'x'"),
    (("run", "q.so", "--input", "x=none.npy"), "cannot read 'none.npy': No such file"),
    (("run", "q.so", "--input", "x=net.onnx"), "expected 'net.onnx' to be a .npy file of numbers"),
    (("run", "q.so", "--input", "x=empty.npy"), "expected 'empty.npy' to be a .npy file of numbers"),
    (("run", "q.so", "--input", "x=a.npz"), "expected 'a.npz' to be a .npy file of numbers"),
    (("run", "q.so", "--input", "x=data/x/0.npy", "--input", "x=data/x/1.npy"),
     "expected one --input for 'x' but got two"),
    (("evaluate", "q.mlirbc", "--data", "data", "--quantized", "q.mlirbc", "--peer", "onnxruntime"),
     "expected the model as .onnx for the peer onnxruntime but got 'q.mlirbc'"),
    (("evaluate", "bad.onnx", "--data", "data", "--quantized", "q.mlirbc", "--peer", "onnxruntime"),
     "onnxruntime cannot read"),
    (("evaluate", "net.onnx", "--data", "data", "--quantized", "q.so"), "got 'q.so': a compiled model is for"),
    (("evaluate", "net.onnx", "--data", "data", "--quantized", "q.mlirbc", "--peer", "openvino"),
     "one of onnxruntime but"),
    (("evaluate", "net.onnx", "--data", "data", "--profile", "p.json", "--metric", "syntax.py"),
     "failed with SyntaxError"),
    (("evaluate", "net.onnx", "--data", "data", "--quantized", "q.mlirbc", "--rounds", "1", "--metric", "key.py"),
     "the metric script 'key.py' failed in line 2 with KeyError: 'z'"),
    (("evaluate", "net.onnx", "--data", "data", "--quantized", "q.mlirbc", "--rounds", "1", "--metric", "text.py"),
     "expected metric of 'text.py' to return a number but got 'good'"),
    (("compile", "net.onnx", "-o", "x.so", "--target", "Avx512"), "did you mean 'x86-avx512vnni'"),
    (("compile", "net.onnx", "-o", "x.so", "--precision", "INT8"), "did you mean 'int8'"),
    (("compile", "net.onnx", "-o", "x.so", "--shape", "x=1x3x12x12", "--shape", "x=2x3x12x12"),
     "one --shape for input 'x'"),
    (("compile", "q.so", "-o", "x.so"), "got 'q.so': a compiled model is for mpq.load and mpq run"),
    (("compile", "net.onnx", "-o", "x.onnx"), "expected a file name that ends with .so but got 'x.onnx'"),
    (("compile", "net.onnx"), "Missing option '-o' / '--output' (see mpq compile --help)"),
    (("quantize", "net.onnx", "--data", "data", "-o", "x.onnx"),
     "ends with .mlirbc but got 'x.onnx': --onnx writes ONNX"),
    (("quantize", "net.onnx", "--data", "data", "-o", "x.mlirbc", "--onnx", "none/x.onnx"),
     "folder 'none' does not exist"),
    (("quantize", "net.onnx", "--data", "data", "-o", "x.mlirbc", "--save-profile", "none/p.json"),
     "folder 'none' does not"),
    (("quantize", "net.onnx", "--data", "net.onnx", "-o", "x.mlirbc"), "folder of samples 'net.onnx': it is no folder"),
    (("report", "net.onnx", "--data", "data", "-o", "p.html"), "p.json', which holds something else"),
    (("completion", "bsh"), "did you mean 'bash'"),
    (("evaluate", "net.onnx", "--data", "data", "--profile", "p.json", "--metric", "cosin"), "did you mean 'cosine'"),
    (("evaluate", "net.onnx", "--data", "data"), "expected a quantized model or a profile"),
    (("quantise", "net.onnx"), "No such command"),
    (("quantize", "net.onnx", "--profile", "none.json", "-o", "x.mlirbc"), "cannot read profile 'none.json'"),
    (("report", "net.onnx", "--data", "data", "-o", "x.json"), "ends with .html but got 'x.json'"),
    (("run", "net.onnx", "--threads", "-1"), "--threads"),
    (("evaluate", "net.onnx", "--data", "data", "--profile", "p.json", "--rounds", "0"), "--rounds"),
]


@pytest.fixture(scope="module")
def wrong_files(folder, quantized):
    mpq.compile(quantized).save(folder / "q.so")
    (folder / "empty.npy").write_text("")
    np.savez(folder / "a.npz", x=np.zeros(3))
    (folder / "bad.onnx").write_text("no model")
    for name, body in (("syntax", "("), ("key", "return outputs[0]['z']"), ("text", "return 'good'")):
        (folder / f"{name}.py").write_text(f"def metric(outputs, references, inputs):\n    {body}\n")


@pytest.mark.parametrize("arguments, message", ERRORS, ids=lambda value: str(value)[:40])
def test_errors(arguments, message, folder, wrong_files, monkeypatch, capfd):
    """One line, after those of the phases; in this process, which is quicker."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["mpq", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    text = capfd.readouterr().err + (ended.value.code if isinstance(ended.value.code, str) else "")
    assert ended.value.code not in (0, None) and text.count("mpq: error: ") == 1
    assert message in text.splitlines()[-1], text
    assert not list(folder.glob("x.*"))


def test_report(folder, quantized):
    call(folder, "report", "net.onnx", "--data", "data", "--profile", "p.json", "-o", "r.html")
    record = json.loads((folder / "r.json").read_text())
    assert record["samples"]["errors"] == 4 and len(record["profile"]["kernels"]) == len(record["kernels"]) > 0
    assert "<html" in (folder / "r.html").read_text()


def test_completion(folder):
    assert "_MPQ_COMPLETE" in call(folder, "completion", "bash")
