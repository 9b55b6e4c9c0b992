"""Which tensors a quantized model loses its accuracy in, and what wins it back."""

import json
import random
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import mpq
from mpq import sensitivity
from mpq.analysis import Tensor, find_twins
from mpq.divergence import Variants, compare
from mpq.rounding import Histogram, value_errors, weight_errors
from mpq.simulation import Value
from mpq_testing import data, metrics, models, small_net, tools
from mpq_testing import onnxruntime_peer as peer

LINES = {"x": [1, 3, 48, 320]}
TUNED_ON, JUDGED_ON = 50000, data.EVALUATION  # seeds of lines


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_net.write(tmp_path_factory.mktemp("analysis"))


@pytest.fixture(scope="module")
def feeds():
    return small_net.feeds(8)


def quantize_with_onnxruntime(source, path, feeds, **options):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        feeds = iter(())

        def get_next(self):
            return next(self.feeds, None)

    reader = Reader()
    reader.feeds = iter(feeds)
    quantize_static(str(source), str(path), reader, quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8, **options)
    return path


@pytest.fixture(scope="module")
def unequal(model, feeds, tmp_path_factory):
    """A model in which one channel of the convolution has huge weights, though its result is always 0, and what ONNX
    Runtime makes of it with one scale for all weights of a tensor."""
    folder = tmp_path_factory.mktemp("unequal")
    graph = onnx.load(model)
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor).copy()
        if tensor.name == "w":
            values[0] *= 3000
        if tensor.name == "b":
            values[:] = 0  # rounded to multiples of the weights' scale, the others would be lost, too
            values[0] = -1e6
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(graph, folder / "float.onnx")
    return folder / "float.onnx", quantize_with_onnxruntime(folder / "float.onnx", folder / "q.onnx", feeds)


# Single tensors


def histogram_of(values, width=2.0 ** -6):
    first, last = (int(np.floor(f(values) / width)) for f in (np.min, np.max))
    bins = np.bincount((np.floor(values / width) - first).astype(int), minlength=last - first + 1)
    return Histogram({"exponent": int(np.log2(width)), "first": first, "bins": bins.tolist(), "min": float(values.min()),
                      "max": float(values.max())})


def test_errors_of_values():
    values = np.random.default_rng(0).normal(0, 1, 200000)
    histogram = histogram_of(values)
    wide = value_errors(Value("v", 10 / 255, 128, 0, 255, True), histogram)
    assert wide.clipped_share < 0.001 and wide.clipping_noise < 0.01 * wide.rounding_noise
    exact = np.square(values - np.clip(np.rint(values / (10 / 255)), -128, 127) * 10 / 255).mean()
    assert wide.sqnr_db == pytest.approx(10 * np.log10(np.square(values).mean() / exact), abs=0.1)
    narrow = value_errors(Value("v", 2 / 255, 128, 0, 255, True), histogram)
    assert narrow.clipped_share == pytest.approx(0.317, abs=0.02)
    assert narrow.clipping_noise > 100 * narrow.rounding_noise
    assert narrow.steps > 255 > wide.steps
    values[0] = 100
    assert value_errors(Value("v", 1, 128, 0, 255, True), histogram_of(values)).outlier_share > 0.9
    assert wide.outlier_share < 0.5
    assert value_errors(Value("v", 1e-39, 0, 0, 255, True), None).is_degenerate


def test_errors_of_weights(unequal):
    simulation = mpq.Simulation(unequal[1], original=unequal[0])
    conv = next(product for product in simulation.products if product.kind == "conv")
    errors = weight_errors(simulation, conv)
    assert errors.scales == 1 and errors.channels == 16 and errors.channel_ratio > 1000
    assert errors.zero_channels == 15  # a step is larger than all weights of the others
    assert errors.worst_channel_db <= 0.01 and errors.per_channel_db > 30
    original, rounded, scales = simulation.read_weights(conv)
    graph = onnx.load(unequal[0]).graph
    expected = next(numpy_helper.to_array(t) for t in graph.initializer if t.dims == [16, 3, 3, 3])
    assert np.array_equal(np.sort(original.ravel()), np.sort(expected.ravel()))
    assert np.abs(rounded - original).max() <= scales.max() * 0.501


# Simulations of models that came with their integers


