"""Requests that are wrong, ambiguous or merely odd, and what is to become of them.

`REFUSED` is answered with the status beside it, and the connection ends. `ACCEPTED` is as many requests as
the number beside it; the connection is kept.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable

HOST = b"Host: a\r\n"
GET = b"GET /score?next=1 HTTP/1.1\r\n" + HOST + b"\r\n"
"""A request that is nothing special; it follows others."""
RTSP = b"GET /score RTSP/1.0\r\n"
UPGRADE = b"Connection: upgrade\r\nUpgrade: h2c\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def get(target: bytes = b"/score", version: bytes = b"HTTP/1.1", fields: bytes = HOST) -> bytes:
    return b"GET %s %s\r\n%s\r\n" % (target, version, fields)


def with_field(line: bytes) -> bytes:
    return get(fields=HOST + line + b"\r\n")


def post(fields: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return b"POST /score %s\r\n%s%s\r\n%s" % (version, HOST, fields, body)


def chunked(body: bytes) -> bytes:
    return post(CHUNKED, body)


def _hosts() -> Iterable[tuple[str, bytes, int]]:
    yield "no host", get(fields=b""), 400
    yield "two hosts", get(fields=HOST + b"Host: b\r\n"), 400
    yield "the same host twice", get(fields=HOST + b"host: a\r\n"), 400
    yield "a host in trailers", chunked(b"0\r\nHost: b\r\n\r\n"), 400
    yield "an empty host", get(fields=b"Host:\r\n"), 400
    for host in (b"a b", b"a/b", b"a@b", b"a,b", b"a..b", b".", b"a:b", b"[::1", b"a\\b", b"a" * 300):
        yield f"the host {host[:9].decode()}", get(fields=b"Host: %s\r\n" % host), 400
    yield "a bad host in HTTP/1.0", get(version=b"HTTP/1.0", fields=b"Host: a/b\r\n"), 400


def _request_lines() -> Iterable[tuple[str, bytes, int]]:
    for version in (b"0.9", b"1.2", b"1.10", b"01.1", b"2.0", b"2", b"3.0", b"1.1a", b"1,1", b""):
        yield f"HTTP/{version.decode()}", get(version=b"HTTP/" + version), 400
    yield "no version", b"GET /score\r\n\r\n", 400
    yield "HTTP/2 itself", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400
    yield "http in small letters", get(version=b"http/1.1"), 400
    for protocol in (b"RTSP/1.0", b"RTSP/1.1", b"ICE/1.0", b"ICE/1.1", b"FTP/1.1", b"rtsp/1.0", b"HTTPS/1.1"):
        for method in (b"GET", b"POST", b"OPTIONS", b"SOURCE", b"DESCRIBE"):
            line = b"%s /score %s\r\n" % (method, protocol)
            yield line.decode(), line + HOST + b"\r\n", 400
    yield "RTSP after empty lines", b"\r\n\r\n" + RTSP + HOST + b"\r\n", 400
    yield "RTSP after two blanks", RTSP.replace(b" ", b"  ") + HOST + b"\r\n", 400
    yield "RTSP with an upgrade", RTSP + HOST + UPGRADE + b"\r\n", 400
    yield "RTSP whose length asks for more", RTSP + HOST + b"Content-Length: 3\r\n\r\nabc", 400
    yield "a method in small letters", b"post /score HTTP/1.1\r\n" + HOST + b"\r\n", 400
    yield "a method that nobody knows", b"FETCH /score HTTP/1.1\r\n" + HOST + b"\r\n", 400
    yield "a blank before the method", b" " + get(), 400
    yield "a tab after the method", b"GET\t/score HTTP/1.1\r\n" + HOST + b"\r\n", 400
    yield "a blank after the version", get(version=b"HTTP/1.1 "), 400
    for target in (
        b"*", b"*a", b"score", b"a:80", b"?a", b"#", b"/#", b"/score#a", b"/a b", b"/a\tb", b"/a\x00b",
        b"/a\x7fb", b"/a\rb", b"ftp://a/", b"http://", b"http:///score", b"http://u@a/score", b"http://a b/",
        b"file:/a", b"http://a/score#b", b"http:/score", b"\\score",
    ):  # fmt: skip
        yield f"the target {target!r}", get(target), 400
    yield "a star for a POST", b"POST * HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n", 400
    yield "more than a star", b"OPTIONS *a HTTP/1.1\r\n" + HOST + b"\r\n", 400
    yield "CONNECT", b"CONNECT a:80 HTTP/1.1\r\n" + HOST + b"\r\n", 405
    yield "CONNECT to a path", b"CONNECT /score HTTP/1.1\r\n" + HOST + b"\r\n", 405


def _fields() -> Iterable[tuple[str, bytes, int]]:
    yield "an underscore in a name", with_field(b"Content_Length: 1"), 400
    yield "an underscore first", with_field(b"_a: 1"), 400
    for letter in (b"\x00", b"\x01", b"\x07", b"\x08", b"\x0b", b"\x0c", b"\x1b", b"\x7f"):
        yield f"{letter!r} in a value", with_field(b"X: a" + letter + b"b"), 400
        yield f"{letter!r} in a name", with_field(b"X" + letter + b": a"), 400
    yield "a blank before the colon", with_field(b"X : a"), 400
    yield "a tab before the colon", with_field(b"X\t: a"), 400
    yield "a blank before the colon of a length", post(b"Content-Length : 1\r\n", b"x"), 400
    yield "a name without a colon", with_field(b"X"), 400
    yield "no name", with_field(b": a"), 400
    yield "a letter beyond ASCII in a name", with_field(b"\xc3\xa4: a"), 400
    for letter in b'()<>@,;\\"/[]?={}':
        yield f"{chr(letter)} in a name", with_field(b"X" + bytes([letter]) + b": a"), 400
    yield "a line that goes on", with_field(b"X: a\r\n b"), 400
    yield "a line that goes on after a tab", with_field(b"X: a\r\n\tb"), 400
    yield "a first line that goes on", b"GET /score HTTP/1.1\r\n X: a\r\n" + HOST + b"\r\n", 400
    yield "bare LF after a field", with_field(b"X: a\nY: b"), 400
    yield "bare LF at the end", b"GET /score HTTP/1.1\r\nHost: a\n\n", 400
    yield "bare LF after the first line", b"GET /score HTTP/1.1\nHost: a\r\n\r\n", 400
    yield "bare CR in a value", with_field(b"X: a\rY: b"), 400
    yield "bare CR after the first line", b"GET /score HTTP/1.1\rHost: a\r\n\r\n", 400
    yield "an expectation", with_field(b"Expect: magic"), 417
    yield "a megabyte of one field", with_field(b"X: " + b"y" * 2**20), 431
    yield "a megabyte of a name", with_field(b"X" * 2**20 + b": y"), 431
    yield "a megabyte of a target", get(b"/" + b"y" * 2**20), 431
    yield "100,000 fields", get(fields=HOST + b"".join(b"X%d: y\r\n" % n for n in range(100_000))), 431
    yield "100,000 times one field", get(fields=HOST + b"X: y\r\n" * 100_000), 431


def _lengths() -> Iterable[tuple[str, bytes, int]]:
    both = b"Content-Length: 4\r\n" + CHUNKED
    yield "CL.TE", post(both, b"0\r\n\r\n"), 400
    yield "TE.CL", post(CHUNKED + b"Content-Length: 3\r\n", b"8\r\nSMUGGLED\r\n0\r\n\r\n"), 400
    yield "two lengths", post(b"Content-Length: 1\r\nContent-Length: 2\r\n", b"xy"), 400
    yield "one length twice", post(b"Content-Length: 1\r\nContent-Length: 1\r\n", b"x"), 400
    yield "TE.TE", post(CHUNKED + b"Transfer-encoding: cow\r\n", b"0\r\n\r\n"), 400
    yield "chunked twice in two fields", post(CHUNKED + CHUNKED, b"0\r\n\r\n"), 400
    for value in (
        b"+1",
        b"-1",
        b"1, 1",
        b"1,2",
        b"0x1",
        b"1 1",
        b"1a",
        b"",
        b"1.0",
        b"1_0",
        b"9" * 30,
        b'"1"',
    ):
        yield f"the length {value[:9]!r}", post(b"Content-Length: " + value + b"\r\n", b"x"), 400
    yield "a body that is too long", post(b"Content-Length: 99999999999\r\n"), 413
    for value, status in (
        (b"chunked, chunked", 400), (b"gzip, chunked", 501), (b"chunked, identity", 400), (b"identity", 501),
        (b"xchunked", 501), (b"chunkedx", 501), (b"x chunked", 501), (b"chunked;a", 501),
        (b"\x0bchunked", 400), (b"", 400), (b'"chunked"', 501), (b"cow", 501),
        (b",chunked", 501), (b"chunked,", 400),
    ):  # fmt: skip
        yield f"the coding {value!r}", post(b"Transfer-Encoding: " + value + b"\r\n", b"0\r\n\r\n"), status
    yield "a coding on the next line", post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"), 400
    yield "a coding after a blank", post(b" Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 400
    yield "a coding before a colon", post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"), 400
    yield "a coding after bare LF", post(b"X: a\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 400
    yield "a coding with an underscore", post(b"Transfer_Encoding: chunked\r\n", b"0\r\n\r\n"), 400
    yield "chunks in HTTP/1.0", post(CHUNKED, b"0\r\n\r\n", b"HTTP/1.0"), 400


def _chunks() -> Iterable[tuple[str, bytes, int]]:
    for size in (
        b"0x1", b"+1", b"-1", b" 1", b"g", b"", b"1 1", b"1_0", b"1\x00", b"f" * 17, b"10000000000000001",
        b"1\x0b", b"1,",
    ):  # fmt: skip
        yield f"the chunk size {size!r}", chunked(size + b"\r\nx\r\n0\r\n\r\n"), 400
    yield "bare LF after a chunk size", chunked(b"1\nx\r\n0\r\n\r\n"), 400
    yield "bare LF after a chunk", chunked(b"1\r\nx\n0\r\n\r\n"), 400
    yield "bare CR after a chunk size", chunked(b"1\rx\r\n0\r\n\r\n"), 400
    yield "bare LF in an extension", chunked(b"1;a\nx\r\n0\r\n\r\n"), 400
    yield "NUL in an extension", chunked(b"1;a\x00\r\nx\r\n0\r\n\r\n"), 400
    yield "a chunk longer than its size", chunked(b"1\r\nxyz\r\n0\r\n\r\n"), 400
    for name in (b"Transfer-Encoding", b"Content-Length", b"Connection", b"Content-Type", b"X_Y"):
        yield f"{name.decode()} in trailers", chunked(b"0\r\n%s: 1\r\n\r\n" % name), 400
    yield "bare LF in trailers", chunked(b"0\r\nX: a\nY: b\r\n\r\n"), 400
    yield "a trailer that goes on", chunked(b"0\r\nX: a\r\n b\r\n\r\n"), 400
    yield "a megabyte of an extension", chunked(b"1;" + b"a" * 2**20 + b"\r\nx\r\n0\r\n\r\n"), 400
    yield "extensions without end", chunked((b"1;" + b"a" * 1000 + b"\r\nx\r\n") * 1000 + b"0\r\n\r\n"), 400
    yield "trailers without end", chunked(b"0\r\n" + b"X: y\r\n" * 100_000 + b"\r\n"), 431
    yield "megabytes of one-byte chunks", chunked(b"1\r\nx\r\n" * 500_000 + b"0\r\n\r\n"), 400


REFUSED = [item for table in (_hosts, _request_lines, _fields, _lengths, _chunks) for item in table()]

ACCEPTED = [
    ("a plain request", get(), 1),
    ("another protocol's name in a value", with_field(b"X: RTSP/1.0"), 1),
    ("another protocol's name in a target", get(b"/score?RTSP/1.0"), 1),
    ("another protocol's first line in a body", post(b"Content-Length: %d\r\n" % len(RTSP), RTSP), 1),
    ("another protocol's first line in chunks", chunked(b"%x\r\n%s\r\n0\r\n\r\n" % (len(RTSP), RTSP)), 1),
    ("two blanks in the first line", b"GET  /score  HTTP/1.1\r\n" + HOST + b"\r\n", 1),
    ("bare LF before", b"\n" + get(), 1),
    ("three in a row", get() * 3, 3),
    ("empty lines before", b"\r\n\r\n" + get(), 1),
    ("an address", get(b"http://a/score"), 1),
    ("an address with another host", get(b"http://b/score"), 1),
    ("an address in capitals", get(b"HTTP://a/score"), 1),
    ("a query", get(b"/score?a=%7B%7D&b=/c?d"), 1),
    ("a host with a port", get(fields=b"Host: a-b.c_d:80\r\n"), 1),
    ("a host in numbers", get(fields=b"Host: [::1]:80\r\n"), 1),
    ("tabs around a value", with_field(b"X:\t a\t "), 1),
    ("Latin-1 in a value", with_field(b"X: \xe4"), 1),
    ("an empty value", with_field(b"X:"), 1),
    ("a field twice", with_field(b"X: a\r\nX: b"), 1),
    ("an upgrade", get(fields=HOST + UPGRADE), 1),
    ("zeros before a length", post(b"Content-Length: 0001\r\n", b"x"), 1),
    ("a request in a body", post(b"Content-Length: %d\r\n" % len(GET), GET), 1),
    ("a request in a chunk", chunked(b"%x\r\n%s\r\n0\r\n\r\n" % (len(GET), GET)), 1),
    ("zeros before a chunk size", chunked(b"0001\r\nx\r\n000\r\n\r\n"), 1),
    ("a chunk size in capitals", chunked(b"A\r\n0123456789\r\n0\r\n\r\n"), 1),
    ("chunked in capitals", post(b"tRANSFER-eNCODING: CHUNKED\r\n", b"1\r\nx\r\n0\r\n\r\n"), 1),
    ("an extension", chunked(b'1;a=b;c="d"\r\nx\r\n0\r\n\r\n'), 1),
    ("a trailer", chunked(b"0\r\nX: a\r\n\r\n"), 1),
    ("a body for a GET", b"GET /score HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 1),
    ("a body after an upgrade", post(UPGRADE + b"Content-Length: 1\r\n", b"x"), 1),
    ("a request in a body after an upgrade", post(UPGRADE + b"Content-Length: %d\r\n" % len(GET), GET), 1),
    ("chunks after an upgrade", post(UPGRADE + CHUNKED, b"1\r\nx\r\n0\r\n\r\n"), 1),
]


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]


def exchange(address: tuple[str, int] | str, sent: bytes, *, patience: float = 10) -> bytes:
    """What the server at a port or a path answers to these bytes, until it ends the connection."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(patience)
        client.connect(address)
        answer = b""
        try:
            client.sendall(sent)
            while piece := client.recv(2**16):
                answer += piece
        except (ConnectionError, TimeoutError):
            pass  # it has hung up on what it was still being sent, or waits for more
        return answer
