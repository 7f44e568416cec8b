"""What open cards cost a kernel: `python -m tests.benchmarks.cards`.

50 services on the fake target, whose figures change every second, are supervised by a process of their own.
A real kernel opens so many of their cards; what it uses of a core is measured by its own clock
(`time.process_time`) over a while, with nothing else to do. The target: under 5 % of a core for 50 cards.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.usage import Usage
from mlmagic.engine.engine import Engine
from mlmagic.engine.services import usage_metrics as gauges
from mlmagic.engine.services.reconcile import pace
from mlmagic.targets.fake import FakeTarget
from mlmagic.workspace.location import Location
from tests.benchmarks.deployment import PLAIN_SCRIPT

FIGURES_SECONDS = 1.0
SETTLE_SECONDS = 5.0
START_SECONDS = 120.0

OPEN = """
import time
from pathlib import Path
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.reconcile import pace
from mlmagic.widgets.service_card.card import ServiceCard
from mlmagic.workspace.location import Location

engine = Engine(Location.of_folder(Path({folder!r})), supervise=False, use_daemon=False)
services = engine.services.list()
began = time.process_time()
cards = [ServiceCard(engine, service) for service in services[:{count}]]
opening = time.process_time() - began
drawn = []
for card in cards:
    card.observe(drawn.append, "figures")
"""
MEASURE = """
drawn.clear()
began, used = time.monotonic(), time.process_time()
time.sleep({seconds})
share = (time.process_time() - used) / (time.monotonic() - began)
print([share, opening, len(drawn)])
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--services", type=int, default=50)
    options.add_argument("--seconds", type=float, default=20.0, help="How long each is measured.")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--supervise", metavar="FOLDER", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.supervise:
        supervise(Path(given.supervise), given.services)
        return
    print(f"{'cards':>6}{'share of a core':>18}{'changes a second':>20}{'CPU ms to open one':>22}")
    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        folder = Path(name)
        with supervised(folder, given.services):
            counts = (0, 1, given.services // 5, given.services)
            for count, _ in itertools.product(counts, range(given.rounds)):
                share, opening, drawn = measure(folder, count, given.seconds)
                each = f"{1000 * opening / count:.1f}" if count else "-"
                print(f"{count:6}{share:18.2%}{drawn / given.seconds:20.1f}{each:>22}", flush=True)


def measure(folder: Path, count: int, seconds: float) -> list[float]:
    """Of a kernel with ``count`` cards open: its share of a core, seconds to open them, changes drawn."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        _run(client, OPEN.format(folder=str(folder), count=count))
        _run(client, f"time.sleep({SETTLE_SECONDS})")
        return list(json.loads(_run(client, MEASURE.format(seconds=seconds))))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _run(client: Any, code: str) -> str:
    printed = []

    def hear(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])
        elif message["msg_type"] == "error":
            raise RuntimeError("\n".join(message["content"]["traceback"]))

    client.execute_interactive(code, output_hook=hear, timeout=600)
    return "".join(printed)


@contextmanager
def supervised(folder: Path, count: int) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.benchmarks.cards", "--supervise", str(folder)]
    process = subprocess.Popen(
        [*command, "--services", str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.stdin.close()
        process.wait(60)


def supervise(folder: Path, count: int) -> None:
    """Serve ``count`` fake services until standard input ends."""
    pace.WHILE_SERVING = gauges.USAGE_SECONDS = FIGURES_SECONDS
    target = FakeTarget()
    with _answering() as target.url:
        engine = Engine(Location.of_folder(folder), targets=lambda name: target, use_daemon=False)
        inference = InferenceConfig("score.py", script_text=PLAIN_SCRIPT)
        made = [
            engine.services.deploy(f"svc-{number:02}", [], inference, DeploymentConfig("fake"))
            for number in range(count)
        ]
        for service in made:
            engine.services.wait(service, START_SECONDS)
        print("ready", flush=True)
        ended = threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), ended.set())).start()
        while not ended.wait(FIGURES_SECONDS / 2):
            for number, service in enumerate(target.services.values()):
                cores, memory = (number % 5) / 5, 2e6 * (number + time.monotonic() % 60)
                service.usage = Usage(time.monotonic() * cores, round(memory))
        engine.close()


@contextmanager
def _answering() -> Iterator[str]:
    """A server whose figures are never the same twice."""
    counter = itertools.count(1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen = next(counter)
            latencies = {"p50_ms": 1 + seen % 9, "p99_ms": 9 + seen % 31}
            figures = {"requests": seen * 7, "errors": seen // 50, **latencies}
            body = json.dumps(figures).encode() if self.path == "/metrics" else b"Healthy"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
