"""The Python package: every way in and out, and what goes wrong."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest

import mpq
from mpq.evaluation import get_metric
from mpq.samples import SampleFolder, save_samples
from mpq_testing import models, tools
from mpq_testing.paths import BUILD, ROOT

SHAPE = (1, 3, 12, 12)


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    subprocess.run([sys.executable, ROOT / "test/CAPI/Inputs/net.py", path], check=True)
    return path


def feed(seed=0):
    return {"x": np.random.default_rng(seed).standard_normal(SHAPE, np.float32)}


def feeds(count=8):
    return [feed(seed) for seed in range(count)]


@pytest.fixture(scope="module")
def quantized(net):
    return mpq.quantize(net, feeds())


def nearly(a, b):
    return np.linalg.norm(a - b) < 0.05 * np.linalg.norm(b)


def test_the_five_lines(net, tmp_path):
    q = mpq.quantize(net, (feed(seed) for seed in range(8)), precision="int8", recipe=None, target="host", shape=None)
    m = mpq.compile(q, target="host", threads=1)
    y = m(feed(100))
    m.save(tmp_path / "m.so")
    q.save(tmp_path / "m.mlirbc")
    assert np.array_equal(mpq.load(tmp_path / "m.so")(feed(100))["y"], y["y"])
    assert np.array_equal(mpq.compile(tmp_path / "m.mlirbc")(feed(100))["y"], y["y"])
    reference = mpq.compile(net)(feed(100))["y"]
    assert nearly(y["y"], reference) and not np.array_equal(y["y"], reference)


def test_the_recognizer(tmp_path):
    """The README's lines on a real network give what the tools give."""
    model = models.RECOGNIZER
    count = 10
    q = mpq.quantize(model.path, (model.calibration_feed(i) for i in range(count)), shape=model.shape)
    ours = mpq.compile(q)(model.calibration_feed(count))
    theirs = tools.compile_int8(model, count).load()(model.calibration_feed(count))
    assert [np.array_equal(a, b) for a, b in zip(ours.values(), theirs)] == [True]


def test_models_from_memory(net, quantized):
    expected = mpq.compile(net)(feed())["y"]
    assert np.array_equal(mpq.compile(net.read_bytes())(feed())["y"], expected)
    assert np.array_equal(mpq.compile(onnx.load(net))(feed())["y"], expected)
    again = mpq.quantize(onnx.load(net), feeds())
    assert np.array_equal(mpq.compile(again)(feed())["y"], mpq.compile(quantized)(feed())["y"])


def test_report(quantized, tmp_path):
    quantized.report(tmp_path / "r.html", accuracy=[{"name": "cosine", "value": np.float32(0.75), "reference": 1.0}])
    record = json.loads((tmp_path / "r.json").read_text())
    assert any(value.get("error", {}).get("sqnr_db") for value in record["values"])
    assert record["accuracy"][0]["value"] == 0.75
    assert [operation["id"] for operation in quantized.record["operations"]] == [
        operation["id"] for operation in record["operations"]]


def test_onnx_out(quantized, tmp_path):
    import onnxruntime

    quantized.to_onnx(tmp_path / "q.onnx")
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in onnx.load(tmp_path / "q.onnx").graph.node}
    session = onnxruntime.InferenceSession(tmp_path / "q.onnx", providers=["CPUExecutionProvider"])
    ours = mpq.compile(quantized)(feed(100))["y"]
    assert np.allclose(session.run(None, feed(100))[0], ours, atol=0.02 * np.abs(ours).max())
    # What comes back has the same numbers.
    again = mpq.compile(tmp_path / "q.onnx")
    assert again.summary["float_macs"] == 0 and nearly(again(feed(100))["y"], ours)


def test_profile_and_recipe(net, tmp_path):
    profile = mpq.calibrate(net, feeds())
    profile.save(tmp_path / "p.json")
    q = mpq.quantize(net, profile=tmp_path / "p.json", recipe={"rules": [{"op": "conv", "precision": "f32"}]})
    program = mpq.compile(q)
    assert program.summary["float_macs"] > 0 and program.summary["integer_macs"] > 0
    assert json.loads(profile.data)["samples"] == 8


