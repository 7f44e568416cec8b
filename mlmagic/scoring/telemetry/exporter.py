"""Sends records in batches from a thread of its own: a request waits for nothing.

What a collector does not take in time is given up, and counted in the log: a collector that is away costs the
service a bounded amount of memory, and no request.
"""

from __future__ import annotations

import gzip
import http.client
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from mlmagic.scoring.telemetry.destination import Destination

MOST_WAITING = 8192
"""So many records wait at most; of more, the newest are given up."""
MOST_AT_ONCE = 512
DELAY_SECONDS = 1.0
"""How long a record waits for others to be sent with."""
CLOSE_SECONDS = 3.0
"""How long the end of the server waits for what is still to be sent."""
_RETRIED = (429, 502, 503, 504)
_PAUSES = (0.5, 1.0, 2.0)
_QUIET_SECONDS = 60.0
"""Between two lines of the log about what could not be sent."""


class Exporter:
    """Sends one kind of records to one place."""

    def __init__(self, what: str, to: Destination, encode: Callable[[Sequence[Any]], bytes]) -> None:
        """``what`` is for messages; ``encode`` makes the body of a request of several records."""
        self._what, self._to, self._encode = what, to, encode
        self._waiting: deque[Any] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._deadline = float("inf")
        self._counting = threading.Lock()
        self._lost, self._reason, self._told = 0, "", -_QUIET_SECONDS
        self._thread = threading.Thread(target=self._run, name=f"mlmagic {what}", daemon=True)
        self._thread.start()

    def add(self, record: Any) -> None:
        """Take a record; returns at once."""
        if len(self._waiting) >= MOST_WAITING:
            self._lose(1, "the collector is too slow")
            return
        self._waiting.append(record)
        if len(self._waiting) >= MOST_AT_ONCE:
            self._wake.set()

    def close(self) -> None:
        """Send what is waiting, for a few seconds at most."""
        self._closing = True
        self._deadline = time.monotonic() + CLOSE_SECONDS
        self._wake.set()
        self._thread.join(CLOSE_SECONDS)
        if self._waiting:
            self._lose(len(self._waiting), "the server ended")
        self._tell(at_once=True)

    def _run(self) -> None:
        while True:
            self._wake.wait(DELAY_SECONDS)
            self._wake.clear()
            while self._waiting:
                count = min(len(self._waiting), MOST_AT_ONCE)
                self._send([self._waiting.popleft() for _ in range(count)])
            self._tell()
            if self._closing:
                return

    def _send(self, records: Sequence[Any]) -> None:
        body = gzip.compress(self._encode(records), compresslevel=1)
        for pause in (*_PAUSES, None):
            status, reason = self._post(body)
            if status is not None and 200 <= status < 300:
                return
            late = time.monotonic() + (pause or 0) > self._deadline
            if pause is None or late or (status is not None and status not in _RETRIED):
                break
            time.sleep(min(pause, max(0.0, self._deadline - time.monotonic())))
        self._lose(len(records), reason)

    def _post(self, body: bytes) -> tuple[int | None, str]:
        """The status of the answer, None without one, and what is wrong in words."""
        parts = urlsplit(self._to.url)
        seconds = max(0.1, min(self._to.timeout_seconds, self._deadline - time.monotonic()))
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", **self._to.headers}
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection = self._connection(parts.scheme, str(parts.hostname), parts.port, seconds)
            try:
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                answer.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            return None, str(error) or type(error).__name__
        return answer.status, f"it answered {answer.status} {answer.reason}".rstrip()

    def _connection(
        self, scheme: str, host: str, port: int | None, seconds: float
    ) -> http.client.HTTPConnection:
        if scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=seconds)
        context = ssl.create_default_context(cafile=self._to.certificate)
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)

    def _lose(self, count: int, reason: str) -> None:
        with self._counting:
            self._lost += count
            self._reason = self._reason or reason

    def _tell(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        with self._counting:
            if not self._lost or (now - self._told < _QUIET_SECONDS and not at_once):
                return
            lost, self._lost, self._told = self._lost, 0, now
            reason, self._reason = self._reason, ""
        place = urlsplit(self._to.url)
        where = f"{place.scheme}://{place.hostname}" + (f":{place.port}" if place.port else "")
        print(
            f"mlmagic: {lost} {self._what} were not sent to {where}: {reason}",
            file=sys.__stderr__,  # not into the log that is sent
            flush=True,
        )
