"""Entry scripts where the real `azureml.contrib.services` or the reference server is installed."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.environments import python_with

from ..differential.servers import ours

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]  # the environment is made once

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
PACKAGES = ["azureml.contrib.services", "azureml_inference_server_http.api"]

SCRIPT = """
import sys, time
from {package}.aml_request import AMLRequest, rawhttp
from {package}.aml_response import AMLResponse
import flask

def init():
    assert sys.modules["{package}.aml_request"].__file__


def streamed():
    yield "a,b\\n"
    time.sleep(1)
    yield b"1,2\\n"


def breaking():
    yield "one"
    raise ValueError("late")


def jsoned(request):
    response = flask.Response('{{"a": 1}}', status=202, mimetype="application/json")
    response.set_cookie("seen", "1")
    response.headers.add("X-A", "1")
    response.headers.add("X-A", "2")
    return response


MAKERS = {{
    "request": lambda request: {{
        "flask": isinstance(request, flask.Request),
        "method": request.method,
        "args": request.args.getlist("n"),
        "json": request.get_json(silent=True),
        "path": request.path,
        "header": request.headers["x-n"],
        "text": request.get_data(as_text=True),
    }},
    "json": jsoned,
    "aml": lambda request: AMLResponse(
        {{"a": [1]}}, 201, {{"X-B": "1, 2", "Content-Length": "999"}}, json_str=True
    ),
    "bytes": lambda request: AMLResponse(b"\\x00\\xff", 200, {{"Content-Type": "image/png"}}),
    "none": lambda request: AMLResponse(None, 200),
    "list": lambda request: AMLResponse(["a", b"b"], 200),
    "failed": lambda request: AMLResponse("no", 503),
    "marked": lambda request: AMLResponse("no", 200, run_function_failed=True),
    "empty": lambda request: AMLResponse("", 204),
    "stream": lambda request: AMLResponse(streamed(), 200, {{"Content-Type": "text/csv"}}),
    "breaking": lambda request: AMLResponse(breaking(), 200),
    "plain": lambda request: {{"plain": 1}},
    "raises": lambda request: 1 / 0,
    "form": lambda request: [request.form["a"], request.files["f"].read().decode()],
}}


@rawhttp
def run(request):
    return MAKERS[request.args["make"]](request)
