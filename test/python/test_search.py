"""Simulation of single products, their effects, and the search for precisions."""

import csv
import importlib
import json
import subprocess
import sys

import numpy as np
import pytest

import mpq
from mpq import latency, sensitivity
from mpq.choice import Choice, Option
from mpq_testing import small_net

search_module = importlib.import_module("mpq.search")  # mpq.search is the function


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_net.write(tmp_path_factory.mktemp("search"))


@pytest.fixture(scope="module")
def feeds():
    return small_net.feeds(6)


@pytest.fixture(scope="module")
def profile(model, feeds):
    return mpq.calibrate(model, feeds)


@pytest.fixture
def simulation(model, profile):
    return mpq.Simulation(model, profile)


def outputs(program, feeds):
    return [program(feed)["y"] for feed in feeds]


def test_products(simulation):
    conv, product = simulation.products
    assert (conv.id, conv.kind, conv.macs, conv.weights) == ("c", "conv", 12 * 12 * 16 * 27, 16 * 27)
    assert (product.id, product.kind, product.macs, product.weights) == ("y", "matmul", 160, 160)
    assert conv.precisions == product.precisions == ("f32", "int8", "int16", "int4", "int2")
    assert [info.name for info in simulation.inputs] == ["x"] and [info.name for info in simulation.outputs] == ["y"]


def test_float_is_the_float_model(simulation, model, feeds):
    expected = outputs(mpq.compile(model), feeds)
    assert np.array_equal(outputs(simulation, feeds), expected)
    simulation.set_precisions("int8")
    assert not np.array_equal(outputs(simulation, feeds), expected)
    simulation.set_precisions({})
    assert np.array_equal(outputs(simulation, feeds), expected)


@pytest.mark.parametrize("precisions", [{"c": "int8"}, {"y": "int8"}, {"c": "int8", "y": "int8"}, {"y": "int4"},
                                        {"c": "int8", "y": "int2"}, {"c": "int4"}, {"c": "int2", "y": "int8"}])
def test_rounds_like_the_compiled_model(simulation, model, profile, feeds, precisions):
    recipe = {"precision": "f32", "rules": [{"name": k, "precision": v} for k, v in precisions.items()]}
    ranges = profile if "int8" in precisions.values() or "c" in precisions else None  # c is a convolution
    expected = np.array(outputs(mpq.compile(model, profile=ranges, recipe=recipe), feeds))
    reference = np.array(outputs(mpq.compile(model), feeds))
    simulation.set_precisions(precisions)
    found = np.array(outputs(simulation, feeds))
    # What is left are roundings of biases and sums: far less than what the precision does.
    assert np.square(found - expected).sum() < 0.05 * np.square(expected - reference).sum()


def test_corrections_of_biases(model, profile, feeds, tmp_path):
    simulation = mpq.Simulation(model, profile, fit_data=feeds)
    assert np.array_equal(outputs(simulation, feeds), outputs(mpq.compile(model), feeds))
    simulation.set_precisions("int8")
    mpq.compile_to(model, tmp_path / "q.so", profile=profile, fit_data=feeds)
    expected = outputs(mpq.load(tmp_path / "q.so"), feeds)
    assert np.allclose(outputs(simulation, feeds), expected, atol=1e-5)
    plain = outputs(mpq.compile(model, profile=profile), feeds)
    assert not np.allclose(plain, expected, atol=1e-5)


def test_some_precisions(simulation, model, profile, feeds):
    """What nobody asks for is not fitted; the others stay the same."""
    some = mpq.Simulation(model, profile, precisions=["f32", "int4"])
    assert {product.precisions for product in some.products} == {("f32", "int8", "int4")}
    for each in (simulation, some):
        each.set_precisions({"c": "int4", "y": "int8"})
    assert np.array_equal(outputs(some, feeds), outputs(simulation, feeds))
    assert {p.precisions for p in mpq.Simulation(model, profile, precisions=[]).products} == {("f32", "int8")}
    with pytest.raises(mpq.Error, match=r"expected a precision of product 'c' \(f32, int8, int4\) but got 'int2'"):
        some.set_precisions({"c": "int2"})
    with pytest.raises(mpq.Error, match=r"expected a precision to simulate \(f32, int8, int16, int4, int2\) but got 'bf16'"):
        mpq.Simulation(model, profile, precisions=["bf16"])


