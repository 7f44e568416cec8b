"""The HTTP server of published pipelines: a POST to the URL of one starts a run.

It listens on 127.0.0.1 only, and every request needs an access token of the user that runs it.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mlmagic.core.pipeline_request import BODY_LIMIT, read_request
from mlmagic.core.pipeline_urls import address_of
from mlmagic.engine.pipeline_endpoints.submissions import Answer, Submissions, refusal
from mlmagic.errors import UsageError
from mlmagic.scoring.authentication import Authenticator
from mlmagic.scoring.http.allowed_hosts import AllowedHosts
from mlmagic.scoring.http.caller_check import is_same_origin
from mlmagic.scoring.telemetry.job_spans import variables_of_caller
from mlmagic.workspace.pipeline_server import HOST

CONNECTIONS_LIMIT = 64
READ_SECONDS = 30.0
"""So long a connection may send nothing, and so long may a body take."""
_DISCARD_LIMIT = 16 * BODY_LIMIT
_is_length = re.compile(r"[0-9]{1,18}").fullmatch
_PART_BYTES = 65536
_TOO_MANY = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
_NO_TOKEN = (
    "The request needs the access token of the user who runs this server. Send the header that "
    "InteractiveLoginAuthentication().get_authentication_header() returns; it is valid for an hour."
)


class Refused(Exception):
    """The request is refused with an `Answer`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = refusal(status, message)


class _Server(ThreadingHTTPServer):
    """With a limit of connections, each of which costs a thread."""

    request_queue_size = CONNECTIONS_LIMIT
    daemon_threads = False  # requests that have arrived are answered before the server ends

    def __init__(self, *arguments: Any) -> None:
        self._free = threading.BoundedSemaphore(CONNECTIONS_LIMIT)
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            with suppress(OSError):
                request.send(_TOO_MANY)
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error, unless the caller has closed the connection."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def listen(submissions: Submissions, authenticator: Authenticator, port: int) -> ThreadingHTTPServer:
    """The server, bound; its ``serve_forever`` answers. Port 0 is a free one. Raises `OSError`."""
    hosts = AllowedHosts.of("", HOST)
    checking = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        timeout = READ_SECONDS

        def do_POST(self) -> None:
            try:
                body = self._read()  # also of a request that is refused: else its sender may see a reset
                self._check_caller()
                caller = variables_of_caller({name.lower(): value for name, value in self.headers.items()})
                self._send(_submitted(submissions, self.path, body, caller))
            except Refused as refused:
                self._send(refused.answer)

        def _check_caller(self) -> None:
            """Raises `Refused` for a host that is none of this machine, a web page, and a wrong token."""
            host = self.headers.get("Host", "")
            if hosts is not None and not hosts.admits(_bytes(host)):
                raise Refused(421, f"Host {host[:100]!r} is not a name of this machine. Use {HOST}.")
            fields = {_bytes(name.lower()): _bytes(value) for name, value in self.headers.items()}
            if not is_same_origin(fields):
                raise Refused(403, "A web page may not start pipelines. Send the request from a program.")
            given = self.headers.get("Authorization")
            with checking:  # it is made for one thread
                admitted = authenticator.admits(b"/run", None if given is None else _bytes(given))
            if not admitted:
                raise Refused(401, _NO_TOKEN)

        def _read(self) -> bytes | None:
            """The body; None for one that is too large, which is discarded."""
            length = self.headers.get("Content-Length", "0")
            if "Transfer-Encoding" in self.headers or not _is_length(length):
                raise Refused(411, f"Content-Length {length[:50]!r} must be the number of bytes of the body.")
            wanted, until = int(length), time.monotonic() + READ_SECONDS
            body, left = bytearray(), min(wanted, _DISCARD_LIMIT)
            while left:
                try:
                    part = self.rfile.read1(min(left, _PART_BYTES))
                except TimeoutError:
                    part = None
                if part is None or time.monotonic() > until:
                    raise Refused(408, f"The body did not arrive within {READ_SECONDS:g} seconds.")
                if not part:
                    raise Refused(400, f"The body ended after {wanted - left} of {wanted} bytes.")
                left -= len(part)
                if wanted <= BODY_LIMIT:
                    body += part
            return bytes(body) if wanted <= BODY_LIMIT else None

        def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
            """Errors of the protocol, such as another method than POST."""
            self.request_version = self.protocol_version  # else an answer to HTTP/0.9 has no head
            status = 405 if code == 501 else code
            hint = " Send a POST." if status == 405 else ""
            self._send(refusal(status, f"{message or 'The request is refused'}.{hint}"))

        def _send(self, answer: Answer) -> None:
            content = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("X-Content-Type-Options", "nosniff")
            if answer.status == 401:
                self.send_header("WWW-Authenticate", "Bearer")
            if answer.status == 405:
                self.send_header("Allow", "POST")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """The runs are recorded: requests are not printed."""

    return _Server((HOST, port), Handler)


def _submitted(
    submissions: Submissions, target: str, body: bytes | None, variables: Mapping[str, str]
) -> Answer:
    """Start the run of a request. Raises `Refused` for one that can be refused without the pipeline."""
    if body is None:
        raise Refused(413, f"The body exceeds {BODY_LIMIT} bytes. Send values of parameters, not data.")
    try:
        address_of(target)
    except UsageError as error:
        raise Refused(404, str(error)) from None
    try:
        read_request(body)
    except UsageError as error:
        raise Refused(400, str(error)) from None
    return submissions.submit(target, body.decode("utf-8"), variables)


def _bytes(field: str) -> bytes:
    return field.encode("latin-1", "replace")
