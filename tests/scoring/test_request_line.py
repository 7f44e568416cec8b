"""The first line of a request names HTTP, wherever the bytes were cut."""

import pytest

from mlmagic.scoring.http.request_head import Refusal
from mlmagic.scoring.http.request_line import begins_as_http, parts, unfinished_line


@pytest.mark.parametrize(
    ("data", "good"),
    [
        (b"GET / HTTP/1.1\r\n", True),
        (b"GET / HTTP/1.0\r\nHost: a\r\n", True),
        (b"GET / RTSP/1.0\r\nX: HTTP/1.1\r\n", False),
        (b"\r\nGET / HTTP/1.1\r\n", False),
        (b"GET / HTTP/1.1", False),
        (b"GET / HTTP/2.0\r\n", False),
        (b"\r\n", False),
    ],
)
def test_a_first_line_that_is_plain(data, good):
    assert begins_as_http(data) is good


@pytest.mark.parametrize(
    ("data", "unfinished", "expected"),
    [
        (b"a\r\n", b"", [b"a\r\n"]),
        (b"a\r\nb\r\nc", b"", [b"a\r\nb\r\n", b"c"]),
        (b"abc", b"", [b"abc"]),
        (b"a\nb\nRTSP/1.0\r\nc", b"", [b"a\n", b"b\n", b"RTSP/1.0\r\n", b"c"]),
        (b"SP/1.0\r\nb\r\nc", b"RT", [b"SP/1.0\r\n", b"b\r\n", b"c"]),
        (b"SP/1.0\r\n", b"RT", [b"SP/1.0\r\n"]),
        (b"SP", b"RT", [b"SP"]),
    ],
)
def test_bytes_are_taken_apart_no_more_than_they_must(data, unfinished, expected):
    assert list(parts(data, unfinished)) == expected


def test_a_line_is_judged_when_it_has_ended():
    rest = unfinished_line(b"", b"x" * 100 + b" HT")
    assert unfinished_line(rest, b"TP/1.1\r\n") == b""
    rest = unfinished_line(unfinished_line(b"", b"GET / IC"), b"E/1.")
    with pytest.raises(Refusal, match="The protocol ICE is not supported"):
        unfinished_line(rest, b"0\r\n")
