"""What replicas bring: `python -m tests.benchmarks.replicas`.

One service of this machine whose run() computes for 20 ms, with one replica and with as many as there are
cores, in turn. Callers keep all replicas busy. The target: with n replicas on n free cores it answers at
least 0.9 n times as many requests as with one.

A service with an idle timeout, too: how long the request waits that starts it again, and how many are lost.
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import requests

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.engine.engine import Engine
from mlmagic.targets.local import zygote
from mlmagic.workspace.location import Location

CALL_S = 0.02
"""Long, as the callers need the same cores."""
COMPUTES = (
    "import time\ndef init(): ...\ndef run(data):\n"
    f"    end = time.thread_time() + {CALL_S}\n    while time.thread_time() < end: pass\n    return 1\n"
)
ECHO = "def init(): ...\ndef run(data): return 1\n"
CALLERS_OF_EACH = 3


def rate(uri: str, callers: int, seconds: float) -> float:
    """Requests per second that so many callers get answered."""
    counts = [0] * callers
    end = time.monotonic() + seconds
    address = urlsplit(uri)

    def call(number: int) -> None:
        connection = http.client.HTTPConnection(str(address.hostname), address.port or 80, timeout=30)
        while time.monotonic() < end:
            connection.request("POST", address.path, "1")
            answer = connection.getresponse()
            assert answer.read() == b"1"
            counts[number] += 1
        connection.close()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return sum(counts) / seconds


def throughput(engine: Engine, cores: int, rounds: int) -> None:
    """Print the ratio of the rates with ``cores`` replicas and with one."""
    counts = (1, cores)
    for count in counts:
        config = DeploymentConfig("local", num_replicas=count)
        inference = InferenceConfig("score.py", script_text=COMPUTES)
        engine.services.wait(engine.services.deploy(f"replicas-{count}", [], inference, config))
    taken: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(rounds):
        for count in counts:
            uri = engine.services.get(f"replicas-{count}").scoring_uri
            taken[count].append(rate(str(uri), CALLERS_OF_EACH * cores, 3.0))
    for count, rates in taken.items():
        print(f"{count} replicas: {statistics.median(rates):.0f} requests per second (median of {rounds})")
    ratios = [many / one for one, many in zip(taken[1], taken[cores], strict=True)]
    print(f"{cores} replicas / 1: {statistics.median(ratios):.2f} times (target: {0.9 * cores:.1f})")


def waking(engine: Engine, times: int) -> None:
    """Print how long requests wait for a service of which nothing runs."""
    inference = InferenceConfig("score.py", script_text=ECHO)
    config = DeploymentConfig("local", idle_timeout_seconds=1)
    uri = str(engine.services.wait(engine.services.deploy("idle", [], inference, config)).scoring_uri)
    waits, lost = [], 0
    for _ in range(times):
        while engine.services.get("idle").stats.get("replicas") != 0:
            time.sleep(0.05)
        began = time.perf_counter()
        try:
            requests.post(uri, data="1", timeout=30).raise_for_status()
        except requests.RequestException:
            lost += 1
        waits.append(time.perf_counter() - began)
        time.sleep(0.5)
    print(
        f"a request that wakes it: {statistics.median(waits) * 1000:.0f} ms (median of {times}, {lost} lost)"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--wake-ups", type=int, default=10)
    given = options.parse_args()
    zygote.start()
    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        engine = Engine(Location.of_folder(Path(name)), use_daemon=False)
        try:
            throughput(engine, len(os.sched_getaffinity(0)), given.rounds)
            waking(engine, given.wake_ups)
        finally:
            for service in engine.services.list():
                engine.services.delete(service.name)
            engine.close()
            zygote.stop()


if __name__ == "__main__":
    main()
