"""Calling a service over HTTP, as any client would."""

from __future__ import annotations

from typing import Any

import orjson
import requests

from mlmagic.errors import InvokeError, UsageError

CALL_TIMEOUT_SECONDS = 300.0


class Client:
    """Sends requests to services; keeps its connections open between calls."""

    def __init__(self) -> None:
        self._session = requests.Session()
        # The services are on this machine or named by the user: no proxy of the environment's in between.
        self._session.trust_env = False

    def score(self, service: str, scoring_uri: str, data: Any, timeout: float = CALL_TIMEOUT_SECONDS) -> Any:
        """POST ``data`` and return the parsed answer.

        Text and bytes are sent as they are (the documents' way); anything else as JSON. Raises
        `InvokeError` with the status and the whole body for every answer but 200, and status 0 when there
        was no answer.
        """
        try:
            response = self._session.post(
                scoring_uri,
                data=to_body(data),
                headers={"Content-Type": "application/json", "Accept": "application/json"},
                timeout=timeout,
            )
        except requests.RequestException as error:
            raise InvokeError(
                service, 0, f"no answer from {scoring_uri}: {_cause(error)}", hint=f"See %logs {service}."
            ) from error
        if response.status_code != 200:
            raise _failure(service, response)
        try:
            return response.json()
        except ValueError:
            return response.text

    def close(self) -> None:
        self._session.close()


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
        return orjson.dumps(data, default=_plain, option=options)
    except TypeError as error:
        reason = error.__cause__ or error
        raise UsageError(f"the data cannot be sent as JSON: {reason}", hint="Send text or bytes.") from None


def _plain(value: Any) -> Any:
    if hasattr(value, "to_dict"):
        try:
            return value.to_dict(orient="records")
        except TypeError:
            return value.to_dict()
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"it holds an object of type {type(value).__name__}")


def _failure(service: str, response: requests.Response) -> InvokeError:
    """The server's message and, where it sent one, the script's own traceback."""
    message, traceback = response.text, ""
    try:
        body = response.json()
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
        response.status_code,
        response.text,
        headers=dict(response.headers),
        message=message,
        traceback=traceback,
    )


def _cause(error: BaseException) -> str:
    """The innermost reason, without requests' wrapping of it."""
    if isinstance(error, requests.Timeout):
        return "it took too long"
    if isinstance(error, requests.ConnectionError):
        return "nothing accepts connections there, or it was cut off"
    return str(error)
