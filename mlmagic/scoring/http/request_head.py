"""The rules for the head of a request: pure functions.

httptools refuses much by itself: bare CR and LF, control characters, two sorts of length, lines that go on.
What it accepts and a proxy before us may read otherwise is refused here. Every request pays for each check:
so names, hosts and targets that passed are remembered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlmagic.scoring.http.body_budget import BUDGET
from mlmagic.scoring.http.request import Request

HEAD_LIMIT = 64 * 1024
FIELD_LIMIT = 200
TOO_LONG = f"The headers exceed {HEAD_LIMIT} bytes."
TOO_MANY = f"There are more than {FIELD_LIMIT} headers."

NAMES: dict[bytes, bytes] = {}
"""Names that passed the checks, and their lower-case forms; `field_name` makes others."""
_HOSTS: set[bytes] = set()
"""Hosts that passed the checks."""
_MEMORY = 256
_NAME_LENGTH = 64
_HOST_LENGTH = 260
"""A name of 253 letters is the longest there is; and a port."""

_SLASH = ord("/")
_END = b"\r\n\r\n"
_ONCE = frozenset((b"host", b"transfer-encoding", b"content-length"))
_UNUSUAL = frozenset((b"transfer-encoding", b"connection", b"expect", b"upgrade"))
"""With one of these, more than its length decides where a request ends."""
_NOT_IN_TRAILERS = _ONCE | {b"connection", b"expect", b"upgrade", b"authorization", b"content-type"}

_HOST = rb"(?:[A-Za-z0-9_~-]+(?:\.[A-Za-z0-9_~-]+)*\.?|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?"
_is_host = re.compile(_HOST).fullmatch
_is_address = re.compile(rb"(?i:https?)://" + _HOST + rb"(?:[/?].*)?").fullmatch


class Refusal(Exception):
    """The request is refused, and the connection closed after the refusal."""

    def __init__(self, status: int, message: str, *, fields: bytes = b"") -> None:
        """``fields`` are more headers of the answer, as complete lines."""
        super().__init__(message)
        self.status = status
        self.fields = fields


class KnownHeads:
    """Heads that were parsed and passed the checks, by their bytes: a client repeats the same one.

    The parser calls back a dozen times for a request; that costs more than a batched small model. What it
    made of the same bytes it would make again, as long as it is between two messages.
    """

    LIMIT = 256
    LONGEST = 2048

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[bytes, bytes, dict[bytes, bytes], int]] = {}

    def request(self, data: bytes) -> Request | None:
        """The request that ``data`` is, if it is one and no more, and its head is known."""
        end = data.find(_END) + len(_END)
        head = data[:end]
        known = self._known.get(head)
        if known is None:
            return None
        method, target, fields, length = known
        if len(data) != end + length:
            return None
        request = Request(method, target, fields.copy(), data[end:])
        request.head = head
        return request

    def learn(self, data: bytes, request: Request) -> None:
        """``request`` is all that was in ``data``, and was good."""
        fields = request.fields
        end = len(data) - len(request.body)
        if (
            end > self.LONGEST
            or not request.keep_alive
            or request.version != "1.1"
            or not _UNUSUAL.isdisjoint(fields)
            or int(fields.get(b"content-length", 0)) != len(request.body)
            or data.find(_END) + len(_END) != end
        ):
            return
        if len(self._known) >= self.LIMIT:
            self._known.clear()
        self._known[data[:end]] = (request.method, request.target, fields.copy(), len(request.body))


def field_name(name: bytes) -> bytes:
    """``name`` in lower case. Raises `Refusal`."""
    if b"_" in name:
        # Many programs read X_A as X-A: a header could be smuggled past the one that checks it.
        raise Refusal(400, f"The header name {name[:100].decode('latin-1')!r} contains an underscore.")
    lowered = name.lower()
    if len(name) <= _NAME_LENGTH:
        if len(NAMES) >= _MEMORY:
            NAMES.clear()
        NAMES[name] = lowered
    return lowered


def joined(name: bytes, before: bytes, value: bytes) -> bytes:
    """The value of a field that comes again. Raises `Refusal`."""
    if name in _ONCE:
        raise Refusal(400, f"The header {name.decode('latin-1')!r} is repeated.")
    return before + b", " + value


def check_trailer(name: bytes) -> None:
    """Raises `Refusal` for a header that is needed before the body."""
    if name in _NOT_IN_TRAILERS:
        raise Refusal(400, f"The header {name.decode('latin-1')!r} must not come after the body.")


def check_size(target: bytes, fields: Mapping[bytes, bytes]) -> None:
    """Raises `Refusal` for a head that is too long."""
    if len(target) + sum(len(name) + len(value) + 4 for name, value in fields.items()) > HEAD_LIMIT:
        raise Refusal(431, TOO_LONG)


def check_head(method: bytes, target: bytes, version: str, fields: Mapping[bytes, bytes]) -> bool:
    """Whether the client waits for a 100 before it sends the body. Raises `Refusal`."""
    host = fields.get(b"host")
    if version != "1.1":
        if version != "1.0":
            raise Refusal(400, f"HTTP/{version} is not supported.")
        if b"transfer-encoding" in fields:
            raise Refusal(400, "HTTP/1.0 does not support Transfer-Encoding.")
    elif host is None:
        raise Refusal(400, "The Host header is missing.")
    if host is not None and host not in _HOSTS:
        _check_host(host)
    # Spaces and control characters in it the parser refuses.
    if target[0] != _SLASH or b"#" in target or method == b"CONNECT":
        _check_target(method, target)
    if b"transfer-encoding" in fields and fields[b"transfer-encoding"].strip().lower() != b"chunked":
        raise Refusal(501, "The only supported Transfer-Encoding is chunked.")
    if (size := int(fields.get(b"content-length", 0))) > BUDGET.each:
        raise Refusal(413, BUDGET.too_large("body", size))
    if version == "1.1" and b"expect" in fields:
        if fields[b"expect"].lower() != b"100-continue":
            raise Refusal(417, "The only supported value of Expect is 100-continue.")
        return True
    return False


def without_upgrade(request: Request) -> bytes:
    """The head of a request that has a body, without the header Upgrade; nothing if it has no body."""
    fields = request.fields
    if b"transfer-encoding" not in fields and not int(fields.get(b"content-length", 0)):
        return b""
    lines = [b"%b: %b\r\n" % field for field in fields.items() if field[0] != b"upgrade"]
    version = request.version.encode()
    return b"%b %b HTTP/%b\r\n%b\r\n" % (request.method, request.target, version, b"".join(lines))


def _check_host(host: bytes) -> None:
    if len(host) > _HOST_LENGTH or not _is_host(host):
        raise Refusal(400, "The Host header is not a valid host.")
    if len(_HOSTS) >= _MEMORY:
        _HOSTS.clear()
    _HOSTS.add(host)


def _check_target(method: bytes, target: bytes) -> None:
    if method == b"CONNECT":
        raise Refusal(405, "CONNECT is not supported: this server is not a proxy.")
    if target == b"*" and method == b"OPTIONS":
        return
    if b"#" in target or not _is_address(target):
        raise Refusal(400, "The request target is neither a path nor an http URL.")