def test_samples_at_once(simulation, feeds):
    simulation.set_precisions("int8")
    found = simulation.run(feed for feed in feeds * 8)
    assert np.array_equal([output["y"] for output in found], outputs(simulation, feeds) * 8)


def test_rounding_by_samples(model, profile, feeds, tmp_path):
    """Weights of every precision are those that the compiled model gets."""
    recipe = {"rounding": "gptq"}
    simulation = mpq.Simulation(model, profile, fit_data=feeds, recipe=recipe)
    reference = np.array(outputs(mpq.compile(model), feeds))
    for precision in ("int8", "int16", "int4", "int2"):
        rules = recipe | {"precision": "f32", "rules": [{"name": "c", "precision": precision}]}
        mpq.compile_to(model, tmp_path / "q.so", profile=profile, fit_data=feeds, recipe=rules)
        expected = np.array(outputs(mpq.load(tmp_path / "q.so"), feeds))
        simulation.set_precisions({"c": precision})
        found = np.array(outputs(simulation, feeds))
        assert np.square(found - expected).sum() < 0.05 * np.square(expected - reference).sum()


def test_effects(simulation, feeds):
    effects = sensitivity.measure(simulation, feeds, others=True)
    assert [(e.product.id, e.precision) for e in effects] == [
        (product, precision) for product in "cy" for precision in ("int8", "int16", "int4", "int2")]
    conv, product = effects[:4], effects[4:]
    for int8, int16, int4, int2 in (conv, product):
        assert 0 < int16.alone < int8.alone < int4.alone < int2.alone
        assert int4.others is None
    # Of two products, all but one is the other one.
    assert conv[0].others == product[0].alone and product[0].others == conv[0].alone


def test_loss_of_ones_own(simulation, feeds):
    seen = []

    def loss(rounded, references):
        seen.append((len(rounded), len(references)))
        return 1.0

    assert {e.alone for e in sensitivity.measure(simulation, feeds, loss, ["int8"])} == {1.0}
    assert seen == [(6, 6)] * 2


def test_integer_program():
    options = [[Option("f32", 0.0, 2.0, 320.0, 10), Option("int8", 0.1, 1.0, 80.0, 0)],
               [Option("f32", 0.0, 4.0, 320.0, 20), Option("int8", 0.3, 1.0, 80.0, 0)],
               [Option("f32", 0.0, 1.0, 320.0, 60), Option("int8", 0.0, 1.5, 80.0, 0)]]
    choice = Choice(options, 30, 100, float_macs=10)
    assert choice.range_of("latency") == (3.0, 7.5) and choice.range_of("bits") == (8.0, 32.0)
    assert choice.solve({}) == [0, 0, 0]  # of equal losses the faster one
    assert choice.solve({"latency": 6.0}) == [1, 0, 0]
    assert choice.solve({"latency": 5.0}) == [0, 1, 0] or choice.solve({"latency": 5.0}) == [0, 1, 1]
    assert choice.solve({"latency": 3.0}) == [1, 1, 0]
    assert choice.solve({"latency": 2.9}) is None
    assert choice.solve({"bits": 24.0}) == [0, 0, 1]
    assert choice.solve({"bits": 16.0, "loss": 0.2}) == [1, 0, 1]
    # A tenth is in float whatever is chosen.
    assert choice.range_of("float") == pytest.approx((0.1, 1.0))
    assert choice.solve({"float": 0.3}) == [1, 0, 1] and choice.solve({"float": 0.29}) == [0, 1, 1]
    assert choice.solve({"float": 0.09}) is None
    assert choice.cost_of([1, 0, 1], "float") == pytest.approx(0.3)
    untimed = Choice([[option._replace(milliseconds=0.0) for option in product] for product in options], 30, 100)
    assert untimed.solve({}) == [0, 0, 1]  # of equal losses the one with less in float


def test_rounds():
    """Each number is the least of all rounds, and items take turns."""
    seen = []

    def measure(item):
        seen.append(item)
        return [float(len(seen)), -float(len(seen))]

    assert latency.in_rounds(3, measure, "ab") == [[1, -5], [2, -6]]
    assert "".join(seen) == "ababab"


def test_least_times(model, feeds):
    program = mpq.compile(model)
    kernels = program.profile(feeds[0], runs=20)["kernels"]
    assert all(0 < kernel["least_milliseconds"] <= kernel["milliseconds"] for kernel in kernels)
    assert sum(kernel["least_milliseconds"] for kernel in kernels) <= latency.milliseconds(program, feeds[0])


