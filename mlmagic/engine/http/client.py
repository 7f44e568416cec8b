"""An HTTP client for scoring requests to services."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from mlmagic.core import advice
from mlmagic.core.parity import Answer
from mlmagic.engine.http.connections import CertificateRefused, Connections, NoAnswer, Response
from mlmagic.errors import Advice, InvokeError, UsageError
from mlmagic.scoring.outputs.json_encoder import Unserialisable, encode_request
from mlmagic.scoring.replayed import HEADER, new_identity

CALL_TIMEOUT_SECONDS = 300.0
READ_TIMEOUT_SECONDS = 5.0
_AT_ONCE = 10
"""Idle connections to one service, for calls from several threads."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The credentials of a caller: a key or token, and the certificate to expect."""

    credential: str | None = field(default=None, repr=False)
    """A key or a token; None without authentication."""
    cert_file: str | None = None
    """The file with the service's certificate; None without TLS, or if an authority has signed it."""


NO_CREDENTIALS = Caller()


class Client:
    """Sends requests to services; keeps its connections open between calls."""

    def __init__(self) -> None:
        self._connections = Connections(_AT_ONCE)

    def score(
        self,
        service: str,
        scoring_uri: str,
        data: Any,
        caller: Caller = NO_CREDENTIALS,
        timeout: float = CALL_TIMEOUT_SECONDS,
    ) -> Any:
        """POST ``data`` and return the parsed answer.

        Text and bytes are sent unchanged, as in Azure ML v1; anything else as JSON. Raises
        `InvokeError` with the status and the whole body for every answer but 200, and status 0 when there
        was no answer.
        """
        response = self._request(service, scoring_uri, to_body(data), caller, timeout)
        try:
            return json.loads(response.body)
        except ValueError:
            return response.text

    def post(self, service: str, scoring_uri: str, body: bytes, caller: Caller = NO_CREDENTIALS) -> str:
        """POST ``body`` and return the answer as text; raises as `score` does."""
        return self._request(service, scoring_uri, body, caller, CALL_TIMEOUT_SECONDS).text

    def answer(self, service: str, scoring_uri: str, body: bytes, caller: Caller = NO_CREDENTIALS) -> Answer:
        """POST ``body``, an earlier request's, and return any answer, with its duration.

        Status 0 means that there was no answer. The service neither records nor collects the request.
        """
        began = time.perf_counter()
        identity = {HEADER: new_identity()}
        try:
            status = 200
            text = self._request(service, scoring_uri, body, caller, CALL_TIMEOUT_SECONDS, identity).text
        except InvokeError as error:
            status, text = error.status, error.body
        return Answer(status, text, 1000 * (time.perf_counter() - began))

    def read(self, service: str, uri: str, caller: Caller = NO_CREDENTIALS) -> str:
        """GET ``uri`` of a service and return the answer as text; raises as `score` does."""
        return self._request(service, uri, None, caller, READ_TIMEOUT_SECONDS).text

    def _request(
        self,
        service: str,
        scoring_uri: str,
        body: bytes | None,
        caller: Caller,
        timeout: float,
        more_headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Response:
        headers = {"Content-Type": _content_type(body), "Accept": "application/json", **more_headers}
        if caller.credential is not None:
            headers["Authorization"] = f"Bearer {caller.credential}"
        try:
            response = self._connections.request(
                "GET" if body is None else "POST",
                scoring_uri,
                body=body,
                headers=headers,
                timeout=timeout,
                cert_file=caller.cert_file,
            )
        except CertificateRefused as error:
            raise InvokeError(
                service,
                0,
                f"{scoring_uri} shows a certificate that is not trusted: {_certificate_cause(caller)}",
                hint="If it was renewed a moment ago, try again.",
            ) from error
        except NoAnswer as error:
            raise InvokeError(
                service,
                0,
                f"no answer from {scoring_uri}: {error}",
                hint=Advice("See {logs}.", logs=advice.logs(service)),
            ) from error
        if response.status != 200:
            raise _failure(service, response)
        return response

    def close(self) -> None:
        self._connections.close()


def to_body(data: Any) -> bytes:
    """A request's body: text and bytes verbatim, all else as JSON, by the rules of answers; NaN stays NaN.

    Raises `UsageError` for values that JSON does not have.
    """
    if isinstance(data, bytes):
        return data
    if isinstance(data, str):
        return data.encode()
    try:
        return encode_request(data)
    except Unserialisable as error:
        raise UsageError(
            f"the data cannot be sent as JSON: it holds {error.placed('data')}", hint="Send text or bytes."
        ) from None


def _content_type(body: bytes | None) -> str:
    """JSON, or what was meant as JSON; of other bodies, such as an image, the type for any bytes."""
    if body is None or body.lstrip()[:1] in (b"{", b"["):
        return "application/json"
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return "application/octet-stream"
    return "application/json"


def _failure(service: str, response: Response) -> InvokeError:
    """The error of an answer: the server's message and, if it sent one, the script's traceback."""
    message, traceback = response.text, ""
    try:
        body = json.loads(response.body)
    except ValueError:
        body = None
    if isinstance(body, dict):
        error = body.get("error")
        if isinstance(error, dict):
            message = f"{error.get('type', 'Error')}: {error.get('message', '')}"
            traceback = str(error.get("traceback") or "")
        else:
            message = str(body.get("message") or response.text)
    return InvokeError(
        service,
        response.status,
        response.text,
        headers=dict(response.headers),
        message=message,
        traceback=traceback,
    )


def _certificate_cause(caller: Caller) -> str:
    if caller.cert_file is None:
        return "no authority has signed it for this host"
    return f"it is not the one in {caller.cert_file}"
