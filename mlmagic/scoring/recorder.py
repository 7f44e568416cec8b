"""The last requests, recorded in the run directory if the deployment says so.

    traffic.jsonl, traffic.old.jsonl     one JSON object on a line: time, body, status, ms

`%profile --traffic` and `%parity --traffic` replay them. Only bodies are recorded, never headers, and no
body that is not text or that is very long.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from time import perf_counter, time
from typing import TYPE_CHECKING, Any

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
    """Records requests and their status; `listen` is on the hot path, the writing is not."""

    def __init__(self, folder: Path, most: int, loop: asyncio.AbstractEventLoop) -> None:
        self._folder = folder
        self._most = most
        self._loop = loop
        self._waiting: list[dict[str, Any]] = []
        self._written = self._bytes = 0

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
        if request.method != b"POST" or len(request.body) > BODY_BYTES:
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
            self._loop.call_later(WRITE_S, self.write)
        elapsed = perf_counter() - request.arrived
        self._waiting.append({"time": time(), "body": body, "status": status, "ms": round(elapsed * 1000, 3)})
        del self._waiting[: -self._most]

    def write(self) -> None:
        """Write what was recorded; the previous file is kept, so that the last requests are always there."""
        if not self._waiting:
            return
        rows, self._waiting = self._waiting, []
        lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
        try:
            if self._written >= self._most or self._bytes >= FILE_BYTES:
                os.replace(self._folder / NEW, self._folder / OLD)
                self._written = self._bytes = 0
            with open(self._folder / NEW, "ab", opener=partial(os.open, mode=0o600)) as file:
                file.write(lines)
        except OSError:
            return  # a full disk, or a folder that is gone, is no reason to fail
        self._written += len(rows)
        self._bytes += len(lines)
