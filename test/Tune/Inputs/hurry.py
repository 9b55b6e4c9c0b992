"""hurry.py TIMES N OUTPUT: makes the N-th strategy of the only kernel the fastest; prints that strategy.

The others become 1% slower than it if it is the first one, the cost model's, and half as fast otherwise.
"""
import json
import sys

path, index, output = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with open(path) as file:
    times = json.load(file)
(kernel,) = times["kernels"]
for i, strategy in enumerate(kernel["strategies"]):
    strategy["milliseconds"] = 1.0 if i == index else 0.99 if index == 0 else 2.0
with open(output, "w") as file:
    json.dump(times, file)
print(kernel["strategies"][index]["strategy"])