def test_arrays(quantized, tmp_path):
    m = mpq.compile(quantized)
    out = {"y": np.empty((1, 10), np.float32)}
    result = m(feed(), out=out)
    assert result["y"] is out["y"]
    strided = np.asfortranarray(feed()["x"])
    assert np.array_equal(m({"x": strided})["y"], out["y"])

    class Foreign:
        """An array of another library."""

        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **options):
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    assert np.array_equal(m({"x": Foreign(feed()["x"])})["y"], out["y"])
    assert np.array_equal(np.from_dlpack(result["y"]), out["y"])
    assert m.inputs == [("x", "float32", SHAPE)] and m.outputs == [("y", "float32", (1, 10))]
    kernels = m.profile(feed(), runs=3, trace=tmp_path / "trace.json")["kernels"]
    assert [kernel["name"] for kernel in kernels] == m.kernels
    assert all(kernel["milliseconds"] > kernel["floor_milliseconds"] > 0 for kernel in kernels)
    assert len(json.loads((tmp_path / "trace.json").read_text())["traceEvents"]) >= 3 * len(kernels)


class OnAGPU:
    def __dlpack__(self, **_):
        raise BufferError("it is on a GPU")

    def __dlpack_device__(self):
        return 2, 0


def test_out_that_cannot_be_written(quantized):
    m = mpq.compile(quantized)
    for out, message in (({"y": np.empty((1, 20), np.float32)[:, ::2]}, "expected a writable dense float32"),
                         ({"y": np.broadcast_to(np.float32(0), (1, 10))}, r"but got a read-only float32\[1, 10\]"),
                         ({"y": None}, "for output 'y' but got None"),
                         ({"y": OnAGPU()}, r"output 'y': expected a dense array on the CPU, .* got OnAGPU \(it is on a GPU\)"),
                         ({"y": [0.0] * 10}, r"for output 'y' but got \[0.0, 0.0"),
                         ([np.empty((1, 10), np.float32)], r"expected 'out' to be outputs as {name: array} but got \["),
                         ({"Y": np.empty((1, 10), np.float32)}, "the model has no output 'Y'.*did you mean 'y'")):
        with pytest.raises(mpq.Error, match=message):
            m(feed(), out=out)


def test_samples_in_one_buffer(net, quantized):
    def reused():
        buffer = np.empty(SHAPE, np.float32)
        for sample in feeds():
            buffer[...] = sample["x"]
            yield {"x": buffer}

    q = mpq.quantize(net, reused())
    assert q.profile.data == quantized.profile.data
    assert not np.array_equal(q.samples[0]["x"], q.samples[1]["x"])


def test_files_written_anew(net, quantized, tmp_path):
    path = tmp_path / "p.so"
    mpq.compile(net).save(path)
    first = mpq.load(path)
    expected = first(feed())["y"]
    mpq.compile(quantized).save(path)
    assert not np.array_equal(mpq.load(path)(feed())["y"], expected)
    assert np.array_equal(first(feed())["y"], expected)


def test_programs_share_threads(quantized):
    """Threads that wait awake for one program would hold up the next one."""
    def count():
        return len(os.listdir("/proc/self/task"))

    programs = [mpq.compile(quantized, threads=3) for _ in range(4)]
    before = count()
    results = [program(feed())["y"] for program in programs]
    assert count() == before and all(np.array_equal(result, results[0]) for result in results)
    last = programs.pop()
    programs.clear()
    assert count() == before and np.array_equal(last(feed())["y"], results[0])
    del last
    assert count() == before - 2


def test_threads_share_a_program(quantized):
    m = mpq.compile(quantized, threads=2)
    expected = [m(feed(seed))["y"] for seed in range(8)]
    wrong = []

    def work(first):
        for k in range(100):
            seed = (first + k) % 8
            if not np.array_equal(m(feed(seed))["y"], expected[seed]):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(t,)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


