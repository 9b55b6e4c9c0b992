"""The share of the multiply-accumulates that stays in float, and the choice of the products."""

import json
import subprocess
import sys

import numpy as np
import pytest

import mpq
from mpq import floats
from mpq_testing import small_net

CONV, PRODUCT = 12 * 12 * 16 * 27, 160  # multiply-accumulates
KEEPS_PRODUCT = {"rules": [{"name": "y", "precision": "f32"}]}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_net.write(tmp_path_factory.mktemp("floats"))


@pytest.fixture(scope="module")
def feeds():
    return small_net.feeds(6)


def precisions(quantized):
    return {operation["id"]: operation["precision"] for operation in quantized.record["operations"] if operation["macs"]}


def test_keeps_what_fits(model, feeds):
    small = mpq.quantize(model, feeds, max_float=0.01)
    assert small.recipe == KEEPS_PRODUCT and precisions(small) == {"c": "int8", "y": "f32"}
    assert mpq.quantize(model, feeds, max_float=1e-6).recipe == {"rules": []}
    share = CONV / (CONV + PRODUCT)
    assert precisions(mpq.quantize(model, feeds, max_float=share + 1e-6)) == {"c": "f32", "y": "int8"}
    by_recipe = mpq.quantize(model, feeds, recipe=KEEPS_PRODUCT)
    assert np.array_equal(mpq.compile(small)(feeds[0])["y"], mpq.compile(by_recipe)(feeds[0])["y"])


@pytest.mark.parametrize("settings", [{"correct_bias": False}, {"recipe": {"rules": [{"op": "conv", "precision": "int8"}]}},
                                      {"method": "mse"}])
def test_goes_with_other_settings(model, feeds, settings):
    quantized = mpq.quantize(model, iter(feeds), max_float=0.01, **settings)
    rules = settings.get("recipe", {}).get("rules", [])
    assert quantized.recipe == {"rules": rules + KEEPS_PRODUCT["rules"]}


def test_counts_what_the_recipe_keeps(model, feeds, tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(KEEPS_PRODUCT))
    with pytest.raises(mpq.Error, match=r"expected max_float to be at least 0.002565, the share of the multiply-accumulates "
                                        r"that .* but got 0.001"):
        mpq.quantize(model, feeds, recipe=path, max_float=0.001)
    assert mpq.quantize(model, feeds, recipe=path, max_float=0.01).recipe == KEEPS_PRODUCT


def test_large_models_take_few_samples():
    samples = list(range(100))
    assert floats._spread(samples, 10**9) == samples and floats._spread(samples[:5], 10**15) == samples[:5]
    assert floats._spread(samples, 6 * 10**10) == list(range(0, 100, 4))
    assert len(floats._spread(samples, 10**15)) == floats.LEAST_SAMPLES


def test_own_loss_decides(model, feeds):
    """One that likes large errors better than small ones keeps the product where the error keeps the convolution."""
    seen = []

    def loss(outputs, references):
        seen.append(len(outputs))
        error = sum(np.square(o["y"] - r["y"]).sum() for o, r in zip(outputs, references))
        return 0.0 if error == 0 else 1 / error

    share = CONV / (CONV + PRODUCT) + 1e-6
    assert precisions(mpq.quantize(model, feeds, max_float=share)) == {"c": "f32", "y": "int8"}
    assert precisions(mpq.quantize(model, feeds, max_float=share, loss=loss)) == {"c": "int8", "y": "f32"}
    assert set(seen) == {6}


def test_weights_of_few_bits_are_integers(model, feeds):
    recipe = {"rules": [{"name": "c", "precision": "int4"}]}
    kept = mpq.quantize(model, feeds, max_float=0.01, recipe=recipe)
    assert precisions(kept) == {"c": "int4", "y": "f32"}


@pytest.mark.parametrize("arguments, message", [
    ({"max_float": 0.1, "precision": "int4"}, "expected precision int8 for max_float, .*, but got int4"),
    ({"max_float": 0}, r"expected 'max_float' to be a share above 0 and below 1 \(0.15: 15%\) but got 0"),
    ({"max_float": 15}, "expected 'max_float' to be a share above 0 and below 1"),
    ({"loss": lambda outputs, references: 0.0}, "loss has no effect without max_float or max_int16"),
    ({"max_float": 0.1, "loss": 3}, "expected 'loss' to be a function"),
])
def test_invalid(model, feeds, arguments, message):
    with pytest.raises(mpq.Error, match=message):
        mpq.quantize(model, feeds, **arguments)


def test_needs_samples(model, feeds):
    with pytest.raises(mpq.Error, match="expected calibration data for max_float, .*, but got none"):
        mpq.quantize(model, profile=mpq.calibrate(model, feeds), max_float=0.1)


def test_command(model, feeds, tmp_path):
    (tmp_path / "data" / "x").mkdir(parents=True)
    for number, feed in enumerate(feeds):
        np.save(tmp_path / "data" / "x" / f"{number}.npy", feed["x"])
    (tmp_path / "loss.py").write_text("def loss(outputs, references):\n    return abs(outputs[0]['y'] - references[0]['y']).sum()\n")

    def call(*arguments):
        return subprocess.run([sys.executable, "-m", "mpq.cli", "quantize", model, *arguments], cwd=tmp_path,
                              capture_output=True, text=True, timeout=300)

    done = call("--data", "data", "-o", "q.mlirbc", "--max-float", "1%", "--loss", "loss.py", "--save-recipe", "r.json",
                "--library", "m.so", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "r.json").read_text()) == KEEPS_PRODUCT
    result = json.loads(done.stdout)
    assert (result["float_products"], result["float_share"]) == ("1 of 2", "0.3%")
    expected = mpq.compile(tmp_path / "q.mlirbc")(feeds[0])["y"]
    assert np.array_equal(mpq.load(tmp_path / "m.so")(feeds[0])["y"], expected)
    for arguments, message in [
            (("--data", "data", "--max-float", "15"), "expected a share like 15% or 0.15 but got '15'"),
            (("--data", "data", "--save-recipe", "r.json"), "--save-recipe has no effect without --max-float, --max-int16 or --recipe"),
            (("--data", "data", "--max-float", "0.1", "--library", "m.dll"), "ends with .so but got 'm.dll'")]:
        assert message in call("-o", "x.mlirbc", *arguments).stderr
    assert not (tmp_path / "x.mlirbc").exists()
