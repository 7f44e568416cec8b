"""Sends records to a collector over HTTP, in the process of the server or in one beside it."""

from __future__ import annotations

import gzip
import http.client
import ssl
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from mlmagic.scoring.delivery.delivery import Outcome
from mlmagic.scoring.telemetry.destination import Destination

_RETRIED = (429, 502, 503, 504)


class Sender:
    """Sends one kind of records to one place."""

    def __init__(self, to: Destination, encode: Callable[[Sequence[Any]], bytes]) -> None:
        """``encode`` makes the body of a request of several records."""
        self._to, self._encode = to, encode
        self._encoding = {"Content-Encoding": "gzip"} if to.is_compressed else {}
        self._body, self._count = b"", 0

    def deliver(self, records: Sequence[Any]) -> Outcome:
        """Send them in one request."""
        body = self._encode(records)
        self._body = gzip.compress(body, compresslevel=1) if self._encoding else body
        self._count = len(records)
        return self.again()

    def again(self) -> Outcome:
        """Send the same request once more."""
        status, reason = self._post(self._body)
        if status is not None and 200 <= status < 300:
            return Outcome(self._count)
        if status is None or status in _RETRIED:
            return Outcome(failed=self._count, reason=reason)
        return Outcome(dropped=self._count, reason=reason)

    def close(self) -> None:
        """Nothing stays open."""

    def _post(self, body: bytes) -> tuple[int | None, str]:
        """The status of the answer, None without one, and what is wrong in words."""
        parts = urlsplit(self._to.url)
        headers = {"Content-Type": "application/json", **self._encoding, **self._to.headers}
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection = self._connection(parts.scheme, str(parts.hostname), parts.port)
            try:
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                answer.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            return None, str(error) or type(error).__name__
        return answer.status, f"it answered {answer.status} {answer.reason}".rstrip()

    def _connection(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        seconds = self._to.timeout_seconds
        if scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=seconds)
        context = ssl.create_default_context(cafile=self._to.certificate)
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
