"""Requests to services and webhooks: what is sent and kept, and what is not."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path

import pytest

import mlmagic.engine.http.connections as connections_module
from mlmagic.engine.http.client import Client
from mlmagic.engine.http.connections import CertificateRefused, Connections, NoAnswer, Response
from mlmagic.engine.http.probe import Probe
from mlmagic.errors import InvokeError
from tests.support.certificates import write_certificate
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together


class Recorded:
    """A server that keeps connections open, and what it was sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.connections = self.closed = 0
        self.status, self.headers, self.body = 200, {}, b"1"
        self.closes = False
        """Whether it closes each connection after its response, without saying so."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.requests.append((self.path, dict(self.headers)))
                self.send_response(outer.status)
                for name, value in {**outer.headers, "Content-Length": str(len(outer.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(outer.body)
                self.close_connection = outer.closes

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def shutdown_request(self, request: object) -> None:
                super().shutdown_request(request)  # type: ignore[arg-type]
                outer.closed += 1

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def server() -> Iterator[Recorded]:
    with closing(Recorded()) as made:
        yield made


@pytest.fixture
def other() -> Iterator[Recorded]:
    with closing(Recorded()) as made:
        yield made


@pytest.fixture
def connections() -> Iterator[Connections]:
    with closing(Connections()) as made:
        yield made


def get(connections: Connections, url: str) -> Response:
    return connections.request("GET", url, timeout=5)


def test_a_cookie_reaches_no_other_service_and_is_not_kept(server: Recorded, other: Recorded) -> None:
    server.headers = {"Set-Cookie": "session=secret; Path=/"}
    with closing(Client()) as client:
        client.score("first", f"{server.url}/score", "x")
        client.score("second", f"{other.url}/score", "x")
        client.score("first", f"{server.url}/score", "x")
    assert len(server.requests) == 2
    assert not [headers for _, headers in (*server.requests, *other.requests) if "Cookie" in headers]


def test_the_users_proxy_and_netrc_are_not_used(
    server: Recorded, connections: Connections, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert get(connections, f"{server.url}/a?b=c").status == 200
    ((path, headers),) = server.requests
    assert path == "/a?b=c"
    assert "Authorization" not in headers
    assert headers["User-Agent"] == "mlmagic"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(server: Recorded, other: Recorded, status: int) -> None:
    server.status, server.headers = status, {"Location": f"{other.url}/score"}
    with closing(Client()) as client, pytest.raises(InvokeError, match=f"returned HTTP {status}"):
        client.score("svc", f"{server.url}/score", "x")
    with closing(Probe(server.url)) as probe:
        assert not probe.answers()
    assert other.requests == []


def test_a_connection_is_used_again(server: Recorded) -> None:
    with closing(Probe(server.url)) as probe:
        assert [probe.answers() for _ in range(5)] == [True] * 5
    assert server.connections == 1


def test_an_idle_connection_that_the_server_closed_is_replaced(server: Recorded) -> None:
    server.closes = True
    with closing(Probe(server.url)) as probe, closing(Client()) as client:
        for requests in range(1, 7):
            if requests % 2:
                assert probe.answers()
            else:
                assert client.score("svc", f"{server.url}/score", "x") == 1
            wait_for(lambda sent=requests: server.closed == sent, "the server to close the connection")
    assert server.connections == 6


def test_no_more_of_a_response_is_read_than_wanted(server: Recorded, connections: Connections) -> None:
    server.body = b"0123456789"
    for most, body in ((None, server.body), (4, b"0123"), (0, b""), (None, server.body)):
        assert connections.request("POST", server.url, body=b"x", timeout=5, most=most).body == body


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", "Größe".encode(), "Größe"),
        ("text/plain; charset=latin-1", "Größe".encode("latin-1"), "Größe"),
        ("text/plain; charset=unknown", b"a", "a"),
        ("application/json", b"\xff", "\ufffd"),
        ("", b"a", "a"),
    ],
)
def test_text_is_in_the_character_set_of_its_type(content_type: str, body: bytes, text: str) -> None:
    assert Response(200, {"Content-Type": content_type}, body).text == text


def test_the_reason_names_no_url(connections: Connections) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as plain:

        def hang_up() -> None:
            for _ in range(2):  # a GET is sent a second time
                plain.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        for url, reason in (
            ("http://127.0.0.1:1/?key=secret", "nothing accepts connections there"),
            (f"http://127.0.0.1:{silent.getsockname()[1]}/?key=secret", "it did not answer in time"),
            (f"http://127.0.0.1:{plain.getsockname()[1]}/?key=secret", "the connection was cut off"),
            ("http://[nowhere/?key=secret", "the request failed (LocationParseError)"),
            ("ftp://127.0.0.1/?key=secret", "the request failed (URLSchemeUnknown)"),
        ):
            with pytest.raises(NoAnswer) as caught:
                connections.request("GET", url, timeout=0.2)
            assert str(caught.value) == reason


def test_a_fault_of_tls_is_not_called_a_certificate_that_is_not_trusted(server: Recorded) -> None:
    url = server.url.replace("http:", "https:")
    with closing(Client()) as client, pytest.raises(InvokeError, match=r"no answer .*TLS failed \(\w+\)"):
        client.score("svc", f"{url}/score", "x")


def test_a_certificate_is_that_of_the_name_and_not_of_the_address(
    connections: Connections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_certificate(cert_file, key_file, "service.example")
    trusted = ssl.create_default_context(cafile=str(cert_file))
    monkeypatch.setattr(connections_module, "_authorities", lambda: trusted)
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(cert_file, key_file)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = shown.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            port = server.server_port
            found = connections.request(
                "GET", f"https://service.example:{port}/", timeout=5, address="127.0.0.1"
            )
            assert found.status == 501  # it answers, and has no GET
            with pytest.raises(CertificateRefused):
                connections.request("GET", f"https://other.example:{port}/", timeout=5, address="127.0.0.1")
        finally:
            server.shutdown()
            thread.join()