"""


@pytest.fixture(scope="module")
def python() -> Path:
    return python_with(REQUIREMENTS, "services")


@contextmanager
def served(python: Path, folder: Path, text: str) -> Iterator[int]:
    script = folder / "score.py"
    script.write_text(text, encoding="utf-8")
    with ours(python, script, folder, {}) as server:
        assert server.port, str(server.log)
        yield server.port


@pytest.fixture(scope="module", params=PACKAGES)
def port(request, python, tmp_path_factory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("installed")
    with served(python, folder, SCRIPT.format(package=request.param)) as port:
        yield port


def ask(port, make, body=b"{}", method="POST", more="", **fields):
    fields = {"Content-Type": "application/json", "X-N": "7", **fields}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as client:
        client.request(method, f"/score?make={make}{more}", body, fields)
        response = client.getresponse()
        return response, response.read()


def test_the_script_gets_flasks_request(port):
    _, body = ask(port, "request", b'{"q": 1}', more="&n=1&n=2")
    assert json.loads(body) == {
        "flask": True,
        "method": "POST",
        "args": ["1", "2"],
        "json": {"q": 1},
        "path": "/score",
        "header": "7",
        "text": '{"q": 1}',
    }
    assert json.loads(ask(port, "request", b"", method="GET")[1])["method"] == "GET"
    assert json.loads(ask(port, "request", b"", method="OPTIONS")[1])["method"] == "OPTIONS"


def test_a_form_is_read(port):
    parts = (
        b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--X\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n\r\ntwo\r\n--X--\r\n'
    )
    response, body = ask(port, "form", parts, **{"Content-Type": "multipart/form-data; boundary=X"})
    assert (response.status, json.loads(body)) == (200, ["1", "two"])


@pytest.mark.parametrize(
    ("make", "status", "body", "kind", "failed"),
    [
        ("json", 202, b'{"a": 1}', "application/json", "False"),
        ("aml", 201, b'{"a": [1]}', "application/json", "False"),
        ("bytes", 200, b"\x00\xff", "image/png", "False"),
        ("none", 200, b"{}", "application/json", "False"),
        ("list", 200, b"ab", "text/html; charset=utf-8", "False"),
        ("failed", 503, b"no", "text/html; charset=utf-8", "True"),
        ("marked", 200, b"no", "text/html; charset=utf-8", "True"),
        ("empty", 204, b"", None, "False"),
        ("plain", 200, b'{"plain":1}', "application/json", "False"),
        ("raises", 500, None, "application/json", "True"),
    ],
)
def test_a_response_is_sent_as_it_is(port, make, status, body, kind, failed):
    response, said = ask(port, make)
    assert (response.status, response.getheader("x-ms-run-function-failed")) == (status, failed)
    assert body is None or said == body
    assert kind is None or response.getheader("Content-Type") == kind
    assert response.getheader("x-request-id")
    assert (response.getheader("x-ms-run-fn-exec-ms") is None) == (make == "raises")
    assert response.getheader("Content-Length") == str(len(said))


def test_repeated_headers_and_cookies(port):
    response, _ = ask(port, "json")
    assert response.headers.get_all("X-A") == ["1", "2"]
    assert response.getheader("Set-Cookie") == "seen=1; Path=/"
    assert ask(port, "aml")[0].headers.get_all("X-B") == ["1", "2"]


def test_a_generator_is_sent_as_it_yields(port):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    client.request("POST", "/score?make=stream", "{}")
    response = client.getresponse()
    assert (response.status, response.getheader("Content-Type")) == (200, "text/csv")
    assert response.getheader("Transfer-Encoding") == "chunked"
    assert response.read1() == b"a,b\n"
    chunk_at = time.monotonic()
    assert response.read1() == b"1,2\n"
    assert time.monotonic() - chunk_at > 0.5
    client.close()


def test_a_generator_that_fails_breaks_off(port):
    with pytest.raises(http.client.IncompleteRead):
        ask(port, "breaking")


def test_a_script_without_rawhttp_may_return_flasks_response_too(python, tmp_path):
    text = (
        "import flask\ndef init(): pass\n"
        "def run(data):\n    return flask.Response((each for each in ['a', 'b']), status=201)\n"
    )
    with served(python, tmp_path, text) as port:
        response, body = ask(port, "")
        assert (response.status, body) == (201, b"ab")


def test_the_connection_stays_usable_after_a_stream(python, tmp_path):
    text = "import flask\ndef init(): pass\ndef run(data): return flask.Response(iter(['a', '', 'b']))\n"
    request = b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    with (
        served(python, tmp_path, text) as port,
        socket.create_connection(("127.0.0.1", port), timeout=20) as client,
    ):
        for _ in range(3):
            client.sendall(request)
            received = b""
            while not received.endswith(b"\r\n0\r\n\r\n"):  # a header may end with 0
                received += client.recv(4096)
            assert received.partition(b"\r\n\r\n")[2] == b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"


FLASK = r"""
import io
import flask
from flask import abort, jsonify, make_response, request, send_file, stream_with_context

def init(): pass

def streamed():
    for _ in range(2):
        yield request.args["make"]

MAKERS = {
    "request": lambda: [request.method, request.args["make"], request.get_json()],
    "jsonify": lambda: jsonify(a=1),
    "make": lambda: make_response("made", 201, {"X-A": "1"}),
    "file": lambda: send_file(io.BytesIO(b"\x89PNG"), mimetype="image/png", download_name="a.png"),
    "stream": lambda: flask.Response(stream_with_context(streamed())),
    "abort": lambda: abort(404, "no such model"),
}
"""
PLAIN = FLASK + "def run(data): return MAKERS[request.args['make']]()\n"
RAW = (
    "from azureml_inference_server_http.api.aml_request import rawhttp\n"
    + FLASK
    + "@rawhttp\ndef run(asked): return MAKERS[asked.args['make']]()\n"
)
ASYNC = FLASK + "async def run(data): return MAKERS[request.args['make']]()\n"


@pytest.mark.parametrize("text", [PLAIN, RAW, ASYNC], ids=["plain", "raw", "async"])
def test_functions_of_flask_have_their_context(python, tmp_path, text):
    with served(python, tmp_path, text) as port:
        assert json.loads(ask(port, "request", b"[1]")[1]) == ["POST", "request", [1]]
        response, body = ask(port, "jsonify")
        assert (response.getheader("Content-Type"), json.loads(body)) == ("application/json", {"a": 1})
        response, body = ask(port, "make")
        assert (response.status, response.getheader("X-A"), body) == (201, "1", b"made")
        response, body = ask(port, "file")
        assert (response.getheader("Content-Type"), body) == ("image/png", b"\x89PNG")
        if text is not ASYNC:  # where Flask's own contexts end with the task
            assert ask(port, "stream")[1] == b"streamstream"
        response, body = ask(port, "abort")
        assert (response.status, json.loads(body)) == (404, {"message": "no such model"})
