"""Calibration on real models: range methods, interrupts, parts on several machines, memory."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

import mpq
from mpq.samples import SampleFolder, save_samples
from mpq_testing import tools
from mpq_testing.paths import ROOT

SHAPE = (1, 3, 12, 12)
METHODS = next(option["choices"] for option in mpq.options() if option["name"] == "method")


def feed(seed):
    """Mostly small, some far out."""
    values = np.random.default_rng(seed).laplace(size=SHAPE)
    return {"x": (values * np.where(np.abs(values) > 6, 10, 1)).astype(np.float32)}


def run(*command, check=True):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=check)


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    run(sys.executable, ROOT / "test/CAPI/Inputs/net.py", path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("samples")
    save_samples((feed(seed) for seed in range(3200)), path)
    return path


@pytest.fixture(scope="module")
def whole(net, folder, tmp_path_factory):
    """What an uninterrupted calibration with all samples writes."""
    path = tmp_path_factory.mktemp("whole") / "whole.json"
    run(tools.tool("quant-compile"), net, "--calibrate", folder, "-o", path, "--quiet")
    return path.read_bytes()


def links(folder, target, names):
    """A folder of samples with some of another's."""
    (target / "x").mkdir(parents=True)
    for name in names:
        os.symlink(folder / "x" / name, target / "x" / name)
    return target


def test_methods(net, whole, tmp_path):
    """Each method gives its own ranges, and a model that is as good as their task allows."""
    profile = mpq.Profile(whole)
    reference = mpq.compile(net)(feed(9999))["y"]
    ranges, errors = {}, {}
    for method in METHODS:
        mpq.compile_to(net, tmp_path / "m.mlir", profile=profile, method=method, to="calibrate", emit="mlir")
        ranges[method] = (tmp_path / "m.mlir").read_text().split("mpq.range = #mpq.range<")[1].split(">")[0]
        quantized = mpq.quantize(net, profile=profile, method=method)
        outputs = mpq.compile(quantized)(feed(9999))["y"]
        errors[method] = np.linalg.norm(outputs - reference) / np.linalg.norm(reference)
    assert len(set(ranges.values())) == len(METHODS), ranges
    assert errors.pop("aciq") < 0.5  # a Laplace distribution has no such outliers: they are clipped
    assert max(errors.values()) == errors["minmax"] < 0.05, errors
    by_recipe = mpq.quantize(net, profile=profile, recipe={"method": "mse"}, method="kl")  # the recipe wins
    by_argument = mpq.quantize(net, profile=profile, method="mse")
    assert np.array_equal(mpq.compile(by_recipe)(feed(1))["y"], mpq.compile(by_argument)(feed(1))["y"])
    one = mpq.quantize(net, profile=profile, recipe={"ranges": [{"name": "x", "range": [-4, 4]}]})
    given = next(value["range"] for value in one.record["values"] if value["id"] == "x")
    assert given == {"min": -4, "max": 4, "origin": "recipe"}
    with pytest.raises(mpq.Error, match="expected 'method' to be one of minmax, .* but got 'entropy'"):
        mpq.quantize(net, profile=profile, method="entropy")
    with pytest.raises(mpq.Error, match=r"range 1 of the recipe matches no value of the profile \(xx\); did you mean 'x'"):
        mpq.quantize(net, profile=profile, recipe={"ranges": [{"name": "xx", "method": "mse"}]})


def test_killed_tool_goes_on(net, folder, whole, tmp_path):
    state, output = tmp_path / "state.json", tmp_path / "p.json"
    command = [*map(str, (tools.tool("quant-compile"), net, "--calibrate", folder, "-o", output, "--resume", state,
                          "--quiet"))]
    process = subprocess.Popen(command)
    while not state.exists() and process.poll() is None:
        time.sleep(0.001)
    process.kill()  # no handler sees this
    process.wait()
    assert json.loads(state.read_text())["samples"] == len(json.loads(state.read_text())["done"]) > 0
    output.unlink(missing_ok=True)
    run(*command)
    assert output.read_bytes() == whole
    before = state.read_bytes()
    run(*command)  # all is done: nothing runs, the same comes out
    assert output.read_bytes() == whole and state.read_bytes() == before


SCRIPT = """
import os, signal, sys, mpq
from mpq.samples import SampleFolder
def samples():
    for index, feed in enumerate(SampleFolder(sys.argv[2])):
        if index == 1000:
            os.kill(os.getpid(), signal.SIGKILL)
        yield feed
mpq.calibrate(sys.argv[1], samples(), resume=sys.argv[3])
"""


def test_killed_python_goes_on(net, folder, tmp_path):
    expected = mpq.calibrate(net, SampleFolder(folder)).data
    state = tmp_path / "state.json"
    assert run(sys.executable, "-c", SCRIPT, net, folder, state, check=False).returncode == -signal.SIGKILL
    assert 0 < json.loads(state.read_text())["samples"] < 1000
    assert mpq.calibrate(net, SampleFolder(folder), resume=state).data == expected


