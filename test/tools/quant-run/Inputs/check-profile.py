"""Checks the TIMES (JSON) and the TRACE of RUNS runs of mlp.so."""
import json
import sys

times, trace, runs = json.load(open(sys.argv[1])), json.load(open(sys.argv[2])), int(sys.argv[3])
kernels = times["kernels"]
assert (times["format"], times["version"], times["model"]) == ("mpq-kernel-times", 1, "mlp")
assert times["runs"] == runs and times["threads"] == 1
assert abs(sum(kernel["milliseconds"] for kernel in kernels) - times["milliseconds"]) < 1e-9
assert sum(kernel["float_macs"] for kernel in kernels) == 5940
peak = times["peak"]
assert peak["integer_macs_per_second"] > 1e9 and peak["float_macs_per_second"] > 1e8, peak
assert [b["bytes"] for b in peak["bandwidths"]] == sorted(b["bytes"] for b in peak["bandwidths"])
usual = times["median_peak"]
assert all(0 < usual[rate] <= peak[rate] for rate in ("integer_macs_per_second", "float_macs_per_second")), usual
assert all(u["bytes"] == b["bytes"] and 0 < u["bytes_per_second"] <= b["bytes_per_second"]
           for u, b in zip(usual["bandwidths"], peak["bandwidths"], strict=True)), usual
for kernel in kernels:
    assert kernel["calls"] == runs and kernel["milliseconds"] >= kernel["least_milliseconds"] > 0
    compute = kernel["float_macs"] / peak["float_macs_per_second"] * 1e3
    assert kernel["floor_milliseconds"] >= compute * 0.999, kernel
    assert abs(kernel["share_of_peak"] - kernel["floor_milliseconds"] / kernel["milliseconds"]) < 1e-6
    assert kernel["bound"] in ("float", "memory")

events = [event for event in trace["traceEvents"] if event["ph"] == "X"]
assert len(events) == runs * len(kernels), len(events)
assert [event["name"] for event in events[:len(kernels)]] == [kernel["name"] for kernel in kernels]
for before, after in zip(events, events[1:]):
    assert before["ts"] + before["dur"] <= after["ts"] + 1e-3, (before, after)
