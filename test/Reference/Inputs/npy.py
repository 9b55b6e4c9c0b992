"""Small .npy files for tests: `npy.py save FILE DTYPE SHAPE VALUES...`, `npy.py show FILE...`."""
import sys

import numpy as np

command, *rest = sys.argv[1:]
if command == "save":
    path, dtype, shape, *values = rest
    extents = [int(extent) for extent in shape.split("x") if extent != "scalar"]
    if values == ["range"]:
        array = np.arange(np.prod(extents, dtype=int))
    elif values and values[0] == "random":
        array = np.random.default_rng(int(values[1])).standard_normal(extents)
    else:
        array = np.array([float(value) for value in values])
    np.save(path, array.astype(dtype).reshape(extents))
elif command == "show":
    for path in rest:
        array = np.load(path)
        print(array.dtype, array.shape, " ".join(format(value.item(), ".9g" if array.dtype.kind == "f" else "d") for value in array.reshape(-1)))
