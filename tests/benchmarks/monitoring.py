"""What data collection, traces, logs and metrics cost a service: `python -m tests.benchmarks.monitoring`.

Services of this machine with the same script, which differ in what they record, get the same requests over 32
connections, in turn. The targets: with data collection, the 99th percentile of the latency is at most 5 %
worse; with everything, there are at least 0.9 of the requests per second. ``--rate`` sends so many requests
per second; by default each connection sends its next request when it has the answer. Traces, lines of the log
and metrics go to a collector in a process of its own, which reads and discards them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.engine.engine import Engine
from mlmagic.targets.local import zygote
from mlmagic.workspace.location import Location

CONNECTIONS = 32
ROWS, COLUMNS = 1, 10
SCRIPTS = {
    "linear": "import numpy as np\nimport json\n"
    "def init():\n    global w\n    w = np.arange(10) / 7\n"
    "def run(data):\n    return (np.array(json.loads(data)['data']) @ w).tolist()\n",
    "ridge": "import numpy as np\nimport json\n"
    "from sklearn.linear_model import Ridge\n"
    "def init():\n    global model\n"
    "    x = np.random.default_rng(0).normal(size=(500, 10))\n"
    "    model = Ridge().fit(x, x.sum(1))\n"
    "def run(data):\n    return model.predict(np.array(json.loads(data)['data'])).tolist()\n",
    "forest": "import numpy as np\nimport json\n"
    "from sklearn.ensemble import RandomForestRegressor\n"
    "def init():\n    global model\n"
    "    x = np.random.default_rng(0).normal(size=(500, 10))\n"
    "    model = RandomForestRegressor(20, n_jobs=1, random_state=0).fit(x, x.sum(1))\n"
    "def run(data):\n    return model.predict(np.array(json.loads(data)['data'])).tolist()\n",
}
COLLECTION, TELEMETRY = {"collect_model_data": True}, {"enable_app_insights": True}
SETTINGS = {"nothing": {}, "collection": COLLECTION, "telemetry": TELEMETRY, "all": COLLECTION | TELEMETRY}
BODY = json.dumps({"data": [[n + c / 10 for c in range(COLUMNS)] for n in range(ROWS)]}).encode()


class Sink(BaseHTTPRequestHandler):
    """Takes what is sent to it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read it and forget it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def serve(port: Connection) -> None:
    """The collector's process."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # it would be on another machine
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    port.send(server.server_port)
    server.serve_forever()


async def load(uri: str, seconds: float, rate: float | None) -> tuple[float, float]:
    """Requests per second, and the 99th percentile of the latency in milliseconds."""
    address = urlsplit(uri)
    head = f"POST {address.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    taken: list[float] = []
    begin = time.perf_counter() + 0.1
    end = begin + seconds

    async def connection(number: int) -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        due = begin + (number / rate if rate else 0.0)
        while due < end:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sent = due if rate else time.perf_counter()  # so that queueing delay counts
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer
            length = int(answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            now = time.perf_counter()
            taken.append(now - sent)
            due = due + CONNECTIONS / rate if rate else now
        writer.close()

    await asyncio.gather(*(connection(number) for number in range(CONNECTIONS)))
    return len(taken) / seconds, statistics.quantiles(taken, n=100)[98] * 1000


def compare(engine: Engine, script: str, rounds: int, seconds: float, rate: float | None) -> None:
    """Print both, and their ratios round by round."""
    for name, settings in SETTINGS.items():
        config = DeploymentConfig("local", compute_settings=dict(settings), max_request_wait_time=60_000)
        inference = InferenceConfig("score.py", script_text=SCRIPTS[script])
        engine.services.wait(engine.services.deploy(f"{script}-{name}", [], inference, config))
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in SETTINGS}
    for number in range(rounds + 1):
        for name in list(SETTINGS)[:: -1 if number % 2 else 1]:
            uri = str(engine.services.get(f"{script}-{name}").scoring_uri)
            figures = uvloop.run(load(uri, seconds, rate))
            if number:  # the first round warms both up
                found[name].append(figures)
    print(f"{script}, {'as fast as it answers' if rate is None else f'{rate:g} requests per second'}")
    for name, figures in found.items():
        rps, p99 = (statistics.median(column) for column in zip(*figures, strict=True))
        shares = ""
        if name != "nothing":
            pairs = list(zip(found["nothing"], figures, strict=True))
            of_rps = statistics.median(on[0] / off[0] for off, on in pairs)
            of_p99 = statistics.median(on[1] / off[1] for off, on in pairs)
            shares = f"   {of_rps:.2f} of the requests, {of_p99:.2f} of the p99"
        print(f"  {name:12}{rps:8.0f} requests per second   p99 {p99:7.3f} ms{shares}")
    for name in SETTINGS:
        engine.services.delete(f"{script}-{name}")
    for name in ("collection", "all"):
        print(f"  rows collected by {name}: {len(engine.collected_data.read(f'{script}-{name}'))}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=40)
    options.add_argument("--seconds", type=float, default=0.75)
    options.add_argument("--rate", type=float)
    options.add_argument("--script", choices=SCRIPTS)
    given = options.parse_args()
    ours, theirs = multiprocessing.Pipe()
    collector = multiprocessing.get_context("spawn").Process(target=serve, args=[theirs], daemon=True)
    collector.start()
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{ours.recv()}"
    zygote.start()
    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        engine = Engine(Location.of_folder(Path(name)), use_daemon=False)
        try:
            for script in [given.script] if given.script else SCRIPTS:
                compare(engine, script, given.rounds, given.seconds, given.rate)
        finally:
            for service in engine.services.list():
                engine.services.delete(service.name)
            engine.close()
            zygote.stop()
            collector.kill()


if __name__ == "__main__":
    main()
