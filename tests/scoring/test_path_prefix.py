"""A service below a path: requests of a proxy that does not remove it, and of probes past the proxy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlmagic.scoring.authentication import Authenticator, Credentials
from mlmagic.scoring.http.path_prefix import VARIABLE, prefix_of, without_prefix
from mlmagic.scoring.openapi.swagger import Swagger
from mlmagic.scoring.service import Service

from .wire import Wire

pytestmark = pytest.mark.together
PREFIX = "/api/v1/service/wine"


@pytest.mark.parametrize(
    ("text", "prefix"),
    [("", ""), ("/", ""), ("wine", "/wine"), ("/default/wine/", "/default/wine"), (PREFIX, PREFIX)],
)
def test_the_prefix_begins_with_a_slash_and_ends_without(text: str, prefix: str) -> None:
    assert prefix_of({VARIABLE: text}) == prefix
    assert prefix_of({}) == ""


@pytest.mark.parametrize(
    ("target", "rest"),
    [
        (b"/a/b/score", b"/score"),
        (b"/a/b/score?x=/a/b/y", b"/score?x=/a/b/y"),
        (b"/a/b", b"/"),
        (b"/a/b/", b"/"),
        (b"/a/b?x=1", b"/?x=1"),
        (b"http://h/a/b/score", b"http://h/score"),
        (b"http://h:80/a/b", b"http://h:80/"),
        (b"/score", b"/score"),
        (b"/", b"/"),
        (b"/a/bc/score", b"/a/bc/score"),
        (b"/x/a/b/score", b"/x/a/b/score"),
        (b"/A/b/score", b"/A/b/score"),
        (b"/a/b/a/b/score", b"/a/b/score"),
        (b"http://h", b"http://h"),
        (b"http://h?/a/b", b"http://h?/a/b"),
        (b"*", b"*"),
    ],
)
def test_only_a_path_that_begins_with_the_prefix_loses_it(target: bytes, rest: bytes) -> None:
    assert without_prefix(target, b"/a/b") == rest


@pytest.fixture
def below(loop: Any, make_scorer: Any, make_script: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A connection to a service with a key, below `PREFIX`."""
    monkeypatch.setenv(VARIABLE, PREFIX)
    scorer = make_scorer(make_script("def run(data): return data"))
    access = Authenticator(Credentials("first-key", "second-key"))
    wire = Wire(Service(scorer, Swagger(Path("/nowhere")), access), loop)
    yield wire
    wire.connection.connection_lost(None)


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()


@pytest.mark.parametrize("before", ["", PREFIX])
def test_a_service_answers_below_its_path_and_without_it(below: Wire, before: str) -> None:
    key = "Authorization: Bearer first-key\r\nContent-Length: 1\r\n"
    for _ in range(2):  # the second one is known by its head
        score = f"POST {before}/score HTTP/1.1\r\nHost: h\r\n{key}\r\n5".encode()
        assert b"200 OK" in below.send(score)
    assert b"200 OK" in below.send(get(f"{before}/"))
    assert b"Healthy" in below.send(get(f"{before}/"))
    assert b"401" in below.send(get(f"{before}/score")).partition(b"\r\n")[0]
    assert b"401" in below.send(get(f"{before}/other")).partition(b"\r\n")[0]
    described = below.send(get(f"{before}/swagger.json")).partition(b"\r\n\r\n")[2]
    assert f"{PREFIX}/score" in json.loads(described)["paths"]
