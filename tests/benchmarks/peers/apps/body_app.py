"""Milliseconds from a JSON body of 0.9 MB to an array, by json and numpy, and by mlmagic."""

import json
import statistics
import sys
import time

import numpy as np

rounds = int(sys.argv[1])
rows = np.random.default_rng(7).normal(size=(10_000, 10)).round(5)
body = json.dumps({"data": rows.tolist()}, separators=(",", ":")).encode()


def plain():
    return np.array(json.loads(body)["data"])


def ours():
    from mlmagic.scoring.inputs.arrays import parse_array

    return parse_array(body, "data")


taken = {"json + np.array": [], "mlmagic": []}
for number in range(rounds + 1):
    for name, parse in (("json + np.array", plain), ("mlmagic", ours)):
        started = time.perf_counter()
        array = parse()
        seconds = time.perf_counter() - started
        assert np.array_equal(array, rows), name
        if number:  # the first round imports
            taken[name].append(seconds * 1000)
figures = {name: statistics.median(times) for name, times in taken.items()}
print(json.dumps({"megabytes": len(body) / 1e6, **figures}))
