"""Logs: each line that is written during a request has the id of that request.

What a script prints, and what it logs, goes through ``sys.stdout`` and ``sys.stderr``; those of a server
write whole lines, with the id of the request they belong to:

    text    [9f0c...] received 3 rows
    json    {"time": "2026-01-31T12:00:00.000Z", "stream": "stdout", "request_id": "9f0c...", "message": ...}
    cri     2026-01-31T12:00:00.000Z stdout F [9f0c...] received 3 rows

The last is how container runtimes write a container's output into a file (Kubernetes' CRI). The local target
asks for it, and shows the text alone.

Where several processes serve, a line begins with ``[replica 2]``, or has ``"replica": 2``.
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from mlmagic.scoring.http.request import Request

FORMAT = "MLMAGIC_LOG_FORMAT"
FORMATS = TEXT, JSON, CRI = ("text", "json", "cri")

Listener = Callable[[str, str, "Request | None"], None]
"""Takes the name of a stream, a line that was written to it, and its request, if any."""

_answering: ContextVar[Request | None] = ContextVar("answering", default=None)
_follow: Callable[[Request | None], None] | None = None


def answering(request: Request | None) -> None:
    """From now on this thread, or task, works on ``request``, which has its id; None: on no request."""
    if _follow is not None:
        _follow(request)
    _answering.set(request)


def request_id() -> str:
    """The id of the request that this thread, or task, works on; empty if there is none."""
    return _id_of(_answering.get())


class RequestLines(io.TextIOBase):
    """A text stream that marks each line with the id of its request.

    A line is written when it is complete, in one piece, so that lines of several threads do not mix. One that
    is not is kept per thread until it is, or until `flush` of a line that has grown over `LONGEST`.
    """

    LONGEST = 64 * 1024

    def __init__(self, inner: TextIO, name: str, form: str, replica: int | None = None) -> None:
        self._inner = inner
        self._name = name
        self._replica = replica
        self._form = form
        self._unfinished = threading.local()
        self._lock = threading.Lock()
        self._lost = 0
        """How many lines could not be written since one last could."""
        self._reason = ""
        self.listener: Listener | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._inner.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self._inner.errors

    @property
    def buffer(self) -> object:
        """The bytes below, for those who write bytes: they are not marked."""
        return self._inner.buffer

    def fileno(self) -> int:
        return self._inner.fileno()

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        begun = getattr(self._unfinished, "text", "") + text
        whole, newline, rest = begun.rpartition("\n")
        if len(rest) > self.LONGEST:
            whole, newline, rest = begun, "\n", ""
        self._unfinished.text = rest
        if newline:
            request = _answering.get()
            mark = _id_of(request)
            lines = "".join(self._line(line, mark) for line in whole.split("\n"))
            with self._lock:
                self._write(lines)
            if self.listener is not None:
                for line in whole.split("\n"):
                    self.listener(self._name, line, request)
        return len(text)

    def flush(self) -> None:
        with self._lock:
            self._write("")

    def _write(self, lines: str) -> None:
        """Write them, or count them as lost: a full disk is no reason for a request to fail."""
        try:
            if self._lost:
                self._inner.write(f"mlmagic: {self._lost} lines of this log were lost: {self._reason}\n")
                self._inner.flush()
                self._lost = 0
            self._inner.write(lines)
            self._inner.flush()
        except OSError as error:
            self._lost += lines.count("\n")
            self._reason = error.strerror or str(error)

    def _line(self, line: str, mark: str) -> str:
        if self._form == TEXT:
            return f"{self._text(line, mark)}\n"
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self._form == CRI:
            return f"{now} {self._name} F {self._text(line, mark)}\n"
        record: dict[str, str | int] = {"time": now, "stream": self._name}
        if self._replica is not None:
            record["replica"] = self._replica
        if mark:
            record["request_id"] = mark
        return json.dumps({**record, "message": line}, ensure_ascii=False) + "\n"

    def _text(self, line: str, mark: str) -> str:
        start = "" if self._replica is None else f"[replica {self._replica}] "
        return f"{start}[{mark}] {line}" if mark else f"{start}{line}"


def listen(listener: Listener) -> None:
    """From now on ``listener`` gets each line that this process writes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, RequestLines):
            stream.listener = listener


def follow(follower: Callable[[Request | None], None]) -> None:
    """From now on ``follower`` is called wherever `answering` is, with what it gets."""
    global _follow
    _follow = follower


def _id_of(request: Request | None) -> str:
    return "" if request is None else request.identity.decode("latin-1")


def log_format(environment: Mapping[str, str] = os.environ) -> str:
    """``text`` unless the environment says another one of `FORMATS`."""
    said = environment.get(FORMAT, "").strip().lower()
    return said if said in FORMATS else TEXT


def mark_lines(form: str, replica: int | None = None) -> None:
    """Replace the standard streams of this process, which may be one of several replicas."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, RequestLines(stream, name, form, replica))