def test_simulates_imported_numbers(unequal, feeds):
    """All tensors rounded is the quantized model, none is the float one."""
    source, quantized = unequal
    simulation = mpq.Simulation(quantized, original=source)
    assert all(product.has_original_weights for product in simulation.products)
    names = [product.id for product in simulation.products], [value.id for value in simulation.values]
    expected, reference = mpq.compile(quantized), mpq.compile(source)
    simulation.set_tensors(*names)
    for feed in feeds:
        loss = np.square(expected(feed)["y"] - reference(feed)["y"]).sum()
        assert np.square(simulation(feed)["y"] - expected(feed)["y"]).sum() < 0.05 * loss
    simulation.limits = {"r": (0, np.inf)}  # ONNX Runtime leaves the Relu to the integers' limits
    simulation.set_tensors([], [])
    for feed in feeds:
        assert np.allclose(simulation(feed)["y"], reference(feed)["y"], rtol=0.01, atol=0.01 * np.abs(reference(feed)["y"]).max())
    with pytest.raises(mpq.Error, match="there is no rounded value 'z'"):
        simulation.set_tensors([], ["z"])


def test_values_alone(model, feeds):
    simulation = mpq.Simulation(model, mpq.calibrate(model, feeds))
    plain = simulation(feeds[0])["y"]
    simulation.set_tensors([], ["x"])
    rounded = simulation(feeds[0])["y"]
    assert not np.array_equal(plain, rounded)
    scale = next(value.scale for value in simulation.values if value.id == "x")
    steps = feeds[0]["x"] / scale
    assert np.array_equal(simulation({"x": (np.rint(steps) * scale).astype("f")})["y"], rounded)
    simulation.set_precisions("f32")
    assert np.array_equal(simulation(feeds[0])["y"], plain)


# The analysis


def test_names_the_weights_and_wins_back(unequal, feeds, tmp_path):
    source, quantized = unequal
    analysis = mpq.analyze(source, feeds, quantized=quantized, folder=tmp_path / "out")
    first = analysis.responsible[0]
    assert (first.kind, first.node) == ("weights", "conv") and first is analysis.tensors[0]
    assert "one scale for 16 channels" in first.describe()
    assert analysis.responsible_loss <= 0.05 * analysis.loss + analysis.rest_loss
    assert analysis.proposal.restored >= 0.95 and analysis.proposal is analysis.remedies[-1]
    assert analysis.divergence.first == first.name
    document = json.loads((tmp_path / "out" / "analysis.json").read_text())
    assert (document["format"], document["version"]) == ("mpq-analysis", 1)
    assert document["samples"] == {"calibration": 6, "effects": 6, "judging": 2}
    assert document["tensors"][0]["errors"]["zero_channels"] == 15
    assert document["sentences"] == analysis.sentences()
    recipe = json.loads((tmp_path / "out" / "recipe.json").read_text())
    assert recipe == analysis.recipe
    mpq.quantize(source, profile=tmp_path / "out" / "profile.json", recipe=recipe)


def test_of_a_recipe(model, feeds):
    analysis = mpq.analyze(model, feeds, recipe={"method": "percentile", "percentile": 60}, restore=0.5)
    assert {tensor.kind for tensor in analysis.tensors} == {"weights", "activation"}
    first = analysis.tensors[0]
    assert first.kind == "activation" and first.errors.clipped_share > 0.2 and "are clipped" in first.describe()
    assert analysis.proposal.restored > 0.5 and analysis.recipe["method"] == "minmax"


def test_products_in_float_are_the_last_resort(model, feeds):
    analysis = mpq.analyze(model, feeds, restore=0.999, compare=None)
    in_float = [bool(remedy.float_products) for remedy in analysis.remedies]
    assert in_float == sorted(in_float) and any(in_float)
    assert analysis.divergence is None


def test_multiples_of_a_value_are_one():
    def tensor(name, alone, kind="activation"):
        return Tensor(name, kind, None, None, alone=alone)

    found = find_twins([tensor("z", 0.01), tensor("x", 0.1), tensor("w", 0.1, "weights"), tensor("v", 0.01),
                        tensor("y", 0.2), tensor("x / 6", 0.1000001)], nothing=0.01)
    assert [[tensor.name for tensor in group] for group in found] == [["y"], ["x / 6", "x"], ["w"], ["z"], ["v"]]


def test_own_metric(model, feeds):
    seen = []

    def metric(outputs, references, inputs):
        seen.append(len(inputs))
        return float(np.mean([np.abs(o["y"] - r["y"]).max() < 1e-6 for o, r in zip(outputs, references)]))

    analysis = mpq.analyze(model, feeds[:4], held_out=feeds[4:], metric=metric, compare=None)
    assert set(seen) == {4} and analysis.float_score == 1 and analysis.quantized_score < 1
    assert analysis.metric == "metric"


