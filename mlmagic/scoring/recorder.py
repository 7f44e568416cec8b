"""The last requests, recorded in the run directory if the deployment says so.

    traffic.jsonl, traffic.old.jsonl     one JSON object on a line: time, body, status, ms

`%profile --traffic` and `%parity --traffic` replay them. Only bodies are recorded, never headers, and no
body that is not text or that is very long.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter, time
from typing import TYPE_CHECKING, Any

from mlmagic.scoring.replayed import is_replayed
from mlmagic.scoring.start_errors import StartFailed

if TYPE_CHECKING:
    from mlmagic.scoring.calls.scorer import Reply
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response

VARIABLE = "MLMAGIC_RECORDED_REQUESTS"
NEW, OLD = "traffic.jsonl", "traffic.old.jsonl"
MOST = 100_000
BODY_BYTES = 1 << 20
FILE_BYTES = 64 << 20
WRITE_S = 0.2


class InvalidCount(StartFailed):
    """The variable of the environment holds no number of requests."""

    phase = "limits"


class Recorder:
    """Records requests and their status.

    `listen` is on the hot path; the rows are written by a thread, so a slow disk delays no answer.
    """

    def __init__(self, folder: Path, most: int, loop: asyncio.AbstractEventLoop) -> None:
        self._folder = folder
        self._most = most
        self._loop = loop
        self._waiting: list[dict[str, Any]] = []
        self._waiting_bytes = 0
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="mlmagic-recorder")
        self._writing: Future[None] | None = None
        self._written: int | None = None
        """The rows in the file; None before the first write: an earlier server may have begun it."""
        self._bytes = 0

    @classmethod
    def of(
        cls, folder: Path | None, loop: asyncio.AbstractEventLoop, environment: Mapping[str, str] = os.environ
    ) -> Recorder | None:
        """None if nothing is to be recorded, or without a run directory. Raises `InvalidCount`."""
        text = environment.get(VARIABLE, "").strip()
        if not text or folder is None:
            return None
        if not text.isdecimal() or not 0 < int(text) <= MOST:
            raise InvalidCount(f"{VARIABLE} is {text!r}: it must be a whole number from 1 to {MOST}")
        return cls(folder, int(text), loop)

    def listen(self, request: Request, reply: Reply) -> Reply:
        """``reply``, which also records the response."""
        if request.method != b"POST" or len(request.body) > BODY_BYTES or is_replayed(request.fields):
            return reply

        def heard(response: Response) -> None:
            reply(response)
            self._keep(request, response.status)

        return heard

    def _keep(self, request: Request, status: int) -> None:
        try:
            body = request.body.decode()
        except UnicodeDecodeError:
            return
        if not self._waiting:
            self._loop.call_later(WRITE_S, self._write_soon)
        elapsed = perf_counter() - request.arrived
        self._waiting.append({"time": time(), "body": body, "status": status, "ms": round(elapsed * 1000, 3)})
        self._waiting_bytes += len(body)
        while len(self._waiting) > self._most or self._waiting_bytes > FILE_BYTES:
            self._waiting_bytes -= len(self._waiting.pop(0)["body"])

    def write(self) -> None:
        """Write what was recorded; returns when it is written."""
        self._submit()
        if self._writing is not None:
            self._writing.result()

    def _write_soon(self) -> None:
        if self._writing is not None and not self._writing.done():
            self._loop.call_later(WRITE_S, self._write_soon)
        else:
            self._submit()

    def _submit(self) -> None:
        if self._waiting:
            rows, self._waiting, self._waiting_bytes = self._waiting, [], 0
            self._writing = self._writer.submit(self._append, rows)

    def _append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The previous file is kept, so that the last requests are always there."""
        lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
        try:
            if self._written is None:
                self._written, self._bytes = _count(self._folder / NEW)
            if self._written >= self._most or self._bytes >= FILE_BYTES:
                os.replace(self._folder / NEW, self._folder / OLD)
                self._written = self._bytes = 0
            with open(self._folder / NEW, "ab", opener=partial(os.open, mode=0o600)) as file:
                file.write(lines)
        except OSError:
            return  # a full disk, or a folder that is gone, is no reason to fail
        self._written += len(rows)
        self._bytes += len(lines)


def _count(file: Path) -> tuple[int, int]:
    """The lines and bytes of a file; none if it is missing."""
    lines = size = 0
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(1 << 20):
                lines += chunk.count(b"\n")
                size += len(chunk)
    except FileNotFoundError:
        pass
    return lines, size
