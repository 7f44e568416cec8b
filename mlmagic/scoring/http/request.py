"""One HTTP request as the service sees it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import orjson

from mlmagic.scoring.http.body_budget import BUDGET, RETRY, HeldBytes
from mlmagic.scoring.http.peer import Peer


class BadInput(Exception):
    """The request cannot be handed to run(); the message says why.

    Raised in a script by what we handed to it, it is the client's mistake all the same.
    """

    def __init__(self, message: str, *, status: int = 400, fields: bytes = b"") -> None:
        """``fields`` are more headers of the answer, as complete lines."""
        super().__init__(message)
        self.status = status
        self.fields = fields


class Busy(BadInput):
    """The budget of all bodies has no room for what this one is read to, but may have it later."""

    def __init__(self) -> None:
        super().__init__(BUDGET.exhausted(), status=503, fields=RETRY)


class Headers(dict[str, str]):
    """Header fields; names are written Like-This and found in any case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.title())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.title())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.title(), default)


_UNKNOWN = Peer()


@dataclass(slots=True, eq=False)
class Request:
    """A complete request."""

    method: bytes
    target: bytes
    fields: dict[bytes, bytes]
    """The headers: lower-case names; the values of a repeated header are joined with commas."""
    body: bytes = b""
    _: KW_ONLY
    version: str = "1.1"
    keep_alive: bool = True
    arrived: float = field(default=0.0, init=False)
    """When it was complete, by `time.perf_counter`."""
    called: float = field(default=0.0, init=False)
    """When the script was called for it first, by the same clock; 0: not yet."""
    admitted: bool = field(default=True, init=False)
    """It has a valid credential, or needs none."""
    head: bytes = field(default=b"", init=False)
    """Its lines as they came, if it was known by them."""
    identity: bytes = field(default=b"", init=False)
    """The request id; empty until it is needed."""
    values: dict[str, Any] | None = field(default=None, init=False)
    """The body as values by name, if it was read already."""
    encoder: Callable[[Any], Any] | None = field(default=None, init=False)
    """Makes the `Response` of what run() returned; None for JSON."""
    received: bytes | None = field(default=None, init=False)
    """The body as it came, if it has been read already and `body` is empty since then."""
    contexts: Any = field(default=None, init=False)
    """Of its spans, if somebody has to know their ids: see `mlmagic.scoring.telemetry.telemetry`."""
    recorded: bool = field(default=False, init=False)
    """What is kept of it has been put together: nobody learns the ids of its spans any more."""
    peer: Peer = field(default=_UNKNOWN, init=False)
    """The other end of the connection."""
    held: HeldBytes | None = field(default=None, init=False)
    """What the body takes of the budget of all bodies; None of a small one."""
    abandoned: bool = field(default=False, init=False)
    """The client has disconnected: nobody will read the answer."""

    def hold(self, size: int) -> None:
        """Count ``size`` bytes more, unless they are few. Raises `Busy`."""
        if size <= BUDGET.small:
            return
        if self.held is None:
            self.held = HeldBytes(BUDGET)
        if not self.held.add(size):
            raise Busy

    @property
    def path(self) -> bytes:
        return path_of(self.target)

    @property
    def query(self) -> str:
        return _split(self.target)[1].decode("latin-1")

    def text(self) -> str:
        """What run() gets: the body, or for GET the query as a JSON object. Raises `BadInput`."""
        if self.method == b"GET":
            return query_as_json(self.query)
        if self.values is not None:
            text: str = orjson.dumps(self.values, option=orjson.OPT_SERIALIZE_NUMPY).decode()
            return text
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise BadInput(f"Input cannot be decoded as UTF-8: {error}") from None

    def headers(self) -> Headers:
        """The fields as text."""
        return Headers(
            (name.decode("latin-1").title(), value.decode("latin-1")) for name, value in self.fields.items()
        )

    def parameter(self, name: str) -> str | None:
        """The first value of ``name`` in the query."""
        return next((value for key, value in _pairs(self.query) if key == name), None)


def query_as_json(query: str) -> str:
    """`query_values` as JSON text."""
    return json.dumps(query_values(query))


def query_texts(query: str) -> dict[str, Any]:
    """``a=1&b=x&b=2`` as ``{"a": "1", "b": ["x", "2"]}``."""
    values: dict[str, list[str]] = {}
    for name, value in _pairs(query):
        values.setdefault(name, []).append(value)
    return {name: several if len(several) > 1 else several[0] for name, several in values.items()}


def query_values(query: str) -> dict[str, Any]:
    """``a=1&b=x&b=2`` as ``{"a": 1, "b": ["x", 2]}``: values that are JSON are taken as JSON."""
    return {
        name: [_value(each) for each in found] if isinstance(found, list) else _value(found)
        for name, found in query_texts(query).items()
    }


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    if query:
        from urllib.parse import parse_qsl

        yield from parse_qsl(query, keep_blank_values=True)


def _value(text: str) -> Any:
    try:
        # Not orjson: it makes floats of integers beyond 64 bits, and takes no NaN.
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def path_of(target: bytes) -> bytes:
    """The path of a request's target."""
    if target.startswith(b"/") and b"?" not in target:
        return target
    return _split(target)[0]


def _split(target: bytes) -> tuple[bytes, bytes]:
    path, _, query = target.partition(b"?")
    # The absolute form, which clients send to a proxy, counts as well.
    if not path.startswith(b"/") and b"://" in path:
        path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
    return path, query
