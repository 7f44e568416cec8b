"""A slow and strict reader of HTTP/1.1: how many requests are in these bytes, and what is in an answer.

It shares nothing with the server: it knows the grammar of RFC 9112, our limits on what we take, and the few
liberties of our parser (empty lines before a request, more than one blank in its first line).
"""

from __future__ import annotations

import re

_TOKEN = rb"[!#$%&'*+\-.^`|~0-9A-Za-z]+"  # and no underscore
_LINE = re.compile(rb"([A-Z][A-Z-]*) +(\S+) +HTTP/(1\.[01])\r\n")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*\r\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})([ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
_BLANK_LINES = re.compile(rb"[\r\n]*")
_STATUS = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [ -~]+\r\n")


class Incomplete(Exception):
    """The bytes end, or are wrong: nothing after this place is a request."""


def requests(stream: bytes) -> int:
    """The complete requests before the first mistake, or the last one that a client may send."""
    count = at = 0
    try:
        while True:
            at, last = _request(stream, _BLANK_LINES.match(stream, at).end())
            count += 1
            if last:
                return count
    except Incomplete:
        return count


def _request(stream: bytes, at: int) -> tuple[int, bool]:
    """Where it ends, and whether it is the last."""
    line = _match(_LINE, stream, at)
    method, target, version = line.groups()
    at, fields = _fields(stream, line.end())
    if not (target.startswith(b"/") or re.match(rb"(?i:https?)://", target) or target == b"*"):
        raise Incomplete
    if b"#" in target or method == b"CONNECT" or (target == b"*" and method != b"OPTIONS"):
        raise Incomplete
    hosts = fields.get(b"host", [])
    if len(hosts) > 1 or (version == b"1.1" and not hosts):
        raise Incomplete
    lengths, codings = fields.get(b"content-length", []), fields.get(b"transfer-encoding", [])
    if codings:
        if lengths or version == b"1.0" or [coding.lower() for coding in codings] != [b"chunked"]:
            raise Incomplete
        at = _chunks(stream, at)
    elif lengths:
        if len(lengths) > 1 or not re.fullmatch(rb"[0-9]{1,30}", lengths[0]):
            raise Incomplete
        at += int(lengths[0])
        if at > len(stream):
            raise Incomplete
    options = {o.strip().lower() for value in fields.get(b"connection", []) for o in value.split(b",")}
    return at, b"close" in options or (version == b"1.0" and b"keep-alive" not in options)


def _fields(stream: bytes, at: int) -> tuple[int, dict[bytes, list[bytes]]]:
    fields: dict[bytes, list[bytes]] = {}
    while stream[at : at + 2] != b"\r\n":
        field = _match(_FIELD, stream, at)
        fields.setdefault(field[1].lower(), []).append(field[2])
        at = field.end()
    return at + 2, fields


def _chunks(stream: bytes, at: int) -> int:
    while True:
        line = _match(_CHUNK, stream, at)
        size, at = int(line[1], 16), line.end()
        if size == 0:
            at, trailers = _fields(stream, at)
            if trailers.keys() & {b"host", b"content-length", b"transfer-encoding"}:
                raise Incomplete
            return at
        at += size
        if stream[at : at + 2] != b"\r\n":
            raise Incomplete
        at += 2


def _match(pattern: re.Pattern[bytes], stream: bytes, at: int) -> re.Match[bytes]:
    found = pattern.match(stream, at)
    if found is None:
        raise Incomplete
    return found


def answers(stream: bytes, methods: list[bytes]) -> list[tuple[int, bytes]]:
    """Status and body of each answer; ``methods`` are those of the requests. Raises AssertionError."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(stream):
        line = _STATUS.match(stream, at)
        assert line, stream[at : at + 100]
        at = line.end()
        if line[1] == b"100":
            assert stream[at : at + 2] == b"\r\n"
            at += 2
            continue
        try:
            at, fields = _fields(stream, at)
        except Incomplete:
            raise AssertionError(stream[at : at + 300]) from None
        assert len(fields[b"content-length"]) == 1
        size = int(fields[b"content-length"][0])
        if len(found) < len(methods) and methods[len(found)] == b"HEAD":
            size = 0
        body = stream[at : at + size]
        assert len(body) == size
        found.append((int(line[1]), body))
        at += size
    return found
