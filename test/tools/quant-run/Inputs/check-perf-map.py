"""Runs COMMAND with MPQ_PERF_MAP and checks the map that perf would read; without it there is none."""
import os
import re
import subprocess
import sys
from pathlib import Path


def run(value):
    process = subprocess.Popen(sys.argv[1:], env=dict(os.environ, MPQ_PERF_MAP=value))
    assert process.wait() == 0
    return Path(f"/tmp/perf-{process.pid}.map")


assert not run("0").exists()
path = run("1")
lines = path.read_text().splitlines()
path.unlink()
symbols = {}
for line in lines:
    address, size, name = re.fullmatch(r"([0-9a-f]+) ([0-9a-f]+) (\S+)", line).groups()
    symbols[name] = int(address, 16), int(size, 16)
assert "mlp_main" in symbols and any(re.fullmatch(r"kernel_\d+\.relu", name) for name in symbols), symbols
assert all(address > 0 and size > 0 for address, size in symbols.values()), symbols