def test_latencies_are_of_the_quietest_round(model, profile, feeds, monkeypatch):
    """A delay while a point is measured for the first time is not its latency."""
    measured = iter([1000.0] * 2)
    monkeypatch.setattr(search_module, "milliseconds", lambda program, feed: next(measured, 1.0))
    front = mpq.search(model, feeds, points=2, profile=profile)
    assert front.complete and [point.milliseconds for point in front.points] == [1.0, 1.0]


def test_search(model, profile, feeds, tmp_path):
    front = mpq.search(model, feeds, precisions=["f32", "int8", "int4", "int2"], over="bits", points=4, max_bits=9,
                       profile=profile, folder=tmp_path)
    assert front.complete and len(front.points) >= 2
    assert all(point.bits <= 9 for point in front.points)
    assert [point.loss for point in front.points] == sorted(point.loss for point in front.points)
    assert front.best == front.points[0]
    for point in front.points:
        recipe = json.loads((tmp_path / f"recipe-{front.points.index(point):02}.json").read_text())
        assert recipe == point.recipe()
        assert point.milliseconds > 0 and point.bytes > 0 and point.loss == pytest.approx(point.simulated_loss, rel=.5)
    rows = list(csv.DictReader((tmp_path / "front.csv").open()))
    assert [float(row["loss"]) for row in rows] == [point.loss for point in front.points]
    assert json.loads((tmp_path / "front.json").read_text())["limits"] == {"bits": 9}
    assert (tmp_path / "front.png").stat().st_size > 1000


def test_search_from_float_to_integers(model, profile, feeds):
    front = mpq.search(model, feeds, over="latency", points=2, profile=profile, measured=False)
    assert front.points[0].simulated_loss == 0 and front.points[0].precisions == {}
    assert all(point.loss is None for point in front.points)
    assert front.points[-1].predicted_milliseconds < front.points[0].predicted_milliseconds


def test_search_over_float(model, profile, feeds):
    front = mpq.search(model, feeds, over="float", points=3, max_float=0.5, profile=profile, measured=False)
    assert [point.float_share for point in front.points] == sorted((p.float_share for p in front.points), reverse=True)
    assert all(point.float_share <= 0.5 and point.predicted_milliseconds is None for point in front.points)
    assert front.best.precisions == {"c": "int8"} and front.points[-1].precisions == {"c": "int8", "y": "int8"}


def test_loss_in_steps(model, profile, feeds):
    """A loss that most products alone do not change still finds what it takes, and counts from the float model's."""
    errors = {}

    def steps(outputs, references):
        error = float(np.mean([np.square(o["y"] - r["y"]).sum() for o, r in zip(outputs, references)]))
        errors[error] = None
        return 0.25 + 0.5 * (error > limit)

    limit = np.inf
    mpq.search(model, feeds, over="float", points=2, profile=profile, measured=False, loss=steps)
    *_, both = sorted(errors)
    limit = 0.99 * both  # only both products together reach it
    front = mpq.search(model, feeds, over="float", points=3, max_float=0.5, profile=profile, measured=False, loss=steps)
    assert front.best.precisions == {"c": "int8"} and front.best.simulated_loss == 0.25
    assert front.best.predicted_loss == pytest.approx(0.25, abs=1e-5)
    assert front.points[-1].simulated_loss == 0.75


def test_precision_that_no_product_can_have():
    """Products of two activations have no weights of few bits."""
    from onnx import TensorProto, helper

    names = "a", "b", "y"
    a, b, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8, 8]) for name in names)
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["y"])], "products", [a, b], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    rng = np.random.default_rng(0)
    feeds = [{name: rng.standard_normal((1, 8, 8), np.float32) for name in names[:2]} for _ in range(3)]
    with pytest.warns(mpq.NoEffectWarning, match="precision int2 has no effect on the search: no product can have it"):
        mpq.search(model, feeds, precisions=["f32", "int8", "int2"], over="float", points=2, measured=False)
    with pytest.raises(mpq.Error, match="product 'y.*' can have none of the precisions int4, int2: expected some of f32, int8"):
        mpq.search(model, feeds, precisions=["int4", "int2"])


