"""What the router of an endpoint costs: `python -m tests.benchmarks.router`.

A scikit-learn Ridge with 10 features is called directly and through a router, in turn, over 1 and over 32
connections. Its server has core 0; router and client share core 1, as a machine with two cores has no third.
The targets: at most 0.15 ms more at the median, and at least 75 % of the direct throughput. Where router and
client share a core, the throughput of both together is what the core gives: the CPU time of a request, from
/proc, shows what the router itself could pass on. It is the steadiest figure on a busy machine.

Weights, too: how far the shares of three versions are from what was given, over many requests.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlmagic.scoring import report

RIDGE = """
import numpy
from sklearn.linear_model import Ridge
def init():
    global model
    chance = numpy.random.default_rng(1)
    model = Ridge().fit(chance.normal(size=(500, 10)), chance.normal(size=500))
def run(data):
    import json
    return model.predict(json.loads(data)["data"]).tolist()
"""
ANSWERS = "def init(): ...\ndef run(data): return 1\n"
BODY = json.dumps({"data": [[round(0.1 * n, 1) for n in range(10)]]}).encode()
SHARES = {"a": 66.6, "b": 33.3, "c": 0.1}
SERVER_CORE, OTHER_CORE = "0", "1"
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
TARGET_MS, TARGET_SHARE, TARGET_DEVIATION = 0.15, 0.75, 0.1
PIPELINED = 50


class Server:
    """A process of ``python -m mlmagic.scoring`` on a core."""

    def __init__(self, folder: Path, core: str, *arguments: str) -> None:
        run_dir = folder / "run"
        run_dir.mkdir(parents=True)
        command = ["taskset", "-c", core, sys.executable, "-m", "mlmagic.scoring", "--port", "0"]
        command += ["--run-dir", str(run_dir), "--create-run-dir", *arguments]
        with (folder / "log.txt").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        while (seen := report.read_report(run_dir)) is None or seen.phase != report.SERVING:
            if self._process.poll() is not None:
                raise RuntimeError((folder / "log.txt").read_text())
            time.sleep(0.02)
        self.port = int(seen.port or 0)
        self._pid = int(seen.pid or self._process.pid)

    def cpu_s(self) -> float:
        """The CPU time that it has taken."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)


@contextlib.contextmanager
def endpoint(folder: Path, script: str, shares: Mapping[str, float]) -> Iterator[tuple[list[Server], Server]]:
    """The servers of the versions, and the router before them."""
    versions, routes = [], []
    started: list[Server] = []
    try:
        for name, percent in shares.items():
            place = folder / name
            place.mkdir(parents=True)
            (place / "score.py").write_text(script)
            versions.append(Server(place, SERVER_CORE, "--entry-script", str(place / "score.py")))
            started.append(versions[-1])
            url = f"http://127.0.0.1:{versions[-1].port}"
            routes.append({"name": name, "url": url, "percent": percent})
        file = folder / "routes.json"
        file.write_text(json.dumps({"default": next(iter(shares)), "versions": routes}))
        router = Server(folder / "router", OTHER_CORE, "--routes", str(file))
        started.append(router)
        yield versions, router
    finally:
        for each in started:
            each.stop()


# ---- clients ------------------------------------------------------------------------------------


@dataclass
class Load:
    """What came of so many seconds of requests."""

    requests: int
    seconds: float
    median_ms: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def load(port: int, connections: int, seconds: float) -> Load:
    """Call a server from so many connections; with wrk where it is installed."""
    call = _with_wrk if shutil.which("wrk") else _with_threads
    return call(port, connections, seconds)


def _with_wrk(port: int, connections: int, seconds: float) -> Load:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        # Bytes of Lua's own escapes: the body is ASCII without quotes of its kind.
        script.write(f"wrk.method = 'POST'\nwrk.body = '{BODY.decode()}'\n")
        script.write("wrk.headers['Content-Type'] = 'application/json'\n")
        script.write(
            "done = function(summary, latency)\n"
            "  io.write(string.format('FIGURES %d %d %d %d\\n', summary.requests, summary.duration,\n"
            "    latency:percentile(50), summary.errors.status + summary.errors.read + summary.errors.connect"
            " + summary.errors.timeout))\nend\n"
        )
        script.flush()
        command = ["taskset", "-c", OTHER_CORE, "wrk", "-t", "1", "-c", str(connections)]
        command += ["-d", f"{seconds:g}s", "-s", script.name, f"http://127.0.0.1:{port}/score"]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"FIGURES (\d+) (\d+) (\d+) (\d+)", printed)
    assert found is not None, printed
    count, duration, median, errors = map(int, found.groups())
    assert errors == 0, printed
    return Load(count, duration / 1e6, median / 1e3)


