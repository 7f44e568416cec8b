"""`rawhttp`: run() gets the whole request, GET, POST or OPTIONS, and may answer with an `AMLResponse`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from io import BytesIO
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import orjson

from mlmagic.scoring.http.multipart import parse_form, split_options
from mlmagic.scoring.http.request import BadInput, Headers, Request
from mlmagic.scoring.inputs.parameters import RAW
from mlmagic.scoring.shims.fields import Fields

Run = TypeVar("Run", bound=Callable[..., Any])


def rawhttp(run: Run) -> Run:
    """Mark ``run``: it takes requests as they are."""
    setattr(run, RAW, AMLRequest)
    return run


class RequestHeaders(Headers):
    """Headers; iterating yields pairs, as scripts of the original expect."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items())

    def getlist(self, name: str) -> list[str]:
        return [self[name]] if name in self else []


class UserAgent(str):
    """What the client says it is."""

    __slots__ = ()

    @property
    def string(self) -> str:
        return str(self)


class AMLRequest:
    """One request; everything is read when it is asked for, as often as it is."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.method = request.method.decode()
        self.path = request.path.decode("latin-1")
        self.query_string = request.query.encode("latin-1")

    @cached_property
    def headers(self) -> RequestHeaders:
        return RequestHeaders(self._request.headers())

    @cached_property
    def args(self) -> Fields:
        """The query."""
        return Fields(parse_qsl(self._request.query, keep_blank_values=True), "query parameter")

    @property
    def full_path(self) -> str:
        """Path and query, with a question mark even where there is no query."""
        return f"{self.path}?{self._request.query}"

    scheme = "http"
    """As it is spoken here; what a proxy before us speaks is in the headers."""
    is_secure = False
    script_root = ""

    @property
    def host(self) -> str:
        return str(self.headers.get("Host", ""))

    @property
    def host_url(self) -> str:
        return f"http://{self.host}/"

    url_root = root_url = host_url

    @property
    def user_agent(self) -> UserAgent:
        return UserAgent(self.headers.get("User-Agent", ""))

    @property
    def base_url(self) -> str:
        return f"http://{self.host}{self.path}"

    @property
    def url(self) -> str:
        return f"{self.base_url}?{self._request.query}" if self._request.query else self.base_url

    @property
    def content_type(self) -> str:
        return str(self.headers.get("Content-Type", ""))

    @property
    def mimetype(self) -> str:
        return split_options(self.content_type)[0]

    @property
    def content_length(self) -> int:
        return len(self.data)

    @property
    def data(self) -> bytes:
        """The body; form and files can be read all the same."""
        return self._request.body

    @property
    def stream(self) -> BytesIO:
        return BytesIO(self.data)

    def get_data(self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False) -> Any:
        """The body, as bytes or as text."""
        return self.data.decode("utf-8", "replace") if as_text else self.data

    @property
    def is_json(self) -> bool:
        kind = self.mimetype
        return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))

    @property
    def json(self) -> Any:
        return self.get_json()

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body's JSON. Raises `BadInput`, a 415 or a 400; with ``silent`` None instead."""
        if not (force or self.is_json):
            if silent:
                return None
            raise BadInput("Expects Content-Type to be application/json", status=415)
        try:
            return orjson.loads(self.data)
        except ValueError as error:
            if silent:
                return None
            raise BadInput(f"The body could not be decoded as JSON: {error}") from None

    @cached_property
    def _form(self) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
        return parse_form(self.content_type, self.data)

    @cached_property
    def form(self) -> Fields:
        return Fields(self._form[0], "form field")

    @cached_property
    def files(self) -> Fields:
        return Fields(self._form[1], "file")

    @cached_property
    def values(self) -> Fields:
        """Query and form together."""
        return Fields([*self.args.items(multi=True), *self._form[0]], "parameter")

    @cached_property
    def cookies(self) -> Fields:
        pairs = (piece.partition("=") for piece in self.headers.get("Cookie", "").split(";") if "=" in piece)
        return Fields(((name.strip(), value.strip()) for name, _, value in pairs), "cookie")