ERRORS = {
    "input name": (lambda net, m: m({"xx": feed()["x"]}), "the model has no input 'xx': its inputs are 'x'"),
    "missing input": (lambda net, m: m({}), "input 'x' is missing: expected float32"),
    "dtype": (lambda net, m: m({"x": feed()["x"].astype(np.float64)}), "expected float32.* but got float64"),
    "shape": (lambda net, m: m({"x": feed()["x"][0]}), r"but got float32\[3, 12, 12\]"),
    "target": (lambda net, m: mpq.compile(net, target="x86-avx512vnn"), "did you mean 'x86-avx512vnni'"),
    "precision": (lambda net, m: mpq.compile(net, precision="int88"), "did you mean 'int8'"),
    "file": (lambda net, m: mpq.compile("none.onnx"), "none.onnx: cannot open model: No such file"),
    "model": (lambda net, m: mpq.compile(7), "expected a model as a path.* but got 7"),
    "bytes": (lambda net, m: mpq.compile(b"no model"), "is no ONNX model, or a truncated or corrupt one"),
    "shape of an unknown input": (lambda net, m: mpq.compile(net, shape={"z": [1]}), "a shape was given for 'z'"),
    "recipe key": (lambda net, m: mpq.quantize(net, feeds(), recipe={"ruls": []}), "'ruls'.*did you mean 'rules'"),
    "recipe op": (lambda net, m: mpq.quantize(net, feeds(), recipe={"rules": [{"op": "convv", "precision": "f32"}]}),
                  "did you mean 'conv'"),
    "recipe name": (lambda net, m: mpq.quantize(net, feeds(), recipe={"rules": [{"name": "yy", "precision": "f32"}]}),
                    "did you mean 'y'"),
    "no samples": (lambda net, m: mpq.quantize(net, []), "expected calibration samples but there are none"),
    "nan": (lambda net, m: mpq.quantize(net, [{"x": np.full(SHAPE, np.nan, np.float32)}]), "is NaN or infinite"),
    "sample's name": (lambda net, m: mpq.quantize(net, [{"X": feed()["x"]}]), "the model has no input 'X'"),
    "no sample": (lambda net, m: mpq.quantize(net, [feed(), None]),
                  "sample 1: expected inputs as {name: array} but got None"),
    "neither data nor profile": (lambda net, m: mpq.quantize(net), "expected either calibration data or a profile"),
    "threads": (lambda net, m: mpq.compile(net, threads=-1), "mpq.compile: expected 'threads' to be a whole number"),
    "too many threads": (lambda net, m: mpq.compile(net, threads=5000), "expected at most 1024 threads but got 5000"),
    "library": (lambda net, m: mpq.load("none.so"), "none.so"),
    # Kinds of arguments.
    "recipe's kind": (lambda net, m: mpq.quantize(net, feeds(), recipe=[{"op": "conv"}]),
                      r"mpq.quantize: expected 'recipe' to be the path of a file or a dictionary .* \[{'op': 'conv'}\]"),
    "shape as text": (lambda net, m: mpq.compile(net, shape="x=1x3"), "expected 'shape' to be {input name: .* 'x=1x3'"),
    "shape as a list": (lambda net, m: mpq.compile(net, shape=[1, 3]), r"expected 'shape' to be .* but got \[1, 3\]"),
    "extents": (lambda net, m: mpq.compile(net, shape={"x": 7}), "expected 'shape' to be .* but got {'x': 7}"),
    "data as an array": (lambda net, m: mpq.quantize(net, feed()["x"]), "expected 'data' to be .* but got ndarray"),
    "data as a sample": (lambda net, m: mpq.quantize(net, feed()), "expected 'data' to be .* but got {'x': ndarray}"),
    "data as a folder": (lambda net, m: mpq.quantize(net, "data"), "SampleFolder reads a folder.* but got 'data'"),
    "folder's kind": (lambda net, m: SampleFolder(7), "mpq.SampleFolder: expected 'folder' to be a path .* but got 7"),
    "no data": (lambda net, m: mpq.calibrate(net, None), "mpq.calibrate: expected 'data' to be .* but got None"),
    "name's kind": (lambda net, m: mpq.compile(net, name=7), "expected 'name' to be text but got 7"),
    "profile's kind": (lambda net, m: mpq.compile(net, profile=b"x"), "expected 'profile' to be a profile or the path"),
    "a profile of something else": (lambda net, m: mpq.quantize(net, profile=net), "'.*net.onnx' .* it is no JSON"),
    "progress": (lambda net, m: mpq.compile(net, progress=7), "expected 'progress' to be a function of .* but got 7"),
    "threads as a truth": (lambda net, m: mpq.compile(net, threads=True), "expected 'threads' to be .* but got True"),
    "threads beyond all bounds": (lambda net, m: mpq.load("none.so", threads=10**30),
                                  "mpq.load: expected 'threads' to be"),
    "runs": (lambda net, m: m.profile(feed(), runs=0), "mpq.Program.profile: expected 'runs' to be .* but got 0"),
    "trace": (lambda net, m: m.profile(feed(), trace=7),
              r"expected 'trace' to be a path \(text or os.PathLike\) but got 7"),
    "place": (lambda net, m: m.save(None), "mpq.Program.save: expected 'path' to be a path .* but got None"),
    "place that is a folder": (lambda net, m: m.save("."), "cannot write '.': it is a folder"),
    "a path of bytes": (lambda net, m: mpq.load(b"m.so"), "expected 'path' to be a path .* but got b'm.so'"),
    "class": (lambda net, m: mpq.Program("m.so"), "mpq.Program needs 'library': what mpq.compile and mpq.load"),
    # Names of arguments.
    "keyword": (lambda net, m: mpq.quantize(net, feeds(), precison="int8"),
                r"mpq.quantize has no argument 'precison'; did you mean 'precision'\?"),
    "keyword of a method": (lambda net, m: m.profile(feed(), run=3),
                            "mpq.Program.profile has .* 'run'; did you mean 'runs'"),
    "keyword far off": (lambda net, m: mpq.load("m.so", zzz=1),
                        "has no argument 'zzz': its arguments are 'path', 'threads'"),
    "input as a keyword": (lambda net, m: m(x=feed()["x"]),
                           "mpq.Program has no argument 'x': its arguments are 'feed', 'out'"),
    "by position": (lambda net, m: mpq.quantize(net, feeds(), "int8"),
                    "takes 'model', 'data' without a name but got 'int8' too: name what it is, precision=..., recipe=..."),
    "twice": (lambda net, m: mpq.load("a.so", path="b.so"), "mpq.load got 'path' twice: 'a.so' and 'b.so'"),
    "nothing": (lambda net, m: mpq.load(), "mpq.load needs 'path': a path"),
    "no inputs": (lambda net, m: m(), "mpq.Program needs 'feed': inputs as {name: array}"),
    # Valid names.
    "precision in capitals": (lambda net, m: mpq.compile(net, precision="INT8"),
                              "of f32, int8, int16, int4, int2, .*; did you mean 'int8'"),
    "target in capitals": (lambda net, m: mpq.compile(net, target="Avx512"), "did you mean 'x86-avx512vnni'"),
    "target far off": (lambda net, m: mpq.compile(net, target="gpu"), "one of host, .*x86-amx but got 'gpu'$"),
    "input in capitals": (lambda net, m: m({"X": feed()["x"]}), "no input 'X': its inputs are 'x'; did you mean 'x'"),
    "input that is no text": (lambda net, m: m({1: feed()["x"]}), "the model has no input 1: its inputs are 'x'"),
    # Arrays.
    "ragged lists": (lambda net, m: m({"x": [[1, 2], [3]]}),
                     r"expected an array .* input 'x' but got \[\[1, 2\], \[3\]\]"),
    "ragged lists in a sample": (lambda net, m: mpq.quantize(net, [feed(), {"x": [[1, 2], [3]]}]),
                                 "sample 1: expected an arr"),
    "lists": (lambda net, m: m({"x": feed()["x"].tolist()}),
              r"but got float64\[1, 3, 12, 12\] in a list: pass numpy.array\(values, 'float32'\)"),
    "another device": (lambda net, m: m({"x": OnAGPU()}),
                       "input 'x': expected a dense array on the CPU, .* OnAGPU"),
    "dtype that could be cast": (lambda net, m: m({"x": feed()["x"].astype(np.float64)}),
                                 r"pass array.astype\('float32'\)"),
    "samples to save": (lambda net, m: save_samples([7], "none"), "expected inputs as {name: array} but got 7"),
    "metric": (lambda net, m: get_metric("Cosine"), "unknown metric 'Cosine': .*; did you mean 'cosine'"),
    "metric's kind": (lambda net, m: get_metric(7), "expected 'name' to be text but got 7"),
    "no array": (lambda net, m: m({"x": None}), "expected float32.* for input 'x' but got None"),
    "inputs in a list": (lambda net, m: m([feed()["x"]]), r"expected 'feed' to be inputs as .* but got \[ndarray\]"),
    # Recipes that are no files.
    "phase": (lambda net, m: mpq.compile_to(net, "m.mlir", to="Lower"), "'to' to be one of import, .*; did you mean 'lower'"),
    "what to emit": (lambda net, m: mpq.compile_to(net, "m.s", emit="ASM"), "'emit' to be one of .*did you mean 'asm'"),
    "first phase": (lambda net, m: mpq.compile_to(net, "m.s", from_=1), "'from_' to be one of import, .* but got 1"),
    "samples for a record": (lambda net, m: mpq.compile_to(net, "m.so", report="r.json", report_data=7),
                             "expected 'report_data' to be a folder of samples .* but got 7"),
    "from without an underscore": (lambda net, m: mpq.compile_to(net, "m.so", **{"from": "lower"}), "did you mean 'from_'"),
    "recipe's values": (lambda net, m: mpq.quantize(net, feeds(), recipe={"rules": {1}}),
                        "expected the recipe to hold text, .*: Object of type set"),
    "recipe's rule": (lambda net, m: mpq.quantize(net, feeds(), recipe={"rules": [{"opp": "conv",
                      "precision": "f32"}]}),
                      "^net: the recipe: unknown key 'opp' in rule 1; did you mean 'op'"),
    # Files that are for something else.
    "a compiled model": (lambda net, m: mpq.compile("m.so"), "got 'm.so': a compiled model is for mpq.load"),
    "another kind of file": (lambda net, m: mpq.compile("m.pt"),
                             "end with one of .onnx, .mlir, .mlirbc but got 'm.pt'"),
    "a model that is not compiled": (lambda net, m: mpq.load("m.onnx"), "got 'm.onnx': compile it first"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case, net, quantized):
    call, message = ERRORS[case]
    with pytest.raises(mpq.Error, match=message) as raised:
        call(net, mpq.compile(quantized))
    assert "\n" not in str(raised.value) and "/mpq-" not in str(raised.value)


REPORT_ERRORS = {
    "samples' kind": (lambda q: q.report("r.html", 7), "mpq.Quantized.report: expected 'data' to be .* but got 7"),
    "sample's kind": (lambda q: q.report("r.html", [7]), "sample 0: expected inputs as {name: array} but got 7"),
    "sample's name": (lambda q: q.report("r.html", [{"z": feed()["x"]}]), "no input 'z': its inputs are 'x'"),
    "sample's shape": (lambda q: q.report("r.html", [feed(), {"x": feed()["x"][0]}]),
                       "sample 1: expected float32 1x3x12x12"),
    "accuracy's kind": (lambda q: q.report("r.html", accuracy=("cosine", 0.9)),
                        "'name' and a number .* but got 'cosine'"),
    "accuracy alone": (lambda q: q.report("r.html", accuracy={"name": "cosine"}), r"expected accuracy as \[{'name'"),
    "accuracy's unit": (lambda q: q.report("r.html", accuracy=[{"name": "a", "value": 1, "unit": 7}]),
                        "to be text but got 7"),
    "accuracy's key": (lambda q: q.report("r.html", accuracy=[{"name": "a", "value": 1, "Unit": "%"}]), "mean 'unit'"),
    "accuracy's value": (lambda q: q.report("r.html", accuracy=[{"name": "a", "value": float("nan")}]),
                         "finite number but got nan"),
    "page": (lambda q: q.report("r.json"), "expected a file name that ends with .html but got 'r.json'"),
    "folder": (lambda q: q.report("none/r.html"), "cannot write 'none/r.html': the folder 'none' does not exist"),
    "name for ONNX": (lambda q: q.save("q.onnx"), "ends with .mlirbc but got 'q.onnx': Quantized.to_onnx writes ONNX"),
    "name for MLIR": (lambda q: q.to_onnx("q.mlirbc"), "expected a file name that ends with .onnx but got 'q.mlirbc'"),
}


@pytest.mark.parametrize("case", REPORT_ERRORS)
def test_errors_of_what_was_quantized(case, quantized, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, message = REPORT_ERRORS[case]
    with pytest.raises(mpq.Error, match=message) as raised:
        call(quantized)
    assert "/mpq-" not in str(raised.value) and not list(tmp_path.iterdir())


def test_a_report_replaces_reports_only(quantized, tmp_path):
    (tmp_path / "keep.json").write_text('{"mine": 1}')
    with pytest.raises(mpq.Error, match="keep.json', which holds something else: choose another name"):
        quantized.report(tmp_path / "keep.html")
    assert [path.name for path in tmp_path.iterdir()] == ["keep.json"]
    for _ in range(2):
        quantized.report(tmp_path / "r.html", runs=1)
    done = subprocess.run([sys.executable, "-m", "mpq.report", "r.json", "-o", "again.html"], cwd=tmp_path,
                          capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr and (tmp_path / "again.html").exists()
    for record in ("none.json", "keep.json", "r.html"):
        done = subprocess.run([sys.executable, "-m", "mpq.report", record, "-o", "new.html"], cwd=tmp_path,
                              capture_output=True, text=True)
        assert done.returncode and done.stderr.startswith("mpq.report: error: ") and done.stderr.count("\n") == 1


def test_the_model_must_still_be_there(net, tmp_path, monkeypatch):
    """A quantized model refers to its source when it is exported, from wherever, and to nothing else."""
    monkeypatch.chdir(tmp_path)
    path, recipe = tmp_path / "moved.onnx", tmp_path / "recipe.json"
    path.write_bytes(net.read_bytes())
    recipe.write_text('{"rules": [{"op": "matmul", "precision": "f32"}]}')
    q = mpq.quantize("moved.onnx", feeds(), recipe="recipe.json")
    recipe.unlink()
    monkeypatch.chdir("/")
    q.to_onnx(tmp_path / "q.onnx")
    path.write_bytes(net.read_bytes() + b" ")
    for call, place in ((q.to_onnx, "q.onnx"), (q.report, "r.html")):
        with pytest.raises(mpq.Error, match="moved.onnx' has changed since it was quantized: put it back or quantize anew"):
            call(tmp_path / place)
    path.unlink()
    with pytest.raises(mpq.Error, match="cannot read '.*moved.onnx', which was quantized: No such file.*: put it back"):
        q.to_onnx(tmp_path / "q.onnx")
    assert mpq.compile(q)(feed())


def test_error_names_the_node(tmp_path):
    graph = onnx.parser.parse_graph("net (float[2] x, float[3] z) => (float[] y) { y = Add(x, z) }")
    graph.node[0].name = "the_sum"
    onnx.save(onnx.helper.make_model(graph), tmp_path / "m.onnx")
    with pytest.raises(mpq.Error, match=r"y \(Add:the_sum\): shapes do not broadcast"):
        mpq.compile(tmp_path / "m.onnx")


def test_torch(tmp_path):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())
    q = mpq.quantize(module, feeds())
    with torch.no_grad():
        expected = module(torch.as_tensor(feed()["x"])).numpy()
    assert nearly(next(iter(mpq.compile(q)(feed()).values())), expected)


def test_exceptions_of_callbacks_end_the_work(net):
    def samples():
        yield feed()
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        mpq.quantize(net, samples())
    with pytest.raises(ZeroDivisionError):
        mpq.compile(net, progress=lambda *state: 1 / 0)


def test_interrupt_leaves_nothing(net, tmp_path):
    """Ctrl-C while samples run, when there are files in a folder of temporary ones."""
    temporary, old = tmp_path / "temporary", tmp_path / "q.mlirbc"
    temporary.mkdir()
    old.write_text("old")
    script = tmp_path / "endless.py"
    script.write_text("import itertools, sys, numpy as np, mpq\n"
                      "x = np.ones((1, 3, 12, 12), 'f')\n"
                      "p = lambda phase, s, done, total: print(done, flush=True)\n"
                      "q = mpq.quantize(sys.argv[1], itertools.repeat({'x': x}), progress=p)\n"
                      "q.save('q.mlirbc')\n")
    process = subprocess.Popen([sys.executable, script, net], cwd=tmp_path, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(temporary)})
    while process.stdout.readline().strip() != "5":
        pass
    assert list(temporary.iterdir())
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["endless.py", "q.mlirbc", "temporary"]
    assert old.read_text() == "old" and not list(temporary.iterdir())


def test_interrupt_of_a_write(quantized, tmp_path, monkeypatch):
    """Ctrl-C when all is written but not yet in its place."""
    monkeypatch.chdir(tmp_path)
    program = mpq.compile(quantized)

    def interrupt(*_):
        assert len(list(tmp_path.iterdir())) == 2  # the old file and the new one
        raise KeyboardInterrupt

    for save, name in ((quantized.save, "q.mlirbc"), (program.save, "m.so"), (quantized.profile.save, "p.json")):
        Path(name).write_text("old")
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(os, "replace", interrupt)
            save(name)
        assert [path.name for path in tmp_path.iterdir()] == [name] and Path(name).read_text() == "old"
        save(name)
        assert Path(name).read_bytes() != b"old"
        Path(name).unlink()


def test_interrupt_after_each_phase(net, tmp_path, monkeypatch):
    """The library is what it was until it is complete, and so is its header."""
    monkeypatch.chdir(tmp_path)
    phases = []
    mpq.compile_to(net, "m.so", progress=lambda phase, *_: phases.append(phase))
    complete = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert phases[-2:] == ["codegen", "emit"] and sorted(complete) == ["m.h", "m.so"]

    def interrupt(phase, *_):
        if phase == last:
            raise KeyboardInterrupt

    for last in phases:
        Path("m.h").unlink(missing_ok=True)
        Path("m.so").write_text("old")
        with pytest.raises(KeyboardInterrupt):
            mpq.compile_to(net, "m.so", progress=interrupt)
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert files == (complete if last == "emit" else {"m.so": b"old"}), last


def test_interrupt_of_a_compilation(net, tmp_path):
    process = subprocess.Popen([sys.executable, "-m", "mpq.cli", "compile", net, "-o", "m.so"], cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not process.stderr.readline().startswith("import"):
        pass
    process.send_signal(signal.SIGINT)
    assert "interrupted" in process.communicate(timeout=60)[1]
    assert process.returncode != 0 and not list(tmp_path.iterdir())


def test_import_is_quick():
    code = "import time; t = time.process_time(); import mpq; print(time.process_time() - t)"
    times = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
             for _ in range(3)]
    assert min(times) < 0.5, BUILD
