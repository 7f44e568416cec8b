"""Keys and TLS of a server that is a process of its own."""

import json
import os
import signal
import socket
import ssl
import threading
from http.client import HTTPSConnection

import pytest

from mlmagic.scoring.report import read_report
from tests.support.access import write_keys
from tests.support.certificates import write_certificate

pytestmark = pytest.mark.processes


@pytest.fixture
def files(tmp_path):
    pair = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_certificate(*pair)
    return pair


@pytest.fixture
def options(files):
    return ["--ssl-cert", str(files[0]), "--ssl-key", str(files[1])]


def anyone():
    """A client's context that looks at no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def connect(port):
    connection = HTTPSConnection("127.0.0.1", port, timeout=10, context=anyone())
    connection.connect()
    return connection


def score(connection, key=None, body="1"):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    connection.request("POST", "/score", body, headers)
    response = connection.getresponse()
    return response.status, response.read()


def der(cert_file):
    return ssl.PEM_cert_to_DER_cert(cert_file.read_text())


class Callers:
    """Threads that score again and again until told to stop, each with what ``ask`` it is given."""

    def __init__(self, *asking):
        self.statuses = [[] for _ in asking]
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._call, args=(ask, statuses))
            for ask, statuses in zip(asking, self.statuses, strict=True)
        ]

    def _call(self, ask, statuses):
        while not self._stop.is_set():
            statuses.append(ask())

    def wait_for_more(self, count=20):
        """Until each has asked ``count`` times more."""
        marks = [len(statuses) + count for statuses in self.statuses]
        while any(len(statuses) < mark for statuses, mark in zip(self.statuses, marks, strict=True)):
            assert all(thread.is_alive() for thread in self._threads)
            self._stop.wait(0.005)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_it_speaks_tls_and_nothing_else(start, options, files, tmp_path):
    running = start("echo", *options)
    said = running.report("serving")
    assert said.url == f"https://127.0.0.1:{said.port}"
    connection = connect(said.port)
    assert connection.sock.getpeercert(binary_form=True) == der(files[0])
    assert connection.sock.version() in ("TLSv1.2", "TLSv1.3")
    assert score(connection) == (200, b"1")
    with socket.create_connection(("127.0.0.1", said.port), 10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP/")
    assert score(connection, body=json.dumps("2" * 1_000_000))[0] == 200  # of many records
    connection.close()
    running.process.send_signal(signal.SIGTERM)
    assert running.ends() == 0
    assert (tmp_path / "log").read_text().count("\n") == 1  # where it serves, and no traceback


def test_old_versions_are_not_spoken(start, options):
    port = start("echo", *options).report("serving").port
    old = anyone()
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", port), 10) as plain:
        old.wrap_socket(plain)


def test_a_certificate_is_renewed_while_it_serves(start, options, files, tmp_path):
    port = start("echo", *options).report("serving").port
    kept = connect(port)

    def anew():
        connection = connect(port)
        status = score(connection)[0]
        connection.close()
        return status

    def shown():
        connection = connect(port)
        certificate = connection.sock.getpeercert(binary_form=True)
        connection.close()
        return certificate

    with Callers(lambda: score(kept)[0], anew) as callers:
        callers.wait_for_more()
        write_certificate(*files)
        while shown() != der(files[0]):
            callers.wait_for_more(1)
        callers.wait_for_more()
        files[1].write_text("-----BEGIN NOTHING")
        while "stays in use" not in (tmp_path / "log").read_text():
            callers.wait_for_more(1)
        assert shown() == der(files[0])
        callers.wait_for_more()
    kept.close()
    assert {status for statuses in callers.statuses for status in statuses} == {200}


def test_who_is_connected_when_it_is_told_to_stop_is_served(start, options):
    running = start("slow", *options)
    port = running.report("serving").port
    clients = [connect(port) for _ in range(3)]
    for client in clients:
        client.request("POST", "/score", "0.1")
    raw = socket.create_connection(("127.0.0.1", port), 10)  # accepted, or about to be; not shaken hands
    running.process.send_signal(signal.SIGTERM)
    late = anyone().wrap_socket(raw)
    late.sendall(b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n0")
    assert late.recv(100).startswith(b"HTTP/1.1 200 ")
    late.close()
    assert [client.getresponse().status for client in clients] == [200] * 3
    for client in clients:
        client.close()
    assert running.ends() == 0


def test_who_keeps_an_idle_connection_holds_nobody_up(start, options):
    running = start("echo", *options, "--grace", "100")
    kept = connect(running.report("serving").port)
    assert score(kept)[0] == 200
    running.process.send_signal(signal.SIGTERM)
    assert running.ends() == 0
    assert kept.sock.recv(1) == b""  # a proper goodbye
    kept.close()


def test_keys_are_regenerated_while_it_serves(start, tmp_path):
    keys_file = tmp_path / "keys.json"
    write_keys(keys_file, primary="primary-0", secondary="secondary-0")
    running = start("echo", "--keys-file", str(keys_file))
    clients = [running.client() for _ in range(3)]
    current = {"primary": "primary-0", "secondary": "secondary-0"}

    def caller(client, which):
        return lambda: score(client, current[which])[0]

    with Callers(caller(clients[0], "secondary")) as callers:
        callers.wait_for_more()
        for number in range(1, 6):
            # Callers of the primary key change to the secondary, it is made anew, and they change back.
            old = current["primary"]
            current["primary"] = current["secondary"]
            write_keys(keys_file, primary=f"primary-{number}", secondary=current["secondary"])
            current["primary"] = f"primary-{number}"
            assert score(clients[1], current["primary"])[0] == 200
            callers.wait_for_more(5)
            while score(clients[2], old)[0] != 401:
                callers.wait_for_more(1)
    assert set(callers.statuses[0]) == {200}
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("spoiled", "phase", "words"),
    [
        ({"--ssl-cert": "nowhere.pem"}, "tls", "nowhere.pem: No such file"),
        ({"--ssl-key": ""}, "tls", "is only a certificate"),
        ({"--keys-file": "nowhere.json"}, "access", "nowhere.json: No such file"),
    ],
)
def test_what_is_wrong_is_reported_before_the_script_is_loaded(
    start,
    files,
    tmp_path,
    spoiled,
    phase,
    words,
):
    given = {"--ssl-cert": str(files[0]), "--ssl-key": str(files[1]), **spoiled}
    running = start("init_raises", *(word for pair in given.items() for word in pair))
    error = running.report("failed").error
    assert running.ends() == 2
    assert (error["phase"], words in error["message"], bool(error["hint"])) == (phase, True, True)


def test_keys_are_nowhere_to_be_seen(start, tmp_path, monkeypatch):
    monkeypatch.setenv("MLMAGIC_PRIMARY_KEY", "visible-nowhere")
    running = start("prints")
    client = running.client()
    assert score(client, "visible-somewhere")[0] == 401
    assert score(client, "visible-nowhere")[0] == 200
    client.close()
    assert "visible" not in (tmp_path / "log").read_text()
    assert "visible" not in json.dumps(vars(read_report(running.folder)))
    assert os.environ["MLMAGIC_PRIMARY_KEY"]  # ours; the server has its own
