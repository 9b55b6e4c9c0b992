"""Libraries with code for several machines: each variant computes what a library for its machine alone does."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import mpq
from mpq_testing import tools
from mpq_testing.bit_exact import TARGETS
from mpq_testing.paths import BUILD, ROOT

SHAPE = (1, 3, 12, 12)
# The best first.
NAMED = ("x86-amx", "x86-avx512vnni", "x86-avxvnni", "x86-avx2")
SYSTEM = [name for name in NAMED if name in TARGETS and (name != "x86-amx" or tools.may_use_tile_registers())]


def feed(seed=0):
    return {"x": np.random.default_rng(seed).standard_normal(SHAPE, np.float32)}


@pytest.fixture(scope="module")
def quantized(tmp_path_factory):
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    subprocess.run([sys.executable, ROOT / "test/CAPI/Inputs/net.py", path], check=True)
    return mpq.quantize(path, [feed(seed) for seed in range(8)])


@pytest.fixture(scope="module")
def library(quantized, tmp_path_factory):
    path = tmp_path_factory.mktemp("library") / "m.so"
    summary = mpq.compile_to(quantized, path, target=NAMED, report=path.with_suffix(".json"))
    return path, summary


def run(path, variant=None):
    """The program's variant and its result, in a process of its own: it decides once."""
    script = ("import sys, numpy as np, mpq\n"
              "m = mpq.load(sys.argv[1])\n"
              "x = np.random.default_rng(0).standard_normal((1, 3, 12, 12), np.float32)\n"
              "print(m.variant, m.target, m.weights_bytes, m({'x': x})['y'].tobytes().hex(), sep='|')")
    environment = os.environ | {"PYTHONPATH": str(BUILD / "python")} | ({"MPQ_VARIANT": variant} if variant else {})
    result = subprocess.run([sys.executable, "-c", script, path], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    name, target, weights, output = result.stdout.strip().split("|")
    return name, target, int(weights), bytes.fromhex(output)


@pytest.mark.parametrize("target", TARGETS)
def test_each_is_what_it_is_alone(quantized, library, target):
    if target not in SYSTEM:
        pytest.skip("the system refuses the tile registers")
    alone = mpq.compile(quantized, target=target)
    assert alone.variant is None
    name, text, weights, output = run(library[0], target)
    assert (name, text) == (target, alone.target)
    assert output == alone(feed())["y"].tobytes()
    assert weights == alone.weights_bytes


def test_the_best_is_chosen(library):
    name, _, _, output = run(library[0])
    assert name == SYSTEM[0]
    assert output == run(library[0], name)[3]


def test_tile_registers_are_refused(library):
    """The processor has them, the system does not give them: the next best runs, unless the refused one is demanded."""
    script = ("import sys, mpq\n"
              "from mpq_benchmark.worker import renounce_amx\n"
              "renounce_amx()\n"
              "print(mpq.load(sys.argv[1]).variant)")

    def load(**environment):
        path = os.pathsep.join(map(str, (BUILD / "python", ROOT / "test" / "benchmark")))
        return subprocess.run([sys.executable, "-c", script, library[0]], capture_output=True, text=True,
                              env=os.environ | {"PYTHONPATH": path} | environment)

    allowed = [name for name in SYSTEM if name != "x86-amx"]
    assert load().stdout.strip() == allowed[0]
    demanded = load(MPQ_VARIANT="x86-amx")
    assert demanded.returncode != 0
    assert "which MPQ_VARIANT names, but this one lacks" in demanded.stderr and "amx-tile" in demanded.stderr


def test_the_order_has_no_effect(quantized):
    libraries = []
    for target in (["x86-avx2", "x86-avx512vnni"], "x86-avx512vnni,x86-avx2", ("x86-avx512vnni", "x86-avx2")):
        program = mpq.compile(quantized, target=target) if "x86-avx2" in SYSTEM else None
        libraries.append(program and program._library)
    assert libraries[0] == libraries[1] == libraries[2]


def test_this_machine_too(quantized):
    """`host` is one of them; who has all that the others have comes first."""
    program = mpq.compile(quantized, target=["x86-avx2", "host"])
    assert program.variant == "host"
    assert np.array_equal(program(feed())["y"], mpq.compile(quantized, target="host")(feed())["y"])


def test_weights_are_shared(quantized, library, tmp_path):
    """Machines with vectors of one length pack alike, and what does not depend on the length is the same for all."""
    def weights(*targets):
        return mpq.compile_to(quantized, tmp_path / "m.so", target=targets)["weights_bytes"]

    alone = {target: weights(target) for target in NAMED}
    assert weights("x86-avxvnni", "x86-avx2") == alone["x86-avx2"] == alone["x86-avxvnni"]
    assert max(alone.values()) <= library[1]["weights_bytes"] < sum(alone.values())


def test_summary_and_report(library):
    path, summary = library
    record = json.loads(path.with_suffix(".json").read_text())
    assert [variant["name"] for variant in record["variants"]] == list(NAMED)
    best = record["variants"][0]
    assert best["target"] == record["target"] and best["kernels"] == record["kernels"] != []
    assert summary["workspace_bytes"] == max(variant["workspace"] for variant in record["variants"])
    assert record["bytes"]["code"] == summary["code_bytes"] > 0


def test_profile_names_it(library):
    program = mpq.load(library[0])
    assert program.profile(feed(), runs=1)["variant"] == program.variant


WRONG = {
    "unknown": (["x86-avx2", "x86-avx3"], "but got 'x86-avx3'; did you mean 'x86-avx2'"),
    "unknown in text": ("x86-avx2,gpu", "one of host, .*x86-amx but got 'gpu'$"),
    "twice": (["x86-avx2", "x86-avx2"], "option 'target' has 'x86-avx2' twice"),
    "none": ([], "one of host, .* but got \\[\\]"),
    "number": (["x86-avx2", 2], "but got 2$"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_targets(quantized, case):
    target, message = WRONG[case]
    with pytest.raises(mpq.Error, match=message):
        mpq.compile(quantized, target=target)


def test_one_for_other_forms(quantized, tmp_path):
    with pytest.raises(mpq.Error, match="expected one --target but got 2: only shared libraries and objects"):
        mpq.compile_to(quantized, tmp_path / "m.s", emit="asm", target=["x86-avx2", "x86-amx"])


def test_command(quantized, tmp_path):
    quantized.save(tmp_path / "q.mlirbc")

    def compile_for(targets):
        return subprocess.run([sys.executable, "-m", "mpq.cli", "compile", tmp_path / "q.mlirbc", "-o", tmp_path / "m.so",
                               "--quiet", "--target", targets], capture_output=True, text=True,
                              env=os.environ | {"PYTHONPATH": str(BUILD / "python")})

    assert compile_for("x86-avx2,x86-avx512vnni").returncode == 0
    assert run(tmp_path / "m.so")[0] in ("x86-avx2", "x86-avx512vnni")
    wrong = compile_for("x86-avx2,x86-avx512vnn")
    assert wrong.returncode == 2 and "but got 'x86-avx512vnn'; did you mean 'x86-avx512vnni'?" in " ".join(
        wrong.stderr.split())
