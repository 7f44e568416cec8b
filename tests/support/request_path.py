"""How much work a request is for the server: instructions of the processor, counted by Valgrind.

The figure is the same on a busy machine. The unit is a round of a loop in plain Python, counted in the same
way, so that it also holds for another build of Python. What the script itself does is next to nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from mlmagic.targets.python_path import python_path
from tests.support.waiting import wait_for

VALGRIND = shutil.which("valgrind") or ""
RECORDED = Path(__file__).parents[1] / "benchmarks" / "results" / "request_path.json"
"""By version of Python and case: rounds of the loop."""
MOST = 1.15
FEW, MANY = 100, 600
"""Requests of two servers: the difference is what requests take, without the start."""
START_SECONDS = 120.0
BODY = b'{"data": [[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]]}'
_HEAD = (
    b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)
_PLAIN = "import json\ndef init(): ...\ndef run(data):\n    return json.loads(data)['data'][0]\n"
_TYPED = "def init(): ...\ndef run(data: list[list[float]]) -> list[float]:\n    return data[0]\n"
_MONITORED = {
    "AML_MODEL_DC_STORAGE_ENABLED": "true",
    "MLMAGIC_COLLECT_REQUESTS": "true",
    "AML_APP_INSIGHTS_ENABLED": "true",
}
CASES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "plain": (_PLAIN, {}),
    "typed": (_TYPED, {}),
    "monitored": (_PLAIN, _MONITORED),
}
"""Scripts, and environment variables. Of data collection and traces, what the server itself does counts."""
LOOP = """
import json, sys
class Call:
    __slots__ = ("text", "taken")
    def __init__(self, text):
        self.text, self.taken = text, {}
    def perform(self):
        value = json.loads(self.text)
        for at, each in enumerate(value["data"]):
            self.taken[str(at)] = [number * 2.0 for number in each if number >= 0.0]
        return json.dumps(self.taken).encode()
for _ in range(int(sys.argv[1])):
    Call('{"data": [[0.5, 1.5, 2.5, 3.5], [4.5, 5.5, 6.5, 7.5]]}').perform()
"""


class _Sink(BaseHTTPRequestHandler):
    """A collector that takes what is sent to it."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


def version() -> str:
    """Of Python, as the record names it."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def recorded() -> dict[str, float]:
    """The figures of this version of Python; none if it has no record."""
    kept: dict[str, dict[str, float]] = json.loads(RECORDED.read_text())
    return kept.get(version(), {})


def record(measured: Mapping[str, float]) -> None:
    """Keep the figures as those of this version of Python."""
    known = json.loads(RECORDED.read_text())
    known[version()] = {case: round(rounds, 2) for case, rounds in measured.items()}
    RECORDED.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")


def too_slow(measured: Mapping[str, float], kept: Mapping[str, float]) -> list[str]:
    """The cases that take more than is allowed, in words."""
    return [
        f"{case}: a request takes {measured[case]:.1f} rounds of the loop, "
        f"{measured[case] / kept[case]:.2f} of the recorded {kept[case]:.1f}; {MOST} is allowed"
        for case in kept
        if measured[case] > MOST * kept[case]
    ]


def measure() -> dict[str, float]:
    """What a request takes in each case, in rounds of the loop."""
    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name, _collector() as sink:
        counts = [partial(_loop, count) for count in (FEW, MANY)]
        for case, (script, variables) in CASES.items():
            for count in (FEW, MANY):
                folder = Path(name) / f"{case}-{count}"
                folder.mkdir()
                (folder / "score.py").write_text(script)
                more = (
                    {"AML_MODEL_DC_STORAGE": str(folder), "OTEL_EXPORTER_OTLP_ENDPOINT": sink}
                    if variables
                    else {}
                )
                counts.append(partial(_requests, count, folder, {**variables, **more}))
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # how busy the machine is makes no difference
            found = list(pool.map(lambda count: count(), counts))
    differences = [many - few for few, many in zip(found[::2], found[1::2], strict=True)]
    return dict(zip(CASES, (each / differences[0] for each in differences[1:]), strict=True))


@contextmanager
def _collector() -> Iterator[str]:
    """Its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Sink) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _loop(rounds: int) -> int:
    """Instructions of a process that runs so many rounds of the loop."""
    return _instructions(["-c", LOOP, str(rounds)], {}, lambda process: None)


def _requests(count: int, folder: Path, variables: Mapping[str, str]) -> int:
    """Instructions of a server from its start to its end, with so many requests."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ["-m", "mlmagic.scoring", "--entry-script", str(folder / "score.py"), "--port", str(port)]
    return _instructions(server, variables, partial(_send, count, port))


def _send(count: int, port: int, server: subprocess.Popen[bytes]) -> None:
    """Send so many requests, and stop the server."""
    wait_for(partial(_accepts, port), f"the server at port {port}", timeout=START_SECONDS)
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:
        for _ in range(count):
            connection.sendall(_HEAD % len(BODY) + BODY)
            head = b"".join(iter(answers.readline, b"\r\n"))
            assert head.startswith(b"HTTP/1.1 200"), head
            answers.read(int(re.findall(rb"(?i)content-length: (\d+)", head)[0]))
    server.send_signal(signal.SIGTERM)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _instructions(
    arguments: Sequence[str], variables: Mapping[str, str], use: Callable[[subprocess.Popen[bytes]], None]
) -> int:
    """Instructions of a Python process, from its start to its end."""
    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        out = Path(name) / "counts"
        process = subprocess.Popen(
            [
                *(VALGRIND, "-q", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={out}"),
                *(sys.executable, *arguments),
            ],
            env={**os.environ, **variables, "PYTHONHASHSEED": "0", "PYTHONPATH": python_path()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            use(process)
            process.wait()
        finally:
            process.kill()
            process.wait()
        return int(out.read_text().rpartition("summary: ")[2])
