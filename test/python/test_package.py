"""The Python package: every way in and out, and what goes wrong."""

import json
import signal
import subprocess
import sys
import threading

import numpy as np
import onnx
import pytest

import mpq
from mpq_testing import models, tools
from mpq_testing.paths import BUILD, RECIPES, ROOT

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
    q = mpq.quantize(model.path, (model.calibration_feed(i) for i in range(count)),
                     recipe=RECIPES / "ppocr-rec.json", shape=model.shape)
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
    quantized.report(tmp_path / "r.html", accuracy=[{"name": "cosine", "value": 0.99, "reference": 1.0}])
    record = json.loads((tmp_path / "r.json").read_text())
    assert any(value.get("error", {}).get("sqnr_db") for value in record["values"])
    assert record["accuracy"][0]["value"] == 0.99
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


def test_out_that_cannot_be_written(quantized):
    m = mpq.compile(quantized)
    for out, message in (({"y": np.empty((1, 20), np.float32)[:, ::2]}, "expected a writable dense float32"),
                         ({"Y": np.empty((1, 10), np.float32)}, "the model has no output 'Y'")):
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
    "model": (lambda net, m: mpq.compile(7), "expected a model as a path.* but got int"),
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
    "no sample": (lambda net, m: mpq.quantize(net, [feed(), None]), "expected inputs as {name: array} but got NoneType"),
    "neither data nor profile": (lambda net, m: mpq.quantize(net), "expected either calibration data or a profile"),
    "threads": (lambda net, m: mpq.compile(net, threads=-1), "expected threads to be a number"),
    "too many threads": (lambda net, m: mpq.compile(net, threads=5000), "expected at most 1024 threads but got 5000"),
    "library": (lambda net, m: mpq.load("none.so"), "none.so"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case, net, quantized):
    call, message = ERRORS[case]
    with pytest.raises(mpq.Error, match=message):
        call(net, mpq.compile(quantized))


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
    """Ctrl-C while samples run."""
    script = tmp_path / "endless.py"
    script.write_text("import itertools, sys, numpy as np, mpq\n"
                      "x = np.ones((1, 3, 12, 12), 'f')\n"
                      "p = lambda phase, s, done, total: print(done, flush=True)\n"
                      "q = mpq.quantize(sys.argv[1], itertools.repeat({'x': x}), progress=p)\n"
                      "q.save('q.mlirbc')\n")
    process = subprocess.Popen([sys.executable, script, net], cwd=tmp_path, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    while process.stdout.readline().strip() != "5":
        pass
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["endless.py"]


def test_interrupt_of_a_compilation(net, tmp_path):
    process = subprocess.Popen([sys.executable, "-m", "mpq.cli", "compile", net, "-o", "m.so"], cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not process.stderr.readline().startswith("import"):
        pass
    process.send_signal(signal.SIGINT)
    assert "interrupted" in process.communicate(timeout=60)[1]
    assert process.returncode != 0 and not list(tmp_path.iterdir())


def test_import_is_quick():
    code = "import time; t = time.perf_counter(); import mpq; print(time.perf_counter() - t)"
    times = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
             for _ in range(3)]
    assert min(times) < 0.5, BUILD