def test_sums_of_part_of_a_block():
    """Kernels of 4 bits sum whole blocks of 32 weights, so they have more multiply-accumulates than their product."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weights = numpy_helper.from_array(rng.standard_normal((120, 16)).astype(np.float32), "w")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [8, width]) for name, width in (("x", 120), ("y", 16)))
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "part", [x], [y], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    feeds = [{"x": rng.standard_normal((8, 120)).astype(np.float32)} for _ in range(3)]
    front = mpq.search(model, feeds, precisions=["f32", "int4", "int2"], over="bits", points=2)
    assert [list(point.precisions.values()) for point in front.points] == [[], ["int2"]]
    assert all(point.predicted_milliseconds > 0 for point in front.points)


def test_interrupted(model, profile, feeds, tmp_path):
    def progress(phase, seconds, done, total):
        if phase == "search" and done == 1:
            raise KeyboardInterrupt

    front = mpq.search(model, feeds, points=5, profile=profile, folder=tmp_path, measured=False, progress=progress)
    assert not front.complete and len(front.points) == 1
    assert not json.loads((tmp_path / "front.json").read_text())["complete"]


def test_out_of_time(model, profile, feeds):
    front = mpq.search(model, feeds, profile=profile, seconds=1e-6, measured=False)
    assert not front.complete and front.points == [] and front.best is None


@pytest.mark.parametrize("arguments, message", [
    ({"precisions": ["f32", "int9"]}, "unknown precision 'int9': expected some of f32, int16, int8, int4, int2: did you mean"),
    ({"precisions": ["int8"]}, "expected at least two precisions to choose from but got int8"),
    ({"over": "size"}, "expected 'over' to be \"latency\", \"bits\" or \"float\" but got 'size'"),
    ({"points": 1}, "expected 'points' to be a whole number from 2 on but got 1"),
    ({"rounding": "gtpq"}, "expected 'rounding' to be one of nearest, gptq, adaround but got 'gtpq'"),
    ({"max_loss": -1}, "expected 'max_loss' to be a number above 0 but got -1"),
    ({"max_float": 1.5}, r"expected 'max_float' to be a share above 0 and below 1 \(0.15: 15%\) but got 1.5"),
    ({"max_bytes": 9, "measured": False}, "max_bytes has no effect without measured=True"),
])
def test_invalid(model, profile, feeds, arguments, message):
    with pytest.raises(mpq.Error, match=message.split(": did")[0]):
        mpq.search(model, feeds, profile=profile, **arguments)


def test_invalid_simulation(simulation, model, profile, feeds):
    with pytest.raises(mpq.Error, match="there is no product 'cc' whose precision can be chosen"):
        simulation.set_precisions({"cc": "int8"})
    with pytest.raises(mpq.Error, match=r"expected a precision of product 'c' \(f32, int8, int16, int4, int2\) but got 'bf16'"):
        simulation.set_precisions({"c": "bf16"})
    with pytest.raises(mpq.Error, match=r"some product can have \(f32, int16, int2, int4, int8\) but got 'int9'; did you mean"):
        sensitivity.measure(simulation, feeds, precisions=["int9"])
    with pytest.raises(mpq.Error, match="input 'x' is missing"):
        simulation({})
    with pytest.raises(mpq.Error, match="there are none"):
        mpq.search(model, [], profile=profile)
    with pytest.raises(mpq.Error, match="expected products that can be computed in integers but there are none"):
        mpq.Simulation(model, profile, recipe={"precision": "int8", "rules": [{"regex": ".", "precision": "f32"}]})


def test_command(model, feeds, tmp_path):
    (tmp_path / "data" / "x").mkdir(parents=True)
    for number, feed in enumerate(feeds):
        np.save(tmp_path / "data" / "x" / f"{number}.npy", feed["x"])
    (tmp_path / "loss.py").write_text("def loss(outputs, references):\n    return len(outputs) / 100\n")

    def call(*arguments):
        return subprocess.run([sys.executable, "-m", "mpq.cli", "search", model, "--data", "data", "-o", "front", "--points",
                               "2", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300)

    done = call("--loss", "loss.py", "--json")
    assert done.returncode == 0, done.stderr
    assert {point["loss"] for point in json.loads(done.stdout)["points"]} == {0.06}
    assert (tmp_path / "front" / "front.csv").exists()
    assert "unknown precision 'int3'" in call("--precisions", "f32,int3").stderr
    assert "there is no such file" in call("--loss", "none.py").stderr
