"""compare.py QUANT_RUN FOLDER: the toy network in integers agrees with it in float, and both with numpy."""
import subprocess
import sys
from pathlib import Path

import numpy as np

quant_run, folder = sys.argv[1], Path(sys.argv[2])
x = np.array([[0.5, -1.0, 3.9, 2.25], [4.0, 0.1, -0.3, 1.7]], np.float32)
np.save(folder / "x.npy", x)

w = np.array([[127, -1, 2, 0], [2, 254, -4, 100], [12.7, 1, -2, 3]], np.float32)
v = np.array([[1, -0.5, 0.25], [2, 0.75, -1]], np.float32)
hidden = np.maximum(x[:, ::-1] @ w.T + np.array([1, -2, 0.5], np.float32), 0)
#The range in the file ends at 200 : what is above saturates in integers.
expected = {"float": hidden @ v.T, "integers": np.minimum(hidden, 200) @ v.T}
for name, wanted in expected.items():
    out = folder / name
    subprocess.run([quant_run, folder / f"{name}.so", f"--input=x={folder / 'x.npy'}", f"--output-dir={out}"],
                   check=True)
    got = np.load(out / "y.npy")
    error = np.linalg.norm(got - wanted) / np.linalg.norm(wanted)
    assert error < (1e-6 if name == "float" else 0.02), f"{name}: {got} instead of {wanted}"
#Integers are no float in disguise.
    assert (error > 1e-5) == (name == "integers"), f"{name}: error {error}"
