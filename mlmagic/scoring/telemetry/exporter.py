"""Sends records in batches from a thread of its own: a request waits for nothing.

What a collector does not take in time is given up, and counted in the log: a collector that is away costs the
service a bounded amount of memory, and no request.
"""

from __future__ import annotations

import gzip
import http.client
import ssl
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from mlmagic.scoring.batch_thread import BatchThread, Losses
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


class Exporter(ABC):
    """Sends one kind of records to one place."""

    def __init__(self, what: str, url: str) -> None:
        """``what`` and the host of ``url`` are for messages."""
        place = urlsplit(url)
        where = f"{place.scheme}://{place.hostname}" + (f":{place.port}" if place.port else "")
        # Not into the log that is sent.
        self._losses = Losses(f"{what} were not sent to {where}", _QUIET_SECONDS, lambda: sys.__stderr__)
        self._thread = BatchThread(
            f"mlmagic {what}",
            self._deliver,
            most_waiting=MOST_WAITING,
            most_at_once=MOST_AT_ONCE,
            delay_s=DELAY_SECONDS,
        )

    def add(self, record: Any) -> None:
        """Take a record; returns at once."""
        if not self._thread.add(record):
            self._losses.add(1, "the collector is too slow")

    def close(self) -> None:
        """Send what is waiting, for a few seconds at most."""
        if left := self._thread.close(CLOSE_SECONDS):
            self._losses.add(len(left), "the server ended")
        self._losses.log(at_once=True)

    def _deliver(self, records: Sequence[Any]) -> None:
        if records:
            self._send(records)
        else:
            self._losses.log()

    @abstractmethod
    def _send(self, records: Sequence[Any]) -> None:
        """Send records, or count them as lost."""


class OtlpExporter(Exporter):
    """Sends them to an OpenTelemetry collector, as OTLP over HTTP."""

    def __init__(self, what: str, to: Destination, encode: Callable[[Sequence[Any]], bytes]) -> None:
        """``encode`` makes the body of a request of several records."""
        super().__init__(what, to.url)
        self._to, self._encode = to, encode

    def _send(self, records: Sequence[Any]) -> None:
        body = gzip.compress(self._encode(records), compresslevel=1)
        for pause in (*_PAUSES, None):
            status, reason = self._post(body)
            if status is not None and 200 <= status < 300:
                return
            refused = status is not None and status not in _RETRIED
            if pause is None or refused or not self._thread.may_retry_after(pause):
                break
        self._losses.add(len(records), reason)

    def _post(self, body: bytes) -> tuple[int | None, str]:
        """The status of the answer, None without one, and what is wrong in words."""
        parts = urlsplit(self._to.url)
        seconds = max(0.1, min(self._to.timeout_seconds, self._thread.seconds_left))
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