def test_what_is_no_worse_lost_nothing(model, feeds):
    def metric(outputs, references, inputs):
        """Best where a little noise is."""
        return -abs(sensitivity.noise(outputs, references) - 1e-3)

    analysis = mpq.analyze(model, feeds[:4], held_out=feeds[4:], metric=metric, compare=None)
    assert analysis.quantized_score > analysis.float_score
    assert analysis.proposal is None and not analysis.remedies
    assert "nothing was lost: there is nothing to win back" in analysis.sentences()


@pytest.mark.parametrize("pair", [("float-mpq", "float-onnxruntime"), ("quantized-mpq", "quantized-onnxruntime")])
def test_engines_agree(model, unequal, feeds, pair):
    for source, quantized in ((model, None), unequal):
        variants = Variants(source, quantized, mpq.calibrate(source, feeds), {}, None)
        found = compare(variants, pair, feeds, 30)
        assert found.first is None and found.table
        assert [row.tensor for row in found.table] == [name for name in variants.tensors]


@pytest.mark.parametrize("arguments, message", [
    ({"recipe": {}, "quantized": "q.onnx"}, "recipe and method have no effect on it"),
    ({"method": "minmx"}, "expected 'method' to be one of .* but got 'minmx'; did you mean 'minmax'"),
    ({"compare": ("float-mpq", "float-tpq")}, "unknown variant 'float-tpq': expected one of float-mpq.*did you mean"),
    ({"compare": ("float-mpq",)}, "expected 'compare' to be two names of variants"),
    ({"metric": "cosin"}, "unknown metric 'cosin'.*did you mean 'cosine'"),
    ({"metric": "sqnr"}, "expected a metric that is finite for the float model itself but got inf"),
    ({"restore": 1.5}, "expected 'restore' to be a part from 0 to 1 but got 1.5"),
    ({"held_out": []}, "expected samples to judge with but held_out has none"),
    ({"recipe": {"presicion": "int8"}}, "presicion"),
    ({"nothing": 1}, "mpq.analyze has no argument 'nothing'"),
])
def test_invalid(model, feeds, arguments, message):
    with pytest.raises(mpq.Error, match=message):
        mpq.analyze(model, feeds, **arguments)


def test_invalid_data(model, feeds):
    with pytest.raises(mpq.Error, match="expected samples to analyze with but there are none"):
        mpq.analyze(model, [])
    with pytest.raises(mpq.Error, match="expected at least two samples"):
        mpq.analyze(model, feeds[:1])


def test_models_that_do_not_belong_together(model, unequal, feeds, tmp_path):
    with pytest.raises(mpq.Error, match="expected a quantized model in QDQ form but none of its products"):
        mpq.analyze(model, feeds, quantized=model)
    with pytest.raises(mpq.Error, match="does not belong to the float model: the weights of . of its 2 products"):
        graph = onnx.load(model)
        for tensor in graph.graph.initializer:
            if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) > 1:
                noise = np.random.default_rng(1).standard_normal(tensor.dims).astype("f")
                tensor.CopyFrom(numpy_helper.from_array(noise, tensor.name))
        onnx.save(graph, tmp_path / "other.onnx")
        quantized = quantize_with_onnxruntime(tmp_path / "other.onnx", tmp_path / "q.onnx", feeds)
        mpq.analyze(model, feeds, quantized=quantized)
    graph = onnx.load(model)
    graph.graph.output[0].name = graph.graph.node[-1].output[0] = "z"
    with pytest.raises(mpq.Error, match="does not belong to the float model: its outputs are .*'y'.* instead of .*'z'"):
        mpq.analyze(graph, feeds, quantized=unequal[1])


