"""What the router of an endpoint costs: `python -m tests.benchmarks.router`.

A scikit-learn Ridge with 10 features is called directly and through a router, in turn, over 1 and over 32
connections. Its server has core 0; router and client share core 1, as a machine with two cores has no third.
The targets: at most 0.15 ms more at the median, and at least 75 % of the direct throughput. Where router and
client share a core, the throughput of both together is what the core gives: the CPU time of a request, from
/proc, shows what the router itself could pass on. It is the steadiest figure on a busy machine.

For comparison, a relay of a few lines, which hands all bytes on as they come: that is what any process in
between costs on this machine with Python and uvloop, before it has looked at one request.

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
from collections.abc import Iterable, Iterator, Mapping
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
RELAY = """
import asyncio, sys, uvloop
class Pipe(asyncio.Protocol):
    def __init__(self, other=None):
        self.other, self.early = other, []
    def connection_made(self, transport):
        self.transport = transport
        if self.other is None:
            asyncio.ensure_future(self.connect())
    async def connect(self):
        _, self.other = await asyncio.get_running_loop().create_connection(
            lambda: Pipe(self), "127.0.0.1", int(sys.argv[1]))
        for data in self.early:
            self.other.transport.write(data)
    def data_received(self, data):
        if self.other is None:
            self.early.append(data)
        else:
            self.other.transport.write(data)
    def connection_lost(self, error):
        if self.other is not None:
            self.other.transport.close()
async def main():
    server = await asyncio.get_running_loop().create_server(Pipe, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
uvloop.run(main())
"""
SHARES = {"a": 66.6, "b": 33.3, "c": 0.1}
SERVER_CORE, OTHER_CORE = "0", "1"
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
TARGET_MS, TARGET_SHARE, TARGET_DEVIATION = 0.15, 0.75, 0.1
PIPELINED = 50


class Process:
    """A process that listens on a port."""

    process: subprocess.Popen[bytes]
    port: int
    pid: int

    def cpu_s(self) -> float:
        """The CPU time that it has taken."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


class Server(Process):
    """``python -m mlmagic.scoring`` on a core."""

    def __init__(self, folder: Path, core: str, *arguments: str) -> None:
        run_dir = folder / "run"
        run_dir.mkdir(parents=True)
        command = ["taskset", "-c", core, sys.executable, "-m", "mlmagic.scoring", "--port", "0"]
        command += ["--run-dir", str(run_dir), "--create-run-dir", *arguments]
        with (folder / "log.txt").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        while (seen := report.read_report(run_dir)) is None or seen.phase != report.SERVING:
            if self.process.poll() is not None:
                raise RuntimeError((folder / "log.txt").read_text())
            time.sleep(0.02)
        self.port = int(seen.port or 0)
        self.pid = int(seen.pid or self.process.pid)


class Relay(Process):
    """Hands on all bytes between its clients and a server."""

    def __init__(self, port: int) -> None:
        command = ["taskset", "-c", OTHER_CORE, sys.executable, "-c", RELAY, str(port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.port, self.pid = int(self.process.stdout.readline()), self.process.pid


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


def load(port: int, connections: int, seconds: int) -> Load:
    """Call a server from so many connections; with wrk where it is installed."""
    call = _with_wrk if shutil.which("wrk") else _with_threads
    return call(port, connections, seconds)


def _with_wrk(port: int, connections: int, seconds: int) -> Load:
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
        command += ["-d", f"{seconds}s", "-s", script.name, f"http://127.0.0.1:{port}/score"]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"FIGURES (\d+) (\d+) (\d+) (\d+)", printed)
    assert found is not None, printed
    count, duration, median, errors = map(int, found.groups())
    assert errors == 0, printed
    return Load(count, duration / 1e6, median / 1e3)


def _with_threads(port: int, connections: int, seconds: int) -> Load:
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


@dataclass
class Round:
    """One load of the server, directly or through another process."""

    load: Load
    server_us: float
    """CPU time of the server for a request."""
    between_us: float
    """CPU time of the process in between."""


def measured(server: Process, through: Process | None, connections: int, seconds: int) -> Round:
    server_before, before = server.cpu_s(), through.cpu_s() if through else 0.0
    came = load((through or server).port, connections, seconds)
    between = through.cpu_s() - before if through else 0.0
    each_us = 1e6 / came.requests
    return Round(came, (server.cpu_s() - server_before) * each_us, between * each_us)


def cost(folder: Path, rounds: int, seconds: int) -> None:
    """Print latencies, rates, CPU times, and how they compare with the targets."""
    with endpoint(folder, RIDGE, {"a": 100.0}) as ((server,), router):
        relay = Relay(server.port)
        ways = {"directly": None, "through the router": router, "through a bare relay": relay}
        try:
            for connections in (1, 32):
                taken: dict[str, list[Round]] = {name: [] for name in ways}
                for number in range(rounds + 1):
                    for name, through in ways.items():
                        one = measured(server, through, connections, seconds)
                        if number:
                            taken[name].append(one)
                _show(connections, taken)
        finally:
            relay.stop()


def _show(connections: int, taken: Mapping[str, list[Round]]) -> None:
    direct = taken["directly"]
    print(f"{connections} connections (medians of {len(direct)} rounds)")
    for name, rounds in taken.items():
        print(
            f"  {name:21} {_median(each.load.median_ms for each in rounds):8.3f} ms "
            f"(best round {min(each.load.median_ms for each in rounds):.3f} ms) "
            f"{_median(each.load.rate for each in rounds):7.0f} requests per second; CPU of a request: "
            f"server {_median(each.server_us for each in rounds):.0f} us"
            + (
                f", between {_median(each.between_us for each in rounds):.0f} us"
                if name != "directly"
                else ""
            )
        )
    for name, rounds in taken.items():
        if name == "directly":
            continue
        more = _median(b.load.median_ms - a.load.median_ms for a, b in zip(direct, rounds, strict=True))
        best = min(each.load.median_ms for each in rounds) - min(each.load.median_ms for each in direct)
        ratio = _median(b.load.rate / a.load.rate for a, b in zip(direct, rounds, strict=True))
        alone = _median(min(1.0, a.server_us / b.between_us) for a, b in zip(direct, rounds, strict=True))
        print(
            f"  {name}: {more:+.3f} ms at the median, {best:+.3f} ms in the best rounds "
            f"(target: {TARGET_MS} ms); {ratio:.0%} of the direct "
            f"throughput where it shares its core with the client, at most {alone:.0%} by its CPU time "
            f"(target: {TARGET_SHARE:.0%})"
        )


def _median(figures: Iterable[float]) -> float:
    return statistics.median(figures)


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
    options.add_argument("--seconds", type=int, default=2, help="of each load")
    options.add_argument("--requests", type=int, default=100_000, help="for the weights")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        cost(Path(name, "cost"), given.rounds, given.seconds)
        weights(Path(name, "weights"), given.requests)


if __name__ == "__main__":
    main()
