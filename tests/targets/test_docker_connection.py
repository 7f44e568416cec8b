"""The connection to a Docker engine: one for each address, and responses that another thread can end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from mlmagic.core.webservice import Phase
from mlmagic.errors import TargetUnavailable
from mlmagic.targets.docker import connection, engine
from mlmagic.targets.docker.connection import Address
from mlmagic.targets.docker.engine import Engine
from mlmagic.targets.docker.streams import Stream, keep_responses
from mlmagic.targets.docker.target import DockerHandle, DockerTarget

pytestmark = pytest.mark.together

docker = pytest.importorskip("docker")

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(text: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(text), text)


class Api:
    """A client whose engine has gone since it was connected."""

    def __init__(self) -> None:
        self.is_closed = False
        self.base_url = "http+docker://localhost"

    def close(self) -> None:
        self.is_closed = True

    def __getattr__(self, name: str) -> Any:
        raise requests.exceptions.ConnectionError("connection refused")


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Api]:
    """Each client that was connected."""
    clients: list[Api] = []

    def connect(address: Address) -> Api:
        if "nobody" in address.host:
            raise TargetUnavailable("docker", "no Docker engine answers")
        clients.append(Api())
        return clients[-1]

    monkeypatch.setattr(connection, "connect", connect)
    monkeypatch.setattr(engine, "_engines", {})
    return clients


class TestEngine:
    def test_there_is_one_for_each_address(self, connected: list[Api]) -> None:
        here, there = Address("unix:///here"), Address("tcp://there:1", "context")
        assert Engine.at(here) is Engine.at(Address("unix:///here"))
        assert Engine.at(here) is not Engine.at(there)
        assert Engine.at(here).containers is Engine.at(here).containers
        assert len(connected) == 2

    def test_threads_share_it(self, connected: list[Api]) -> None:
        together = threading.Barrier(8)

        def at(_: int) -> Engine:
            together.wait()
            return Engine.at(Address("unix:///here"))

        with ThreadPoolExecutor(8) as threads:
            found = set(threads.map(at, range(8)))
        assert len(found) == 1
        assert [client for client in connected if not client.is_closed] == [found.pop().api]

    def test_a_forked_process_connects_anew(
        self, connected: list[Api], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mine = Engine.at(Address("unix:///here"))
        monkeypatch.setattr("os.getpid", lambda: -1)
        assert Engine.at(Address("unix:///here")) is not mine

    def test_one_that_did_not_answer_is_tried_again(
        self, connected: list[Api], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(2):
            with pytest.raises(TargetUnavailable):
                Engine.at(Address("unix:///nobody"))


def test_an_engine_that_stops_answering_is_an_unavailable_target(
    connected: list[Api], tmp_path: Path
) -> None:
    """Its client stays, so each later call fails as a request."""
    handle = DockerHandle("c", "p", str(tmp_path), "unix:///here")
    target = DockerTarget()
    keys = tmp_path / "keys.json"
    keys.touch()
    calls: list[Callable[[], Any]] = [
        lambda: target.stop(handle),
        lambda: target.halt(handle),
        lambda: list(target.logs(handle)),
        lambda: target.usage(handle),
        lambda: target.traffic(handle),
        lambda: target.packages(handle),
        lambda: target.reload(handle),
        lambda: target.deliver_keys(handle, str(keys)),
    ]
    for call in calls:
        with pytest.raises(TargetUnavailable, match="does not answer: connection refused"):
            call()
    assert target.observe(handle).phase is Phase.UNKNOWN


def test_a_handle_of_an_older_version_is_read() -> None:
    record = {
        "container": "c",
        "front": "p",
        "run_dir": "/r",
        "host": "unix:///s",
        "context": "",
        "tls": False,
    }
    handle = DockerTarget().unpack(record)
    assert handle.proxy == "p"
    assert DockerTarget().unpack(DockerTarget().pack(handle)) == handle


class TestStream:
    @pytest.fixture
    def client(self) -> Iterator[Any]:
        """Of an engine that reports one message of a build, or one line of a log, and falls silent."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.connections: list[socket.socket] = []
        self.hung_up = threading.Event()

        def answer() -> None:
            taken, _ = listener.accept()
            with taken:
                taken.recv(1 << 16)
                taken.sendall(HEAD + chunk(b'{"stream": "Step 1"}\r\n'))
                while taken.recv(1 << 16):
                    pass
            self.hung_up.set()

        serving = threading.Thread(target=answer, daemon=True)
        serving.start()
        client = docker.APIClient(f"tcp://127.0.0.1:{listener.getsockname()[1]}", version="1.41")
        keep_responses(client)
        yield client
        client.close()
        listener.close()
        serving.join(10)
        assert not serving.is_alive()

    def test_another_thread_ends_it(self, client: Any) -> None:
        stream: Stream[Any] = Stream(lambda: client.pull("image", tag="1", stream=True, decode=True))
        seen: list[Any] = []

        def read() -> None:
            with stream:
                try:
                    seen.extend(stream)
                except Exception as error:
                    seen.append(error)

        reading = threading.Thread(target=read)
        reading.start()
        reading.join(0.3)
        assert reading.is_alive()
        stream.end()
        reading.join(10)
        assert not reading.is_alive()
        assert self.hung_up.wait(10)
        stream.end()  # what has ended stays so

    def test_its_connection_ends_with_its_block(self, client: Any) -> None:
        with Stream(lambda: client.pull("image", tag="1", stream=True, decode=True)) as stream:
            assert next(iter(stream)) == {"stream": "Step 1"}
        assert self.hung_up.wait(10)