def test_interrupt_keeps_every_sample(net, tmp_path):
    def stop(phase, seconds, done, total):
        if done == 17:
            raise KeyboardInterrupt

    feeds = [feed(seed) for seed in range(40)]
    with pytest.raises(KeyboardInterrupt):
        mpq.calibrate(net, feeds, resume=tmp_path / "state.json", progress=stop)
    assert json.loads((tmp_path / "state.json").read_text())["samples"] == 17
    assert mpq.calibrate(net, feeds, resume=tmp_path / "state.json").data == mpq.calibrate(net, feeds).data


def test_a_broken_sample_can_be_mended(net, folder, tmp_path):
    names = [f"{index:06}.npy" for index in range(20)]
    data = links(folder, tmp_path / "data", names)
    broken = data / "x" / names[12]
    broken.unlink()
    broken.write_bytes(b"broken")
    command = [tools.tool("quant-compile"), net, "--calibrate", data, "-o", tmp_path / "p.json", "--quiet", "--resume",
               tmp_path / "state.json"]
    failed = run(*command, check=False)
    assert failed.returncode == 1 and names[12] in failed.stderr and not (tmp_path / "p.json").exists()
    assert json.loads((tmp_path / "state.json").read_text())["samples"] == 12
    broken.write_bytes((folder / "x" / names[12]).read_bytes())
    run(*command)
    run(tools.tool("quant-compile"), net, "--calibrate", data, "-o", tmp_path / "q.json", "--quiet")
    assert (tmp_path / "p.json").read_bytes() == (tmp_path / "q.json").read_bytes()


def test_other_samples_or_models_are_refused(net, folder, whole, tmp_path):
    names = [f"{index:06}.npy" for index in range(10)]
    state, output = tmp_path / "state.json", tmp_path / "p.json"

    def error(data, model=net, state=state):
        answer = run(tools.tool("quant-compile"), model, "--calibrate", data, "-o", output, "--resume", state,
                     "--quiet", check=False)
        assert answer.returncode == 1 and answer.stderr.count("\n") == 1, answer.stderr
        return answer.stderr

    run(tools.tool("quant-compile"), net, "--calibrate", links(folder, tmp_path / "a", names), "-o", output, "--resume",
        state, "--quiet")
    output.unlink()
    other = links(folder, tmp_path / "b", [names[0], *names[2:]])
    assert f"is of other samples: number 1 was '{names[1]}' but is '{names[2]}'" in error(other)
    assert f"is of other samples: '{names[6]}' is missing" in error(links(folder, tmp_path / "c", names[:6]))
    changed = links(folder, tmp_path / "d", names) / "x" / names[4]
    changed.unlink()
    os.symlink(folder / "x" / "000099.npy", changed)
    assert f"is of other samples: '{names[4]}' has changed" in error(tmp_path / "d")
    (tmp_path / "whole.json").write_bytes(whole)
    assert "to be the state of a calibration but it is a finished profile" in error(folder, state=tmp_path / "whole.json")
    mpq.compile_to(net, tmp_path / "net.mlir", to="prepare", emit="mlir")
    text = (tmp_path / "net.mlir").read_text()
    assert "arith.maximumf" in text
    (tmp_path / "net.mlir").write_text(text.replace("arith.maximumf", "arith.minimumf"))
    assert "is of another model: expected fingerprint" in error(tmp_path / "a", model=tmp_path / "net.mlir")
    (tmp_path / "cut.json").write_bytes(state.read_bytes()[:200])
    assert "cut.json' is not complete JSON" in error(tmp_path / "a", state=tmp_path / "cut.json")
    assert not output.exists()
    answer = run(tools.tool("quant-compile"), net, "--calibrate", folder, "-o", state, "--resume", state, check=False)
    assert "expected different files" in answer.stderr
    answer = run(tools.tool("quant-compile"), net, "--resume", state, "-o", tmp_path / "m.so", check=False)
    assert "option --resume has no effect without --calibrate" in answer.stderr
    # More samples behind those that were there are fine.
    run(tools.tool("quant-compile"), net, "--calibrate", folder, "-o", output, "--resume", state, "--quiet")
    assert output.read_bytes() == whole


