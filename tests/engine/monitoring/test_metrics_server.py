"""The server that Prometheus scrapes, and the commands of ``mlmagic prometheus``."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from mlmagic.engine.engine import Engine
from mlmagic.engine.monitoring.metrics_server import listening
from mlmagic.errors import UsageError
from tests.support.engines import ON_FAKE, script
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together


@pytest.fixture
def url(fake_engine: Engine) -> Iterator[str]:
    with listening(fake_engine.monitoring, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_metrics_and_targets(fake_engine: Engine, url: str) -> None:
    service = fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    metrics = requests.get(f"{url}/metrics", timeout=10)
    assert 'mlmagic_service_state{service="svc",state="Healthy",target="fake"} 1.0' in metrics.text
    own, group = requests.get(f"{url}/targets", timeout=10).json()
    assert own == {
        "targets": [url.removeprefix("http://")],
        "labels": {"workspace": fake_engine.monitoring.workspace},
    }
    assert group["targets"] == [str(service.url).removeprefix("http://")]
    fake_engine.services.delete("svc")
    wait_for(lambda: len(requests.get(f"{url}/targets", timeout=10).json()) == 1, "the end of the target")


@pytest.mark.parametrize(
    ("host", "status", "own"),
    [
        ("localhost:9464", 200, "localhost:9464"),
        ("127.0.0.1", 200, "127.0.0.1"),
        ("[::1]:99", 200, "[::1]:99"),
        # No name of this machine: a web page may have it resolve to this address.
        ("evil.example", 421, ""),
        ("localhost:9464/x", 200, None),
    ],
)
def test_it_lists_itself_as_it_was_called(url: str, host: str, status: int, own: str | None) -> None:
    answer = requests.get(f"{url}/targets", headers={"Host": host}, timeout=10)
    assert answer.status_code == status
    if status == 200:
        [found] = answer.json()[0]["targets"]
        assert found == (url.removeprefix("http://") if own is None else own)


def test_other_paths_and_methods(url: str) -> None:
    assert requests.get(f"{url}/", timeout=10).status_code == 404
    assert requests.post(f"{url}/metrics", timeout=10).status_code == 501
    head = requests.head(f"{url}/metrics", timeout=10)
    assert (head.status_code, head.text) == (200, "")
    accept = "application/openmetrics-text; version=1.0.0"
    found = requests.get(f"{url}/metrics", headers={"Accept": accept}, timeout=10)
    assert found.headers["Content-Type"].startswith("application/openmetrics-text")
    assert found.text.endswith("# EOF\n")


def test_a_port_in_use_is_named(fake_engine: Engine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = f"cannot listen on 127.0.0.1:{port}: Address already in use"
        with pytest.raises(UsageError, match=told), listening(fake_engine.monitoring, "127.0.0.1", port):
            pass
