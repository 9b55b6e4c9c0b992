"""What is asked for but cannot act, in Python: errors where it contradicts something, else warnings.

What the compiler finds is tested in test/tools/quant-compile/no-effect.test; here is how it reaches callers, and what the
package finds itself.
"""

import subprocess
import sys
import warnings

import pytest

import mpq
from mpq_testing import small_net


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_net.write(tmp_path_factory.mktemp("idle"))


@pytest.fixture(scope="module")
def feeds():
    return small_net.feeds(3)


@pytest.fixture(scope="module")
def profile(model, feeds):
    return mpq.calibrate(model, feeds)


def test_warns_where_it_was_called(model, profile):
    with pytest.warns(mpq.NoEffectWarning, match="option --method has no effect: recipe .* says how ranges") as caught:
        mpq.compile(model, profile=profile, method="mse", recipe={"method": "octav"})
    assert caught[0].filename == __file__


def test_may_be_errors(model, profile, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", mpq.NoEffectWarning)
        with pytest.raises(mpq.NoEffectWarning, match="option --profile has no effect: no product is computed in integers"):
            mpq.compile_to(model, tmp_path / "m.so", profile=profile, recipe={"precision": "bf16"})


def test_a_default_is_no_request(model, feeds, recwarn, tmp_path):
    """int8 is what mpq.quantize is named after, and the machine of a report is none of ONNX."""
    recipe = {"precision": "f32", "rules": [{"name": "c", "precision": "int8"}]}
    quantized = mpq.quantize(model, feeds, recipe=recipe, target="x86-avx2")
    quantized.to_onnx(tmp_path / "q.onnx")
    assert quantized.recipe == recipe and not recwarn.list
    with pytest.warns(mpq.NoEffectWarning, match="option --precision has no effect: recipe .* says int8"):
        mpq.quantize(model, feeds, precision="int4", recipe={"precision": "int8"})


@pytest.mark.parametrize("arguments, message", [
    ({"target": ["x86-avx2", "x86-amx"]}, "expected one --target but got 2: only shared libraries and objects"),
    ({"recipe": {"rounding": "gptq"}, "correct_bias": False},
     "expected samples for rounding gptq .*: give calibration data, without correct_bias=False"),
])
def test_quantize(model, feeds, arguments, message):
    with pytest.raises(mpq.Error, match=message):
        mpq.quantize(model, feeds, **arguments)


@pytest.mark.parametrize("arguments, message", [
    (("--data", "data", "--save-recipe", "r.json"),
     "mpq: error: --save-recipe has no effect without --max-float, --max-int16 or --recipe"),
    (("--precision", "bf16", "--save-profile", "p.json"), "mpq: error: --save-profile has no effect without --data"),
    (("--data", "data", "--method", "octav", "--recipe", "mse.json"),
     "mpq: warning: option --method has no effect: recipe"),
])
def test_command(model, feeds, tmp_path, arguments, message):
    mpq.samples.save_samples(feeds, tmp_path / "data")
    (tmp_path / "mse.json").write_text('{"method": "mse"}')
    done = subprocess.run([sys.executable, "-m", "mpq.cli", "quantize", model, "-o", "q.mlirbc", "--quiet", *arguments],
                          cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert message in done.stderr and (done.returncode == 0) == ("warning" in message)
    assert (tmp_path / "q.mlirbc").exists() == ("warning" in message)
