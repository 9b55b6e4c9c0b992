"""The benchmark program on one tiny layer: that its numbers are of right results, and where they are written."""

import dataclasses
import errno
import json
import os
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from mpq_testing import metrics, tools
from mpq_testing.paths import ROOT

FOLDER = ROOT / "test" / "benchmark"
sys.path.insert(0, str(FOLDER))

from mpq_benchmark import cases, layers, low_bit, measure, peaks, report  # noqa: E402
from mpq_benchmark.contenders import Contender, LayerCase  # noqa: E402
from mpq_benchmark.turns import ContenderError, Setting, Timing, Worker  # noqa: E402

TINY = layers.MatMul("test tiny", shape=(5, 12, 7))


def bench(*arguments, fails=False):
    done = subprocess.run([sys.executable, FOLDER / "bench.py", *map(str, arguments)], capture_output=True, text=True,
                          timeout=300)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stderr if fails else done.stdout


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    path = tmp_path_factory.mktemp("benchmark") / "results.json"
    printed = bench("layers", "--filter", "37x200x75", "--threads", 1, "--rounds", 1, "--seconds", 0.01, "--json", path)
    return json.loads(path.read_text()), printed


def test_json_has_every_contender(results):
    content, printed = results
    assert (content["format"], content["version"]) == ("mpq-benchmark", 1)
    assert content["machine"]["processors"] > 0 and content["machine"]["versions"]["onnxruntime"]
    assert content["machine"]["compiler_built"] > "2020"
    assert content["peaks"]["1"]["integer_macs"] > content["peaks"]["1"]["float_macs"] > 1e8
    (group,) = content["groups"]
    assert {c["name"] for c in group["contenders"]} == {
        f"{engine} {precision}" for engine in ("mpq", "onnxruntime", "openvino") for precision in ("f32", "int8")}
    for contender in group["contenders"]:
        assert contender["error"] is None, contender
        timing = contender["timing"]
        assert 0 < timing["wall"]["best"] <= timing["wall"]["median"] and timing["cpu"]["median"] > 0
        assert timing["runs"] > 0 and contender["deviation"]
        if contender["name"].startswith("mpq"):
            made = contender["compilation"]
            assert made["macs"] == 37 * 200 * 75 and made["seconds"] > 0 and contender["kernels"]
            assert made["integer_share"] == (contender["name"] == "mpq int8")
    assert "37x200x75" in printed and "GMAC/s" in printed


def test_rows_are_computed_from_the_groups(results):
    content, _ = results
    medians = {c["name"]: c["timing"]["wall"]["median"] for c in content["groups"][0]["contenders"]}
    rows = {row["precision"]: row for row in content["rows"]}
    assert rows["int8"]["macs"] == 37 * 200 * 75 and rows["int8"]["bytes"] == 37 * 200 + 200 * 75 + 37 * 75
    best = min((name for name in medians if not name.startswith("mpq")), key=medians.get)
    assert rows["int8"]["best_peer"] == best
    assert rows["int8"]["ratio"] == pytest.approx(medians[best] / medians["mpq int8"])
    assert rows["f32"]["best_peer"].endswith("f32")
    (peaks,) = content["groups"][0]["peaks"]
    bound = 37 * 200 * 75 / peaks["float_macs"]
    assert rows["f32"]["share_of_bound"] == pytest.approx(bound / medians["mpq f32"])


def test_plot(tmp_path):
    bench("layers", "--filter", "37x200x75", "--threads", 1, "--rounds", 1, "--seconds", 0, "--engine", "mpq",
          "--plot", tmp_path / "p.svg")
    assert "37x200x75" in (tmp_path / "p.svg").read_text()


def test_unknown_case_names_the_known_ones():
    assert "expected one of mm 1024x1024x1024" in bench("layers", "--filter", "nothing", fails=True)
    assert "no chosen case has the precision int4" in bench("layers", "--precision", "int4", fails=True)
    assert "there is no folder" in bench("layers", "--json", "nowhere/results.json", fails=True)


@pytest.mark.parametrize("layer", [
    TINY,
    layers.BatchMatMul("test batch", shape=(2, 3, 8, 5)),
    layers.Conv("test conv", channels=(6, 4), size=(7, 5), kernel=3, stride=(2, 1), dilation=1, groups=2),
    layers.Conv("test dilated", channels=(3, 5), size=(9, 8), kernel=3, dilation=2),
    layers.Conv("test deconv", channels=(3, 4), size=(4, 5), kernel=2, stride=(2, 2), transposed=True),
], ids=lambda layer: layer.name)
@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_answers_agree_with_onnx(layer, precision):
    """The answers that judge all contenders, against ONNX's own reference."""
    from onnx.reference import ReferenceEvaluator

    graph = layer.graph(precision)
    graph.model.opset_import[0].version = 21  # the reference has quantization since 19; it means the same
    (got,) = ReferenceEvaluator(graph.model).run(None, graph.feed)
    assert got.dtype == graph.answer.dtype and got.shape == graph.answer.shape
    if precision == "f32":
        np.testing.assert_allclose(got, graph.answer, rtol=1e-4, atol=1e-5)
    else:
        assert np.abs(got.astype(int) - graph.answer).max() <= 1


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_weights_of_four_bits(engine, tmp_path):
    """Both engines read the packed weights as the answer does; copies are computed in turn."""
    case, contender = LayerCase(low_bit.WeightOnlyMatMul("test w4", shape=(2, 64, 9))), Contender(engine, "int4")
    path = case.prepare(contender).path
    worker = Worker(engine, path, case.feed("int4"), Setting(copies=3, seconds=0))
    assert case.check(contender, worker.results)["relative_error"] < 0.02
    worker.turn()
    worker.close()
    assert Timing.of(worker.turns).runs == 3


