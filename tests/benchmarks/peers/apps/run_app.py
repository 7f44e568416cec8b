"""Microseconds of a call of run() of an entry script, without a server: `run_app.py SCRIPT BODY`."""

import importlib.util
import os
import statistics
import sys
import time

ROUNDS, SECONDS = 20, 0.05

if root := os.environ.get("MLMAGIC_COMPILED_MODELS"):
    from pathlib import Path

    from mlmagic.scoring.compiled.hooks import install

    install(Path(root))

path, body = sys.argv[1:]
spec = importlib.util.spec_from_file_location("score", path)
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
script.init()


def microseconds():
    """The mean of the calls of a moment."""
    calls, begin = 0, time.perf_counter()
    while (taken := time.perf_counter() - begin) < SECONDS:
        script.run(body)
        calls += 1
    return taken / calls * 1e6


microseconds()
print(statistics.median(microseconds() for _ in range(ROUNDS)))
