"""Bytes of a client, as a coverage-guided fuzzer makes them up, against a connection and its service.

    python -m tests.scoring.fuzz.target CORPUS tests/scoring/fuzz/seeds -max_total_time=3600 -max_len=4096

runs for an hour and keeps what reached new code in the folder CORPUS, which must exist; what breaks a promise
is written to crash-* in the current folder: it belongs into seeds/, and into the table in ../hostile.py. The
promises are those of `check`.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import atheris

with atheris.instrument_imports(include=["mlmagic.scoring.http", "mlmagic.scoring.service"]):
    from mlmagic.scoring.http import connection, request, request_reader, response  # noqa: F401
    from mlmagic.scoring.http.connection import HttpConnection
    from mlmagic.scoring.http.request_head import KnownHeads
    from mlmagic.scoring.service import Service

from mlmagic.scoring.http.response import Renderer, Response
from mlmagic.scoring.openapi.swagger import Swagger

from ..hostile import ACCEPTED, REFUSED
from . import reference

SEEDS = Path(__file__).with_name("seeds")
ANSWERS_LIMIT = 4096
_TABLE = [data for _, data, _ in (*ACCEPTED, *REFUSED) if len(data) <= 4096]


class Loop:
    """As much of an event loop as a connection needs; nothing waits."""

    def __init__(self) -> None:
        self.calls: list[tuple[Callable[..., object], tuple[Any, ...]]] = []

    def time(self) -> float:
        return 0.0

    def call_soon(self, call: Callable[..., object], *args: Any) -> None:
        self.calls.append((call, args))

    def call_later(self, seconds: float, call: Callable[..., object], *args: Any) -> Any:
        return SimpleNamespace(cancel=lambda: None)

    def settle(self) -> None:
        while self.calls:
            call, args = self.calls.pop(0)
            call(*args)


class Scorer:
    """Echoes, and writes down what reached it."""

    def __init__(self) -> None:
        self.renderer = Renderer()
        self.script = SimpleNamespace(input=SimpleNamespace(takes_options=False), module=None, schema=None)
        self.counters = SimpleNamespace(summary=lambda: {"requests": 0})

    def submit(self, request_: Any, reply: Callable[[Response], None]) -> None:
        reply(Response(200, request_.body))


class Client:
    """One connection to the service, and what came back."""

    descriptors = observe = None
    """As for a service without a server."""

    def __init__(self, service: Service) -> None:
        self.loop = Loop()
        self.requests: list[Any] = []
        self.written = bytearray()
        self.closed = self.ended = self.paused = False
        self._service = service
        self.renderer = service.renderer
        self.admits = service.admits
        self.heads = service.heads
        self.connection = HttpConnection(self, set(), self.loop)  # type: ignore[arg-type]
        self.connection.connection_made(self)

    def answer(self, request_: Any, reply: Callable[[Response], None]) -> None:
        self.requests.append(request_)
        self._service.answer(request_, reply)

    def send(self, data: bytes) -> None:
        if not self.closed:
            self.connection.data_received(data)
            self.loop.settle()
            # A read is fed in slices of 32 KiB: one is read ahead, and a body of at most what was sent.
            assert len(self.connection._reader.unparsed) <= len(data)

    def get_extra_info(self, name: str) -> None:
        return None

    def write(self, data: bytes) -> None:
        assert not self.closed
        assert not self.ended
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def said(self) -> list[tuple[Any, ...]]:
        """What there is to compare: requests, answers, and whether more may follow."""
        methods = [each.method for each in self.requests]
        found = reference.answers(bytes(self.written), methods)
        if self.ended:  # of several mistakes, the first that is noticed is the reason
            found[-1] = (found[-1][0] >= 400, b"")
        asked = [(each.method, each.target, each.fields, each.body) for each in self.requests]
        return [*asked, *found, (self.closed, self.ended)]


def check(service: Service, data: bytes) -> None:
    """All that is promised to a client, whatever it sends.

    Nothing is raised. Each request has one answer that another program can read, and at most one refusal
    follows them. A strict reader sees no fewer requests than we do. How the bytes are cut changes nothing.
    """
    service.heads = KnownHeads()  # what was sent before must not decide
    whole = Client(service)
    whole.send(data)
    said = whole.said()
    refusals = len(said) - 1 - 2 * len(whole.requests)
    assert refusals in (0, 1), said
    assert not any(each[0] == 500 for each in said), said
    assert refusals == whole.ended
    assert len(whole.requests) <= reference.requests(data), whole.requests
    assert len(whole.written) <= (len(whole.requests) + 1) * ANSWERS_LIMIT + len(data)
    for size in (len(data), 1, 1 + sum(data) % 61):  # the first meets heads that are known by now
        parts = Client(service)
        for at in range(0, len(data), size or 1):
            parts.send(data[at : at + size])
        assert parts.said() == said, size


def make_service() -> Service:
    class Plain(Service):
        """Without the routes that read files or wait for threads: there is no loop here."""

        def _metrics(self, request_: Any, reply: Callable[[Response], None]) -> None:
            reply(Response(200, b"{}"))

    return Plain(Scorer(), Swagger(Path("/nowhere"), {}))  # type: ignore[arg-type]


def plant(folder: Path) -> None:
    """Write the table of hostile requests as a corpus."""
    for number, data in enumerate(_TABLE):
        (folder / f"table-{number}").write_bytes(data)


def mutate(data: bytes, limit: int, seed: int) -> bytes:
    """Words of the table are mixed: the parser is in C, where the fuzzer sees no new branches."""
    chance = random.Random(seed)
    if chance.random() < 0.4:
        return atheris.Mutate(data, limit)
    pieces, others = _cut(data), _cut(chance.choice(_TABLE))
    for _ in range(chance.randint(1, 4)):
        at, end = sorted(chance.randint(0, len(pieces)) for _ in range(2))
        start = chance.randint(0, len(others))
        pieces[at : chance.choice((at, at + 1, end))] = others[start : start + chance.randint(0, 6)]
    return b"".join(pieces)[:limit]


def _cut(data: bytes) -> list[bytes]:
    return re.findall(rb"[A-Za-z]+|[0-9a-f]+|\r\n|.", data, re.DOTALL)


def main() -> None:
    service = make_service()
    plant(Path(sys.argv[1]))
    atheris.Setup(sys.argv, lambda data: check(service, data), custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