def test_copies_exceed_the_last_cache():
    for layer in low_bit.LAYERS:
        assert layer.copies * layer.weight_bytes >= 2 * low_bit.last_level_cache()


def test_wrong_results_are_not_timed():
    """A contender that computes something else has no times and is no best peer."""

    class Falsified(LayerCase):
        def check(self, contender, results):
            wrong = contender.engine == "onnxruntime"
            return super().check(contender, [results[0] + np.uint8(3)] if wrong else results)

    contenders = [Contender(engine, "int8") for engine in ("mpq", "onnxruntime", "openvino")]
    with closing(peaks.Yardstick(1)) as yardstick:
        (group,) = measure.measure(Falsified(TINY), contenders, [Setting(rounds=2, seconds=0)], {1: yardstick})
    (row,) = measure.rows(group)
    assert row.best_peer == "openvino int8"
    assert "100.00% of the results differ" in group.outcomes[1].error and group.outcomes[1].timing is None


def test_a_worker_that_ends_says_why(tmp_path):
    case = LayerCase(TINY)
    feed = case.feed("int8")
    (tmp_path / "no.onnx").write_text("nothing")
    with pytest.raises(ContenderError, match="no.onnx"):
        Worker("onnxruntime", tmp_path / "no.onnx", feed, Setting())


def test_workers_can_renounce_amx():
    """The kernel refuses the tile registers, and the answer is right all the same."""
    code = ("import ctypes, worker; worker.renounce_amx(); libc = ctypes.CDLL(None, use_errno=True); "
            "print(libc.syscall(158, 0x1023, 18), ctypes.get_errno())")  # arch_prctl(ARCH_REQ_XCOMP_PERM, tile data)
    done = subprocess.run([sys.executable, "-c", code], cwd=FOLDER / "mpq_benchmark", capture_output=True, text=True)
    assert done.stdout.split() == ["-1", str(errno.EPERM)], done.stderr
    case, contender = LayerCase(TINY), Contender("onnxruntime", "int8")
    worker = Worker("onnxruntime", case.prepare(contender).path, case.feed("int8"), Setting(amx=False))
    case.check(contender, worker.results)
    worker.close()


def test_code_with_tile_registers_says_that_it_may_not_use_them():
    """Or that the machine has none; without them the target `host` does not ask for any."""
    case, contender = LayerCase(TINY), Contender("mpq", "int8")
    source = case.prepare(contender).path.with_suffix(".onnx")
    path = source.with_name("tile-registers.so")
    tools.compile_file(source, path, "--target", "x86-amx")
    with pytest.raises(ContenderError, match="system that permits tile registers|lacks .*amx"):
        Worker("mpq", path, case.feed("int8"), Setting(amx=False))
    code = ("from pathlib import Path; from mpq_benchmark.worker import renounce_amx; from mpq_testing import tools; "
            f"renounce_amx(); tools.compile_file(Path({str(source)!r}), Path({str(path)!r}))")
    paths = os.pathsep.join((str(FOLDER), str(ROOT / "test" / "python")))
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": paths})
    worker = Worker("mpq", path, case.feed("int8"), Setting(amx=False))
    case.check(contender, worker.results)
    worker.close()


def test_goals():
    goal = layers.Goal(ratio=1.1, share=0.9)
    assert goal.met(1.2, 0.1) and goal.met(0.5, 0.95) and goal.met(0.5, 0.5) is False
    assert goal.met(None, None) is None and layers.Goal().met(2, 1) is None
    names = [layer.name for layer in cases.LAYERS]
    assert len(set(names)) == len(names) and cases.GAINS[0].of[0] in names


def test_gains_need_both_rows(results):
    """Two threads over one: from two rows, nothing from one."""
    content, _ = results
    known = {field.name for field in dataclasses.fields(measure.Row)}
    row = measure.Row(**{name: content["rows"][0][name] for name in known})
    first, second = (dataclasses.replace(row, case="resnet50", precision="int8", threads=n, turns=turns)
                     for n, turns in ((1, [1.0, 9.0, 2.0]), (2, [0.7, 6.0, 1.5])))
    (gain,) = report.gains([first, second])
    assert gain["gain"] == pytest.approx(1 / 0.7) and gain["met"] is False
    assert report.gains([second]) == []


def test_timing_takes_all_turns():
    turns = [{"best": 1.0, "count": 2, "cpu": 1.5, "times": [1.0, 3.0]},
             {"best": 2.0, "count": 3, "cpu": 2.5, "times": [2.0, 4.0, 6.0]}]
    timing = Timing.of(turns)
    assert (timing.wall.best, timing.wall.median, timing.runs) == (1.0, 3.0, 5)
    assert timing.wall.spread == pytest.approx(1 / 3) and timing.wall.turns == [2.0, 4.0]
    assert (timing.by("cpu").best, timing.by("cpu").median) == (1.5, 2.0)


def test_processor_time_is_of_one_thread():
    assert "expected --threads 1" in bench("layers", "--filter", "37x200x75", "--clock", "cpu", fails=True)


def test_scores_of_texts():
    assert metrics.text_scores(["a bc", "xyz", ""], ["abc", "xz", "ab"]) == {"lines read": 1 / 3, "CER": 3 / 7}


def test_scores_of_embeddings():
    rows = np.random.default_rng(0).standard_normal((20, 8))
    assert metrics.embedding_scores(3 * rows, rows) == pytest.approx(
        {"cosine": 1, "Spearman": 1, "same neighbour": 1})
    other = metrics.embedding_scores(np.random.default_rng(1).standard_normal((20, 8)), rows)
    assert abs(other["cosine"]) < 0.5 and abs(other["Spearman"]) < 0.5 and other["same neighbour"] < 0.5
