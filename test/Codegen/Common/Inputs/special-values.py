"""4096 floats of every kind (`FILE`), or `compare A B`: bitwise, all NaNs equal (docs/Numerics.md, N-0)."""
import sys

import numpy as np

if sys.argv[1] == "compare":
    a, b = (np.load(path) for path in sys.argv[2:4])
    same = a == b
    if a.dtype == np.float32:
        same = (a.view(np.int32) == b.view(np.int32)) | (np.isnan(a) & np.isnan(b))
    assert same.all(), f"{np.count_nonzero(~same)} of {same.size} differ, first at {np.argwhere(~same)[0]}"
    assert len(np.unique(a[~np.isnan(a)])) > 20, "too few different values to tell anything"
else:
    random = np.random.default_rng(7)
    anything = random.integers(0, 2**32, 2048, dtype=np.uint32).view(np.float32)
    usual = random.standard_normal(2000).astype(np.float32) * np.float32(4)
    ties = (np.arange(-20, 20) + 0.5).astype(np.float32) * np.float32(0.37)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 88.7], np.float32)
    np.save(sys.argv[1], np.concatenate([anything, usual, ties, special])[:4096].astype(np.float32))
