"""Ctrl-C in the midst of a long phase: most of it is saved, and no file is left."""

import signal
import subprocess
import sys
import time

import pytest

from mpq_testing.paths import ROOT

SCRIPT = """
import sys, time, mpq
def progress(phase, seconds, done, total):
    print(phase, seconds, flush=True)
try:
    mpq.compile_to(sys.argv[1], "m.so", progress=progress)
except KeyboardInterrupt:
    sys.exit("interrupted")
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("many") / "many.onnx"
    subprocess.run([sys.executable, ROOT / "test/CAPI/Inputs/many-kernels.py", path, "12"], check=True)
    return path


def start(model, folder):
    return subprocess.Popen([sys.executable, "-c", SCRIPT, model], cwd=folder, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def test_interrupt_inside_of_phases(model, tmp_path):
    process = start(model, tmp_path)
    lasted = dict(line.split() for line in process.communicate(timeout=200)[0].splitlines())
    assert process.returncode == 0 and {path.name for path in tmp_path.iterdir()} == {"m.so", "m.h"}
    for path in tmp_path.iterdir():
        path.unlink()
    for before, phase in (("lower", "codegen"), ("codegen", "emit")):
        process = start(model, tmp_path)
        while process.stdout.readline().split()[0] != before:
            pass
        time.sleep(0.1 * float(lasted[phase]))
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        output, errors = process.communicate(timeout=200)
        assert errors == "interrupted\n" and phase not in output
        assert time.monotonic() - sent < 0.5 * float(lasted[phase]) + 1, phase  # the process has to end, too
        assert not list(tmp_path.iterdir())
