"""What a version gets of a request, and a client of an answer."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from mlmagic.scoring.router.routes import VERSION
from tests.scoring.hostile import ACCEPTED, REFUSED, exchange, statuses
from tests.support.access import write_keys
from tests.support.certificates import write_certificate
from tests.support.waiting import wait_for

from .endpoint import Endpoint, post, read_all, read_until

pytestmark = [
    pytest.mark.processes,
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]

RAW = """
import json
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse
def init(): ...
@rawhttp
def run(request):
    data = request.get_data()
    if "size" in request.args:
        return AMLResponse(b"x" * int(request.args["size"]), 200)
    if "status" in request.args:
        return AMLResponse("", int(request.args["status"]), {"X-Own": "yes"})
    seen = {"method": request.method, "path": request.full_path, "size": len(data),
            "data": data[:100].decode("latin-1"),
            "headers": {name.lower(): value for name, value in request.headers.items()}}
    return AMLResponse(json.dumps(seen), 200, {"Content-Type": "application/json"})
"""


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A router with keys and allowed origins; its version has a key of its own, and shows what it gets."""
    made = Endpoint(tmp_path_factory.mktemp("endpoint"))
    keys = made.folder / "version.json"
    write_keys(keys, primary="key-of-blue")
    write_keys(made.folder / "keys.json", primary="key", secondary="other-key")
    made.start("blue", RAW, "--keys-file", str(keys))
    made.route({"blue": 100}, of={"blue": {"credential": "key-of-blue"}})
    options = ("--keys-file", str(made.folder / "keys.json"))
    made.serve(*options, AML_CORS_ORIGINS="https://page.example", FORWARDED_ALLOW_IPS="192.0.2.1")
    yield made
    made.close()


KEY = {"Authorization": "Bearer key"}
KEY_LINE = b"Authorization: Bearer key"


def seen(endpoint: Endpoint, data: Any = b"1", **headers: str) -> dict[str, Any]:
    """What the version has got of a request."""
    answer = endpoint.score(data, headers={**KEY, **headers})
    assert answer.status_code == 200
    return dict(answer.json())


def sent(endpoint: Endpoint, data: bytes) -> tuple[bytes, dict[str, Any]]:
    """The head of the answer to these bytes, and what the version has got."""
    head, _, body = endpoint.send(data).partition(b"\r\n\r\n")
    return head, json.loads(body)


@pytest.mark.parametrize("field", [None, "Bearer wrong", "Bearer key-of-blue", "Basic a2V5"])
def test_without_a_key_no_version_is_called(raw: Endpoint, field: str | None) -> None:
    before = raw.overview(**KEY)["blue"]["requests"]
    answer = raw.score(headers={"Authorization": field} if field else {})
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert requests.get(f"{raw.url}/versions", timeout=10).status_code == 401
    assert requests.get(f"{raw.url}/", timeout=10).text == "Healthy"
    assert raw.overview(**KEY)["blue"]["requests"] == before


def test_the_version_gets_its_own_key_instead(raw: Endpoint) -> None:
    for key in ("key", "other-key"):
        assert seen(raw, Authorization=f"Bearer {key}")["headers"]["authorization"] == "Bearer key-of-blue"


def test_what_a_version_gets(raw: Endpoint) -> None:
    got = seen(raw, b"abc", **{"X-Own": "yes", "Content-Type": "text/csv", "x-request-id": "id-1"})
    assert (got["method"], got["path"], got["data"]) == ("POST", "/score?", "abc")
    headers = got["headers"]
    assert headers["host"] == f"127.0.0.1:{raw.router.port}", "as the client has addressed it"
    assert (headers["x-own"], headers["content-type"], headers["x-request-id"]) == ("yes", "text/csv", "id-1")
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == f"127.0.0.1:{raw.router.port}"


