"""A service's certificate is the one it was given, whoever signed it and for whatever host."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlmagic.engine.http import probe
from mlmagic.engine.http.certificates import trust_in
from mlmagic.engine.http.client import Caller, Client
from mlmagic.errors import InvokeError
from tests.support.certificates import write_certificate

pytestmark = pytest.mark.together


class Secure:
    """An HTTPS server, and what it was sent."""

    def __init__(self, cert_file: Path, key_file: Path) -> None:
        self.credentials: list[str | None] = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert_file, key_file)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.credentials.append(self.headers["Authorization"])
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"1")

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def finish_request(self, request: object, client_address: object) -> None:
                with outer.context.wrap_socket(request, server_side=True) as wrapped:  # type: ignore[arg-type]
                    super().finish_request(wrapped, client_address)

            def handle_error(self, *_: object) -> None:
                return

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    pair = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_certificate(*pair, name="somewhere.else.example")
    return pair


@pytest.fixture
def secure(files: tuple[Path, Path]) -> Iterator[Secure]:
    made = Secure(*files)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client()
    yield made
    made.close()


def test_the_certificate_of_the_file_is_trusted(
    secure: Secure, files: tuple[Path, Path], client: Client
) -> None:
    caller = Caller("the-key", str(files[0]))
    assert client.score("svc", f"{secure.url}/score", "x", caller) == 1
    assert secure.credentials == ["Bearer the-key"]
    assert probe.answers(secure.url, str(files[0]))
    assert "the-key" not in repr(caller)


def test_no_other_is_and_it_learns_no_key(secure: Secure, tmp_path: Path, client: Client) -> None:
    other = tmp_path / "other.pem"
    write_certificate(other, tmp_path / "other-key.pem", name="somewhere.else.example")
    for cert_file, words in (
        (str(other), f"it is not the one in {other}"),
        (str(tmp_path / "nowhere.pem"), "it is not the one in"),
        (None, "no authority has signed it"),
    ):
        with pytest.raises(InvokeError, match="shows a certificate that is not trusted") as caught:
            client.score("svc", f"{secure.url}/score", "x", Caller("the-key", cert_file))
        assert words in str(caught.value)
        assert "the-key" not in str(caught.value)
        assert not probe.answers(secure.url, cert_file)
    assert secure.credentials == []


def test_a_renewed_certificate_and_the_one_before_it_are_good(
    secure: Secure, files: tuple[Path, Path], client: Client
) -> None:
    caller = Caller(None, str(files[0]))
    client.score("svc", f"{secure.url}/score", "x", caller)
    for renewals in (1, 2):
        write_certificate(*files)  # the server has not noticed yet
        assert len(trust_in(str(files[0])).fingerprints()) == 2
        if renewals == 1:
            assert probe.answers(secure.url, str(files[0]))
            assert client.score("svc", f"{secure.url}/score", "x", caller) == 1
    assert not probe.answers(secure.url, str(files[0]))
    secure.context.load_cert_chain(*files)
    assert probe.answers(secure.url, str(files[0]))
    files[0].unlink()  # it is being replaced
    assert probe.answers(secure.url, str(files[0]))
