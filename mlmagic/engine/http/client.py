"""Calling a service over HTTP, as any client would."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

import orjson

from mlmagic.core.parity import Answer
from mlmagic.core.plain_values import plain
from mlmagic.engine.http.connections import CertificateRefused, Connections, NoAnswer, Response
from mlmagic.errors import InvokeError, UsageError

CALL_TIMEOUT_SECONDS = 300.0
READ_TIMEOUT_SECONDS = 5.0
_AT_ONCE = 10
"""Idle connections to one service, for calls from several threads."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What a client must know to ask a service."""

    credential: str | None = field(default=None, repr=False)
    """A key or a token; None where anybody may ask."""
    cert_file: str | None = None
    """The certificate it shows; None for one that an authority has signed for its host, or for no TLS."""


ANYBODY = Caller()


class Client:
    """Sends requests to services; keeps its connections open between calls."""

    def __init__(self) -> None:
        self._connections = Connections(_AT_ONCE)

    def score(
        self,
        service: str,
        scoring_uri: str,
        data: Any,
        caller: Caller = ANYBODY,
        timeout: float = CALL_TIMEOUT_SECONDS,
    ) -> Any:
        """POST ``data`` and return the parsed answer.

        Text and bytes are sent as they are (the documents' way); anything else as JSON. Raises
        `InvokeError` with the status and the whole body for every answer but 200, and status 0 when there
        was no answer.
        """
        response = self._asked(service, scoring_uri, to_body(data), caller, timeout)
        try:
            return json.loads(response.body)
        except ValueError:
            return response.text

    def ask(self, service: str, scoring_uri: str, body: bytes, caller: Caller = ANYBODY) -> str:
        """POST ``body`` and return the answer as text; raises as `score` does."""
        return self._asked(service, scoring_uri, body, caller, CALL_TIMEOUT_SECONDS).text

    def answer(self, service: str, scoring_uri: str, body: bytes, caller: Caller = ANYBODY) -> Answer:
        """POST ``body``; whatever comes of it, with how long it took. Status 0 where nobody answered."""
        began = time.perf_counter()
        try:
            status, said = 200, self.ask(service, scoring_uri, body, caller)
        except InvokeError as error:
            status, said = error.status, error.body
        return Answer(status, said, 1000 * (time.perf_counter() - began))

    def read(self, service: str, uri: str, caller: Caller = ANYBODY) -> str:
        """GET what a service says of itself, as text; raises as `score` does."""
        return self._asked(service, uri, None, caller, READ_TIMEOUT_SECONDS).text

    def _asked(
        self, service: str, scoring_uri: str, body: bytes | None, caller: Caller, timeout: float
    ) -> Response:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
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
                service, 0, f"no answer from {scoring_uri}: {error}", hint=f"See %logs {service}."
            ) from error
        if response.status != 200:
            raise _failure(service, response)
        return response

    def close(self) -> None:
        self._connections.close()


def to_body(data: Any) -> bytes:
    """A request's body: text and bytes verbatim, tables as records, all else as JSON (NaN as null).

    Raises `UsageError` for what JSON cannot say.
    """
    if isinstance(data, bytes):
        return data
    if isinstance(data, str):
        return data.encode()
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(data, default=plain, option=options)
    except TypeError as error:
        reason = error.__cause__ or error
        raise UsageError(f"the data cannot be sent as JSON: {reason}", hint="Send text or bytes.") from None


def _failure(service: str, response: Response) -> InvokeError:
    """The server's message and, where it sent one, the script's own traceback."""
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