def _with_threads(port: int, connections: int, seconds: float) -> Load:
    os.sched_setaffinity(0, {int(OTHER_CORE)})
    taken: list[float] = []
    end = time.monotonic() + seconds
    request = _request(BODY)

    def call() -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            while time.monotonic() < end:
                began = time.perf_counter()
                connection.sendall(request)
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
                taken.append(time.perf_counter() - began)

    threads = [threading.Thread(target=call) for _ in range(connections)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return Load(len(taken), seconds, statistics.median(taken) * 1000)


def _request(body: bytes) -> bytes:
    lines = b"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    return b"POST /score HTTP/1.1\r\n%b\r\n%b" % (lines, body)


# ---- what is measured ---------------------------------------------------------------------------


def cost(folder: Path, rounds: int, seconds: float) -> None:
    """Print latencies, rates, CPU times, and how they compare with the targets."""
    with endpoint(folder, RIDGE, {"a": 100.0}) as ((server,), router):
        for connections in (1, 32):
            direct, routed = [], []
            server_us, behind_us, router_us = [], [], []
            for number in range(rounds + 1):
                before = server.cpu_s()
                plain = load(server.port, connections, seconds)
                between, router_before = server.cpu_s(), router.cpu_s()
                passed = load(router.port, connections, seconds)
                if not number:
                    continue
                direct.append(plain)
                routed.append(passed)
                server_us.append((between - before) / plain.requests * 1e6)
                behind_us.append((server.cpu_s() - between) / passed.requests * 1e6)
                router_us.append((router.cpu_s() - router_before) / passed.requests * 1e6)
            _show(connections, direct, routed)
            print(
                f"  CPU of a request: server {statistics.median(server_us):.0f} us directly, "
                f"{statistics.median(behind_us):.0f} us behind the router; "
                f"router {statistics.median(router_us):.0f} us"
            )
            shares = [min(1.0, one / other) for one, other in zip(server_us, router_us, strict=True)]
            print(
                "  with a core of its own the router passes on at most "
                f"{statistics.median(shares):.0%} of the direct throughput (target: {TARGET_SHARE:.0%})"
            )


def _show(connections: int, direct: list[Load], routed: list[Load]) -> None:
    def median(loads: list[Load]) -> str:
        rate = statistics.median(each.rate for each in loads)
        return f"{statistics.median(each.median_ms for each in loads):.3f} ms, {rate:.0f} requests per second"

    more = statistics.median(b.median_ms - a.median_ms for a, b in zip(direct, routed, strict=True))
    ratio = statistics.median(b.rate / a.rate for a, b in zip(direct, routed, strict=True))
    print(f"{connections} connections (medians of {len(direct)} rounds)")
    print(f"  directly:           {median(direct)}")
    print(f"  through the router: {median(routed)}")
    print(
        f"  at the median {more:+.3f} ms (target: {TARGET_MS} ms); "
        f"{ratio:.0%} of the throughput (target: {TARGET_SHARE:.0%}; router and client share a core)"
    )


def weights(folder: Path, count: int) -> None:
    """Print how far the shares are from what was given."""
    with endpoint(folder, ANSWERS, SHARES) as (_, router):
        counts: Counter[str] = Counter()
        request = _request(b"1") * PIPELINED
        with socket.create_connection(("127.0.0.1", router.port)) as connection:
            for _ in range(count // PIPELINED):
                connection.sendall(request)
                answers = b""
                while answers.count(b"\r\n\r\n1") < PIPELINED:
                    answers += connection.recv(1 << 20)
                counts.update(re.findall(r"\r\nazureml-model-deployment: (\w)\r\n", answers.decode()))
        total = counts.total()
        deviations = {name: abs(100 * counts[name] / total - share) for name, share in SHARES.items()}
        print(
            f"weights {SHARES} over {total} requests: {dict(counts)}; "
            f"largest deviation {max(deviations.values()):.4f} % (target: {TARGET_DEVIATION} %)"
        )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--seconds", type=float, default=2.0, help="of each load")
    options.add_argument("--requests", type=int, default=100_000, help="for the weights")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        cost(Path(name, "cost"), given.rounds, given.seconds)
        weights(Path(name, "weights"), given.requests)


if __name__ == "__main__":
    main()