def test_a_client_cannot_forge_its_address(raw: Endpoint) -> None:
    forged = {
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "a.example",
        "X-Forwarded-Port": "1",
        "Forwarded": "for=192.0.2.1",
    }
    headers = seen(raw, **forged)["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == f"127.0.0.1:{raw.router.port}"
    assert not {"forwarded", "x-forwarded-port"} & set(headers)


def test_headers_of_one_connection_are_not_passed_on(raw: Endpoint) -> None:
    lines = (
        b"Connection: close, X-Secret",
        b"X-Secret: 1",
        b"Keep-Alive: timeout=5",
        b"TE: trailers",
        b"Trailer: X-Sum",
        b"Proxy-Authorization: Basic a2V5",
        b"Proxy-Connection: close",
        b"azureml-model-deployment: blue",
    )
    head, got = sent(raw, post(b"1", KEY_LINE, *lines))
    assert b"\r\nConnection: close" in head
    assert not {line.partition(b":")[0].decode().lower() for line in lines} & set(got["headers"])


def test_what_is_remembered_of_a_head_keeps_to_its_client(raw: Endpoint) -> None:
    with requests.Session() as session:
        for key in ("1", "2", "1", "2"):
            answer = raw.score(key, session=session, headers={**KEY, "X-User": key, "x-request-id": key})
            got = answer.json()
            assert (got["data"], got["headers"]["x-user"], got["headers"]["x-request-id"]) == (key, key, key)
            assert answer.headers["x-request-id"] == key


@pytest.mark.parametrize("body", [b"", b"abc"])
def test_chunked_bodies_are_sent_with_their_length(raw: Endpoint, body: bytes) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    lines = b"Host: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n%b\r\n\r\n" % KEY_LINE
    _, got = sent(raw, b"POST /score HTTP/1.1\r\n" + lines + chunks)
    assert (got["data"], got["headers"]["content-length"]) == (body.decode(), str(len(body)))
    assert "transfer-encoding" not in got["headers"]


def test_a_client_that_expects_to_be_told_to_go_on(raw: Endpoint) -> None:
    request = post(b"abc", KEY_LINE, b"Expect: 100-continue", b"Connection: close")
    head, _, body = request.partition(b"\r\n\r\n")
    with raw.connect() as client:
        client.sendall(head + b"\r\n\r\n")
        assert read_until(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        got = json.loads(read_all(client).partition(b"\r\n\r\n")[2])
    assert got["data"] == "abc"
    assert "expect" not in got["headers"]


def test_a_client_that_has_sent_its_last_byte_still_gets_its_answer(raw: Endpoint) -> None:
    with raw.connect() as client:
        client.sendall(post(b"abc", KEY_LINE))
        client.shutdown(socket.SHUT_WR)
        assert b'"data": "abc"' in read_all(client)


def test_pipelined_requests_are_answered_in_order(raw: Endpoint) -> None:
    pipeline = [post(b"%d" % number, KEY_LINE) for number in range(50)]
    answer = raw.send(b"".join(pipeline) + post(b"50", KEY_LINE, b"Connection: close"))
    assert re.findall(rb'"data":\s*"(\d+)"', answer) == [b"%d" % number for number in range(51)]


@pytest.mark.parametrize("keeps", [False, True])
def test_http_1_0(raw: Endpoint, keeps: bool) -> None:
    line = b"\r\nConnection: keep-alive" if keeps else b""
    request = b"POST /score HTTP/1.0\r\n%b%b\r\nContent-Length: 1\r\n\r\n1" % (KEY_LINE, line)
    with raw.connect() as client:
        client.sendall(request)
        answer = read_until(client, b"}}") if keeps else read_all(client)
        assert (b"\r\nConnection: keep-alive\r\n" in answer) is keeps
        if keeps:
            client.sendall(request.replace(line, b""))
            answer = read_all(client)
        assert b"\r\nConnection: close\r\n" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["data"] == "1"


def test_head_has_no_body(raw: Endpoint) -> None:
    for path in ("/swagger.json", "/docs", "/", "/versions", "/metrics"):
        answer = requests.head(f"{raw.url}{path}", headers=KEY, timeout=10)
        whole = requests.get(f"{raw.url}{path}", headers=KEY, timeout=10)
        assert (answer.status_code, answer.content) == (200, b""), path
        if path in ("/swagger.json", "/docs"):
            assert int(answer.headers["Content-Length"]) == len(whole.content) > 0
    assert requests.head(f"{raw.url}/score", headers=KEY, timeout=10).status_code == 200


@pytest.mark.parametrize("status", [204, 304, 404, 500])
def test_answers_of_a_script_pass_as_they_are(raw: Endpoint, status: int) -> None:
    with requests.Session() as session:
        answer = raw.score(b"1", session, path=f"/score?status={status}", headers=KEY)
        assert (answer.status_code, answer.headers["X-Own"]) == (status, "yes")
        assert answer.headers[VERSION] == "blue"
        assert raw.score(b"1", session, headers=KEY).status_code == 200


@pytest.mark.parametrize("size", [0, 1, 65_536, 1 << 20, 10 << 20])
def test_large_bodies_and_large_answers(raw: Endpoint, size: int) -> None:
    assert seen(raw, b"y" * size)["size"] == size
    answer = raw.score(b"1", path=f"/score?size={size}", headers=KEY)
    assert answer.content == b"x" * size


def test_what_the_router_answers_itself_takes_get_only(raw: Endpoint) -> None:
    for path in ("/", "/versions", "/metrics"):
        answer = raw.score(path=path, headers=KEY)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
        options = requests.options(f"{raw.url}{path}", headers=KEY, timeout=10)
        assert (options.status_code, options.headers["Allow"]) == (200, "GET, HEAD, OPTIONS")


PAGE = {"Origin": "https://page.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}


def test_a_page_of_an_allowed_origin(raw: Endpoint) -> None:
    before = raw.overview(**KEY)["blue"]["requests"]
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = requests.options(f"{raw.url}/score", headers={**PAGE, **asked}, timeout=10)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert preflight.headers["Access-Control-Allow-Headers"] == "authorization"
    assert raw.overview(**KEY)["blue"]["requests"] == before, "no version has seen that"
    answer = raw.score(headers={**PAGE, **KEY})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://page.example"
    assert not {"origin", "sec-fetch-site"} & set(answer.json()["headers"])


def test_a_page_of_another_origin_is_refused(raw: Endpoint) -> None:
    answer = raw.score(headers={**PAGE, **KEY, "Origin": "https://other.example"})
    assert answer.status_code == 403


def test_options_of_a_script_are_its_own(raw: Endpoint) -> None:
    answer = requests.options(f"{raw.url}/score", headers=KEY, timeout=10)
    assert answer.json()["method"] == "OPTIONS"


def test_an_id_that_is_too_long_is_refused(raw: Endpoint) -> None:
    answer = raw.score(headers={**KEY, "x-ms-request-id": "a" * 101})
    assert answer.status_code == 431


def test_ids_of_a_client_come_back(raw: Endpoint) -> None:
    answer = raw.score(headers={**KEY, "x-ms-client-request-id": "mine"})
    assert answer.headers["x-ms-client-request-id"] == "mine"


def test_metrics_in_both_formats(raw: Endpoint) -> None:
    raw.score(headers=KEY)
    page = requests.get(f"{raw.url}/metrics", headers=KEY, timeout=10)
    assert re.search(r'^mlmagic_version_requests_total\{code="200",version="blue"\} \d', page.text, re.M)
    assert 'mlmagic_version_request_duration_seconds_bucket{le="+Inf",version="blue"}' in page.text
    figures = requests.get(
        f"{raw.url}/metrics", headers={**KEY, "Accept": "application/json"}, timeout=10
    ).json()
    assert figures["versions"]["blue"]["requests"] == figures["requests"] > 0


def test_over_tls_the_version_gets_to_know_it(raw: Endpoint) -> None:
    pair = raw.folder / "cert.pem", raw.folder / "key.pem"
    write_certificate(*pair)
    plain = raw.router
    try:
        secure = raw.serve("--ssl-cert", str(pair[0]), "--ssl-key", str(pair[1]))
        url = f"https://127.0.0.1:{secure.port}/score"
        for path in ("", "?size=3000000"):
            answer = requests.post(url + path, b"1", verify=False, timeout=10)
            assert answer.ok
            if not path:
                assert answer.json()["headers"]["x-forwarded-proto"] == "https"
            else:
                assert answer.content == b"x" * 3_000_000
    finally:
        raw.router = plain


def test_no_request_reaches_a_version_as_two(two: Endpoint) -> None:
    two.serve("--allowed-hosts", "*")
    blue, address = two.versions["blue"], ("127.0.0.1", two.router.port)
    last = post(b"1", b"Connection: close")

    def scored() -> int:
        return int(blue.counted()["requests"])

    before, expected = scored(), 0
    for name, request, status in REFUSED:
        if len(request) < 10_000:
            assert statuses(exchange(address, post() + request + last)) == [200, status], name
            expected += 1
    assert scored() - before == expected
    before, expected = scored(), 0
    for name, request, count in ACCEPTED:
        answered = statuses(exchange(address, request + last))
        assert answered == [200] * (count + 1), name
        expected += len(answered)
    assert scored() - before == expected
    wait_for(lambda: two.overview()["blue"]["in_flight"] == 0, "no request in flight")
