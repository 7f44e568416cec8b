"""A service with keys, on the wire."""

import re
from pathlib import Path

import pytest

from mlmagic.scoring.authentication import Authenticator, Credentials
from mlmagic.scoring.openapi.swagger import Swagger
from mlmagic.scoring.service import Service

from .wire import Wire

pytestmark = pytest.mark.together


@pytest.fixture
def guarded(loop, make_scorer, make_script):
    made = []

    def guarded(script="calls = []\ndef run(data):\n    calls.append(data)\n    return data"):
        scorer = make_scorer(make_script(script))
        access = Authenticator(Credentials("first-key", "second-key"))
        made.append(Wire(Service(scorer, Swagger(Path("/nowhere"), {}), access), loop))
        return made[-1]

    yield guarded
    for wire in made:
        wire.connection.connection_lost(None)


def request(method=b"POST", path=b"/score", body=b"1", **fields):
    lines = b"".join(
        b"%s: %s\r\n" % (name.replace("_", "-").encode(), value) for name, value in fields.items()
    )
    size = b"Content-Length: %d\r\n" % len(body) if body else b""
    return b"%s %s HTTP/1.1\r\nHost: h\r\n%s%s\r\n%s" % (method, path, lines, size, body)


KEY = b"Bearer first-key"
CHANGING = re.compile(rb"(?m)^(Date|x-request-id|x-ms-request-id): .*\r\n")


def test_a_key_opens_and_nothing_else_does(guarded):
    wire = guarded()
    assert b" 200 " in wire.send(request(authorization=KEY))
    wrong = [
        {},
        {"authorization": b"first-key"},
        {"authorization": b"Bearer third-key"},
        {"authorization": b"Basic Zmlyc3Qta2V5"},
        {"Authorization": b"Bearer a.b.c"},
    ]
    answers = {CHANGING.sub(b"", wire.send(request(**fields))) for fields in wrong}
    answers.add(CHANGING.sub(b"", wire.send(request(path=b"/no/such/route"))))
    answers.add(CHANGING.sub(b"", wire.send(request(path=b"/score?x=1", method=b"DELETE"))))
    (answer,) = answers
    assert answer.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert b"\r\nWWW-Authenticate: Bearer\r\n" in answer
    assert answer.endswith(b'\r\n\r\n{"message":"Unauthorized"}')
    assert b" 200 " in wire.send(request(authorization=b"Bearer second-key"))
    assert wire.module.calls == ["1", "1"]
    assert not wire.closed


@pytest.mark.parametrize("path", [b"/", b"/swagger.json", b"/metrics", b"http://h/swagger.json"])
def test_what_is_open(guarded, path):
    if path == b"/metrics":
        answer = guarded().send(request(b"GET", path, b"", accept=b"application/json"))
    else:
        answer = guarded().send(request(b"GET", path, b""))
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", [b"/score", b"http://h/score", b"/score?/", b"//", b"/score#/", b"*"])
def test_what_only_looks_open(guarded, path):
    assert guarded().send(request(b"GET", path, b"")).startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 400 "))


def test_pipelined_requests_are_told_apart(guarded):
    wire = guarded()
    sent = request(body=b"a") + request(body=b"b", authorization=KEY) + request(body=b"c")
    assert re.findall(rb"HTTP/1.1 (\d+)", wire.send(sent)) == [b"401", b"200", b"401"]
    assert wire.module.calls == ["b"]


def test_the_body_of_a_stranger_is_not_kept(guarded):
    wire = guarded()
    head, _, body = request(body=b"x" * 10_000).partition(b"\r\n\r\n")
    assert wire.send(head + b"\r\n\r\n" + body[:5000]) == b""
    assert not wire.connection._reader.body_begun
    assert b" 401 " in wire.send(body[5000:])
    assert b" 200 " in wire.send(request(authorization=KEY))


def test_a_stranger_who_asks_before_sending_is_refused_at_once(guarded):
    wire = guarded()
    head, _, body = request(expect=b"100-continue").partition(b"\r\n\r\n")
    answer = wire.send(head + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"Connection: close" in answer
    assert wire.ended
    head, _, body = request(expect=b"100-continue", authorization=KEY).partition(b"\r\n\r\n")
    other = guarded()
    assert other.send(head + b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert b" 200 " in other.send(body)


def test_a_browsers_question_is_answered_by_the_server_and_never_by_the_script(guarded, monkeypatch):
    monkeypatch.setenv("AML_CORS_ORIGINS", "https://page.example")
    script = (
        "from azureml.contrib.services.aml_request import rawhttp\ncalls = []\n"
        "@rawhttp\ndef run(request):\n    calls.append(request.method)\n    return 'scored'"
    )
    wire = guarded(script)
    asked = {"origin": b"https://page.example", "access_control_request_method": b"POST"}
    asked["access_control_request_headers"] = b"authorization"
    answer = wire.send(request(b"OPTIONS", **asked))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"Access-Control-Allow-Headers: authorization\r\n" in answer
    assert wire.module.calls == []
    assert b"Access-Control-Allow-Origin: https://page.example" in wire.send(request(**asked))
    assert wire.module.calls == []
    assert b" 200 " in wire.send(request(b"OPTIONS", authorization=KEY))
    assert wire.module.calls == ["OPTIONS"]
    assert b" 401 " in wire.send(request(b"OPTIONS", b"/no/such/route"))
