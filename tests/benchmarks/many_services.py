"""What many services cost: `python -m tests.benchmarks.many_services`.

Two hundred services of one small script, on the target `local`, supervised by one process: how long until all
are Healthy, what their supervisor costs while nobody calls them, and whether each answers.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location

SCRIPT = "def init(): pass\ndef run(data): return data\n"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--services", type=int, default=200)
    options.add_argument("--seconds", type=float, default=30.0, help="Of rest, whose CPU time is measured.")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        engine = Engine(Location.of_folder(Path(name)), use_daemon=False)
        try:
            measure(engine, given.services, given.seconds)
        finally:
            began = time.perf_counter()
            for service in engine.services.list():
                engine.services.delete(service.name)
            row("all deleted, one after the other", time.perf_counter() - began, "s")
            engine.close()


def measure(engine: Engine, count: int, seconds: float) -> None:
    """Deploy ``count`` services, and print what they cost."""
    before = psutil.virtual_memory().available
    began = time.perf_counter()
    inference = InferenceConfig("score.py", script_text=SCRIPT)
    config = DeploymentConfig("local")
    deployed = [engine.services.deploy(f"svc-{number:03}", [], inference, config) for number in range(count)]
    row("all recorded, one after the other", time.perf_counter() - began, "s")
    for service in deployed:
        engine.services.wait(service, 300)
    row("all Healthy", time.perf_counter() - began, "s")
    row("memory of one", (before - psutil.virtual_memory().available) / count / 2**20, "MB")

    started = os.times()
    time.sleep(seconds)
    ended = os.times()
    spent = ended.user + ended.system - started.user - started.system
    row("CPU of the supervisor at rest", 100 * spent / seconds, "% of a core")

    taken = []
    for service in deployed:
        asked = time.perf_counter()
        assert engine.requests.score(service.name, service.name) == service.name
        taken.append(time.perf_counter() - asked)
    row("a request to each, median", statistics.median(taken) * 1000, "ms")
    listed = time.perf_counter()
    assert len(engine.services.list()) == count
    row("the list of all", (time.perf_counter() - listed) * 1000, "ms")


def row(name: str, value: float, unit: str) -> None:
    print(f"{name:40}{value:10.1f} {unit}", flush=True)


if __name__ == "__main__":
    main()
