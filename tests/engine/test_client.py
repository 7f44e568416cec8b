from __future__ import annotations

import datetime
import decimal
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlmagic.engine.http.client import Client, to_body
from mlmagic.errors import InvokeError, UsageError

pytestmark = pytest.mark.together


@pytest.mark.parametrize(
    ("data", "body"),
    [
        ('{"data": [1]}', b'{"data": [1]}'),
        (b"\x00raw", b"\x00raw"),
        ({"data": np.array([[1.5, 2.0]])}, b'{"data":[[1.5,2.0]]}'),
        (np.float32(0.5), b"0.5"),
        ([float("nan"), 1, None], b"[NaN,1,null]"),
        (np.array([[1.0, np.nan]]), b"[[1.0,NaN]]"),
        ({"i": 2**70, "s": {1}}, b'{"i":1180591620717411303424,"s":[1]}'),
        (pd.DataFrame({"d": pd.to_datetime(["2020-01-01"])}), b'[{"d":"2020-01-01T00:00:00"}]'),
        ([decimal.Decimal("1.5"), datetime.date(2020, 1, 1)], b'[1.5,"2020-01-01"]'),
        ({1: "a"}, b'{"1":"a"}'),
        (pd.DataFrame({"a": [1], "b": ["x"]}), b'[{"a":1,"b":"x"}]'),
        (pd.Series([1, 2]), b"[1,2]"),
        ({3, 1}, b"[1,3]"),
        (None, b"null"),
    ],
)
def test_what_is_sent(data: Any, body: bytes) -> None:
    assert to_body(data) == body


def test_what_cannot_be_sent_is_named() -> None:
    with pytest.raises(UsageError, match=r"cannot be sent as JSON: it holds an object at data\['a'\]\[0\]"):
        to_body({"a": [object()]})
    with pytest.raises(UsageError, match="several columns named 'a'"):
        to_body(pd.DataFrame([[1, 2]], columns=["a", "a"]))


class Scripted:
    """Answers every POST with the same."""

    def __init__(self) -> None:
        self.status, self.body = 200, b"[1]"
        self.content_type: str | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer.content_type = self.headers["Content-Type"]
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self.server.server_address[1]}/score"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    made = Scripted()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client()
    yield made
    made.close()


@pytest.mark.parametrize(("body", "answer"), [(b"[1]", [1]), (b'"x"', "x"), (b"plain", "plain")])
def test_answers_are_parsed_where_they_are_json(
    scripted: Scripted, client: Client, body: bytes, answer: Any
) -> None:
    scripted.body = body
    assert client.score("svc", scripted.uri, "x") == answer


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        ({"a": 1}, "application/json"),
        ('{"a": [1}', "application/json"),
        (b" [NaN]", "application/json"),
        (b"12", "application/json"),
        (b"\x89PNG", "application/octet-stream"),
        (b"hello", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_bytes_that_are_not_json_are_sent_as_bytes(
    scripted: Scripted, client: Client, data: Any, content_type: str
) -> None:
    client.score("svc", scripted.uri, data)
    assert scripted.content_type == content_type


def test_every_other_status_keeps_the_whole_body(scripted: Scripted, client: Client) -> None:
    error = {"type": "ValueError", "message": "too wide", "traceback": "score.py, line 3"}
    scripted.status, scripted.body = 500, json.dumps({"message": "no", "error": error}).encode()
    with pytest.raises(InvokeError, match="'svc' returned HTTP 500: ValueError: too wide") as caught:
        client.score("svc", scripted.uri, "x")
    assert caught.value.body == scripted.body.decode()
    assert "score.py, line 3" in str(caught.value)
    scripted.status, scripted.body = 415, b"Expects Content-Type to be application/json"
    with pytest.raises(InvokeError, match="returned HTTP 415: Expects Content-Type"):
        client.score("svc", scripted.uri, "x")


def test_no_answer_is_told_with_the_way_to_the_log(client: Client) -> None:
    with pytest.raises(InvokeError, match=r"nothing accepts connections there.*%logs svc"):
        client.score("svc", "http://127.0.0.1:1/score", "x")
