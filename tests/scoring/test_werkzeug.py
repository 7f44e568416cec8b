"""`AMLRequest` and `AMLResponse` have what werkzeug's request and response have, and it works."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response as WerkzeugResponse

from mlmagic.scoring.http.peer import Peer
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.outputs.http_result import http_result
from mlmagic.scoring.shims.aml_request import AMLRequest
from mlmagic.scoring.shims.aml_response import AMLResponse
from mlmagic.scoring.shims.wsgi import environ_of

FIELDS = {
    b"host": b"h:8080",
    b"content-type": b"application/json; charset=utf-8",
    b"accept": b"text/html;q=0.5, application/json",
    b"accept-language": b"de, en;q=0.5",
    b"authorization": b"Bearer token",
    b"cookie": b"a=b; c=d",
    b"x-n": b"7",
    b"origin": b"http://page.example",
    b"referer": b"http://page.example/x",
    b"if-none-match": b'"tag"',
    b"range": b"bytes=0-9",
    b"user-agent": b"curl/8",
}
ASKED = Request(b"POST", b"/score?a=1&a=2", FIELDS, b'{"a": [1]}')
ASKED.peer = Peer("192.0.2.1", 5000)
DIFFERENT = {"data", "environ", "stream", "input_stream", "shallow"}
"""What is not the same by intention, or not one value."""


def values_of(request: WerkzeugRequest) -> dict[str, Any]:
    """Every property of a request of werkzeug, or the error that it raises."""
    found: dict[str, Any] = {}
    for name in dir(WerkzeugRequest):
        if name.startswith("_") or name in DIFFERENT or callable(getattr(WerkzeugRequest, name)):
            continue
        try:
            found[name] = str(getattr(request, name))
        except Exception as error:
            found[name] = type(error)
    return found


def test_every_property_of_werkzeugs_request_is_the_same() -> None:
    ours, theirs = values_of(AMLRequest.of(ASKED)), values_of(WerkzeugRequest(environ_of(ASKED)))
    assert ours.keys() == theirs.keys()
    assert len(ours) > 50
    assert {name: value for name, value in ours.items() if value != theirs[name]} == {}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("request.remote_addr", "192.0.2.1"),
        ("request.authorization.token", "token"),
        ("request.environ['REQUEST_METHOD']", "POST"),
        ("request.headers.get('X-N', type=int)", 7),
        ("request.origin", "http://page.example"),
        ("request.referrer", "http://page.example/x"),
        ("request.accept_mimetypes.best", "application/json"),
        ("request.accept_languages.best", "de"),
        ("request.mimetype_params", {"charset": "utf-8"}),
        ("request.cookies['c']", "d"),
        ("request.if_none_match.contains('tag')", True),
        ("request.range.ranges", [(0, 10)]),
        ("request.args.getlist('a', type=int)", [1, 2]),
        ("request.url", "http://h:8080/score?a=1&a=2"),
        ("request.server", ("h", 8080)),
        ("request.stream.read() + request.stream.read()", b'{"a": [1]}'),
    ],
)
def test_what_a_request_says(expression: str, value: Any) -> None:
    assert eval(expression, {"request": AMLRequest.of(ASKED)}) == value


def fields_of(response: WerkzeugResponse) -> bytes:
    found = http_result(response, ASKED)
    assert found is not None
    return found[0].fields


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("response.set_cookie('a', 'b', httponly=True)", b"Set-Cookie: a=b; HttpOnly; Path=/"),
        ("response.delete_cookie('a')", b"Set-Cookie: a=; Expires=Thu, 01 Jan 1970"),
        ("setattr(response.cache_control, 'no_store', True)", b"Cache-Control: no-store"),
        ("response.set_etag('x')", b'ETag: "x"'),
        ("setattr(response, 'location', '/x')", b"Location: "),
        ("response.headers.extend({'X-A': ['1', '2']})", b"X-A: 1\r\nX-A: 2"),
        ("response.headers.setdefault('X-A', 3)", b"X-A: 3"),
        ("response.vary.add('Accept')", b"Vary: Accept"),
        ("setattr(response, 'retry_after', 5)", b"Retry-After: "),
    ],
)
def test_what_a_response_can_be_told(change: str, line: bytes) -> None:
    response = AMLResponse("x", 200)
    eval(change, {"response": response})
    assert line in fields_of(response)


@pytest.mark.parametrize(("status", "code"), [("200 OK", 200), ("404 No", 404), ("201", 201), (202, 202)])
def test_a_status_may_be_text(status: Any, code: int) -> None:
    response = AMLResponse("x", status)
    found = http_result(response, ASKED)
    assert found is not None
    assert (response.status_code, found[0].status) == (code, code)


RAW = "from azureml.contrib.services.aml_request import rawhttp\n@rawhttp\ndef run(request): "


def test_head_reaches_a_raw_script_and_no_other(make_script: Any, loop: Any, wire_to: Any) -> None:
    head = b"HEAD /score HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = wire_to(make_script(f"{RAW}return request.method * 100")).send(head)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Content-Length: 402" in answer
    assert answer.endswith(b"\r\n\r\n")
    assert wire_to(make_script("def run(data): return data")).send(head).startswith(b"HTTP/1.1 405")


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("return request.form['missing']", 400, b"The request has no value named 'missing'."),
        ("import werkzeug.exceptions as e; raise e.NotFound('no such model')", 404, b"no such model"),
        ("import werkzeug.exceptions as e; e.abort(418)", 418, b"teapot"),
    ],
)
def test_an_error_of_werkzeug_has_its_status(
    ask: Any, make_script: Any, body: str, status: int, message: bytes
) -> None:
    answer = ask(make_script(RAW + body))
    assert answer.status == status
    assert message in answer.body