def test_command(unequal, feeds, tmp_path):
    for number, feed in enumerate(feeds):
        (tmp_path / "data" / "x").mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "data" / "x" / f"{number}.npy", feed["x"])

    def call(*arguments):
        return subprocess.run([sys.executable, "-m", "mpq.cli", "analyze", unequal[0], "--data", "data", "--quiet",
                               *map(str, arguments)], cwd=tmp_path, capture_output=True, text=True, timeout=300)

    done = call("--quantized", unequal[1], "-o", "out")
    assert done.returncode == 0, done.stderr
    assert "1 of " in done.stderr and "proposal: " in done.stderr and "mpq quantize" in done.stderr
    assert (tmp_path / "out" / "recipe.json").exists()
    command = done.stderr[done.stderr.index("mpq quantize"):].split()
    again = subprocess.run([sys.executable, "-m", "mpq.cli", *command[1:]], cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 0 and (tmp_path / "quantized.mlirbc").exists(), again.stderr
    found = json.loads(call("--quantized", unequal[1], "--compare", "none", "--json").stdout)
    assert found["divergence"] is None and found["proposal"]["restored"] > 0.9
    assert "unknown variant 'x'" in call("--compare", "x,float-mpq").stderr
    assert call("--quantized", "none.onnx").stderr.count("\n") == 1


# The recognizer that ONNX Runtime's defaults break


def lines(first, count):
    return [{"x": data.text_line(first + index)[0]} for index in range(count)]


def reading(run, seeds):
    alphabet = metrics.recognizer_alphabet()
    right = 0
    for seed in seeds:
        x, text = data.text_line(seed)
        right += metrics.ctc_decode(run({"x": x})[0], alphabet).replace(" ", "") == text.replace(" ", "")
    return right / len(seeds)


def in_float(quantized, original, tensors, path):
    """ONNX Runtime's file with these tensors not rounded: independent of how the analysis found them."""
    graph, before = onnx.load(quantized), onnx.load(original)
    # Where their results are quantized, the integers' limits replace these functions.
    limited = {node.output[0]: node for node in before.graph.node if node.op_type in ("Relu", "Clip")}
    nodes = {name: node for node in graph.graph.node for name in node.output}
    values = {name for kind, name in tensors if kind == "activation"}
    weights = {nodes[name].input[1] for kind, name in tensors if kind == "weights"}
    renamed, added = {}, []
    for node in graph.graph.node:
        source = nodes.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if source is None or source.op_type != "QuantizeLinear":
            continue
        value, result = source.input[0], node.output[0]
        if value in values or result in weights:
            renamed[result] = value
        if value in values and value in limited and nodes[value].op_type != limited[value].op_type:
            renamed[result] = f"{value}_limited"
            function = onnx.NodeProto()
            function.CopyFrom(limited[value])
            function.input[0], function.output[0] = value, renamed[result]
            added.append(function)
    for node in graph.graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = renamed.get(name, name)
    for node in added:
        place = next(i for i, other in enumerate(graph.graph.node) if node.input[0] in other.output)
        graph.graph.node.insert(place + 1, node)
    onnx.save(graph, path)
    return path


def test_recognizer(tmp_path):
    model = models.RECOGNIZER
    quantized = peer.quantized_by_default(model)
    seeds = range(TUNED_ON + 1000, TUNED_ON + 1100)
    alphabet = metrics.recognizer_alphabet()
    texts = [data.text_line(seed)[1].replace(" ", "") for seed in seeds]

    def right(outputs, references, inputs):
        read = (metrics.ctc_decode(next(iter(output.values())), alphabet).replace(" ", "") for output in outputs)
        return float(np.mean([a == b for a, b in zip(read, texts)]))

    profile, fitted = tools.calibrate(model), lines(TUNED_ON, 48)
    analysis = mpq.analyze(model.path, fitted, profile=profile, held_out=lines(seeds[0], len(seeds)), quantized=quantized,
                           shape=LINES, metric=right, judged=4, compare=None, folder=tmp_path)
    assert analysis.quantized_score < analysis.float_score - 0.2  # it does collapse
    assert analysis.proposal.restored >= 0.95
    assert 0 < len(analysis.responsible) < len(analysis.tensors) / 4

    judging = range(JUDGED_ON, JUDGED_ON + 100)
    lost, best = reading(peer.runner(quantized), judging), reading(peer.runner(model.path), judging)
    # What is named is really to blame: without rounding it, ONNX Runtime reads again, some lines as there are hundreds of
    # others; without as many of these it does not.
    named = [tensor.key for tensor in analysis.responsible]
    others = [tensor.key for tensor in analysis.tensors if tensor.key not in named and tensor.kind == "activation"]
    blamed, spared = (
        reading(peer.runner(in_float(quantized, model.path, chosen, tmp_path / "ablated.onnx")), judging)
        for chosen in (named, random.Random(1).sample(others, len(named))))
    assert blamed >= lost + 0.1 * (best - lost) and blamed > spared + 0.05
    # And the proposal holds on lines that nobody has seen.
    mpq.compile_to(model.path, tmp_path / "m.so", profile=profile, shape=LINES, recipe=analysis.recipe, precision="int8",
                   fit_data=fitted if analysis.proposal.correct_bias else None)
    program = mpq.load(tmp_path / "m.so")
    assert reading(lambda feed: list(program(feed).values()), judging) >= lost + 0.95 * (best - lost)