def test_parts_merge_to_the_whole(net, folder, whole, tmp_path):
    names = sorted(os.listdir(folder / "x"))
    parts = []
    for index in range(3):
        parts.append(tmp_path / f"part{index}.json")
        run(tools.tool("quant-compile"), net, "--calibrate", links(folder, tmp_path / str(index), names[index::3]), "-o",
            parts[-1], "--quiet")
    merged = tmp_path / "merged.json"
    run(tools.tool("quant-translate"), "--merge-profiles", *parts, "-o", merged)
    assert merged.read_bytes() == whole
    run(sys.executable, "-m", "mpq.cli", "merge-profiles", *parts[::-1], "-o", merged, "--quiet")
    assert merged.read_bytes() == whole
    assert mpq.Profile.merge([mpq.Profile.load(parts[1]), parts[2], str(parts[0])]).data == whole
    with pytest.raises(mpq.Error, match="expected profiles to merge but got none"):
        mpq.Profile.merge([])
    with pytest.raises(mpq.Error, match="expected a profile or the path of one but got 3"):
        mpq.Profile.merge([parts[0], 3])
    with pytest.raises(mpq.Error, match="cannot read profile '.*missing.json': No such file"):
        mpq.Profile.merge([parts[0], tmp_path / "missing.json"])
    other = json.loads(parts[0].read_text()) | {"fingerprint": "0"}
    (tmp_path / "other.json").write_text(json.dumps(other))
    answer = run(tools.tool("quant-translate"), "--merge-profiles", parts[0], tmp_path / "other.json", "-o", merged,
                 check=False)
    assert answer.returncode == 1 and "cannot merge profiles of different models" in answer.stderr
    other["fingerprint"] = json.loads(whole)["fingerprint"]
    channels = next(value["channels"] for value in other["values"].values() if "channels" in value)
    channels["min"].append(0)
    channels["max"].append(0)
    (tmp_path / "other.json").write_text(json.dumps(other))
    answer = run(tools.tool("quant-translate"), "--merge-profiles", parts[0], tmp_path / "other.json", "-o", merged,
                 check=False)
    assert answer.returncode == 1 and "channels in one and" in answer.stderr
    assert merged.read_bytes() == whole


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives(net, folder, whole, tmp_path, save):
    (tmp_path / "data").mkdir()
    for name in sorted(os.listdir(folder / "x")):
        save(tmp_path / "data" / name.replace(".npy", ".npz"), x=np.load(folder / "x" / name))
    run(tools.tool("quant-compile"), net, "--calibrate", tmp_path / "data", "-o", tmp_path / "p.json", "--quiet")
    assert (tmp_path / "p.json").read_bytes() == whole
    few = [feed(seed) for seed in range(3)]
    for index in range(3, 3200):
        (tmp_path / "data" / f"{index:06}.npz").unlink()
    assert mpq.calibrate(net, SampleFolder(tmp_path / "data")).data == mpq.calibrate(net, few).data


def test_wrong_archives(net, tmp_path):
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "a.npz"

    def error():
        answer = run(tools.tool("quant-compile"), net, "--calibrate", tmp_path / "data", "-o", tmp_path / "p.json",
                     "--quiet", check=False)
        assert answer.returncode == 1 and answer.stderr.count("\n") == 1, answer.stderr
        assert not (tmp_path / "p.json").exists() and "a.npz" in answer.stderr
        return answer.stderr

    np.savez(path, z=feed(0)["x"])
    assert "the model has no input 'z' for the array of this name: expected arrays 'x'" in error()
    np.savez(path)
    assert "expected an array 'x' (float32 1x3x12x12) but there is none" in error()
    np.savez(path, x=feed(0)["x"][0])
    assert "a.npz:x': expected float32 1x3x12x12 for input 'x' but got float32 3x12x12" in error()
    np.savez(path, x=np.array([{}], dtype=object))
    assert "unsupported dtype '|O'" in error()
    with pytest.raises(mpq.Error, match="a.npz' to be a .npz file of numbers, as numpy.savez writes it"):
        list(SampleFolder(tmp_path / "data"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.txt", "x")
    assert "expected .npy files in the archive but got 'x.txt'" in error()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", b"x" * 99)
    assert "'x' is compressed by method 14" in error()
    path.write_bytes(b"no archive")
    assert "expected an .npz file, as numpy.savez writes it" in error()
    np.savez_compressed(path, **feed(0))
    (tmp_path / "data" / "x").mkdir()
    assert "to hold either .npz files or a folder for each input" in error()
    (tmp_path / "data" / "x").rmdir()
    good = path.read_bytes()
    for size in (0, 10, 40, len(good) // 2, len(good) - 30, len(good) - 1):
        path.write_bytes(good[:size])
        error()
    random = np.random.default_rng(0)
    for place in [*random.integers(0, len(good), 8), *random.integers(len(good) - 120, len(good), 24)]:
        damaged = bytearray(good)
        damaged[place] ^= 0xff
        path.write_bytes(damaged)
        answer = run(tools.tool("quant-compile"), net, "--calibrate", tmp_path / "data", "-o", tmp_path / "p.json",
                     "--quiet", check=False)  # dates and the like may be anything
        assert answer.returncode == 0 or answer.returncode == 1 and answer.stderr.count("\n") == 1, (place, answer)
        (tmp_path / "p.json").unlink(missing_ok=True)


def peak_memory(*command):
    """Of a process, in KiB."""
    pid = os.spawnv(os.P_NOWAIT, command[0], [*map(str, command)])
    _, status, usage = os.wait4(pid, 0)
    assert status == 0
    return usage.ru_maxrss


def test_memory_does_not_grow(net, folder, tmp_path):
    few = links(folder, tmp_path / "few", sorted(os.listdir(folder / "x"))[:32])
    command = [str(tools.tool("quant-compile")), net, "-o", tmp_path / "p.json", "--quiet", "--calibrate"]
    peaks = [peak_memory(*command, data) for data in (few, folder)]
    assert peaks[1] < 1.05 * peaks[0], peaks
