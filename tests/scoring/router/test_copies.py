"""Shadow traffic: versions get copies of requests, and nobody waits for what they answer."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.support.waiting import wait_for

from .endpoint import ANSWERS, WAITS, Endpoint

pytestmark = pytest.mark.processes

SQUARES = "def init(): ...\ndef run(data): return [float(data) ** 2]\n"
ALMOST = "def init(): ...\ndef run(data): return [float(data) ** 2 * (1 + 1e-9) + (float(data) > 5)]\n"


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A router and the version that answers."""
    made = Endpoint(tmp_path_factory.mktemp("endpoint"))
    made.start("blue", SQUARES)
    made.route({"blue": 100})
    made.serve()
    yield made
    made.close()


class Copies:
    """A shadow, and what came of its copies."""

    def __init__(self, endpoint: Endpoint, script: str, percent: float = 100) -> None:
        self._endpoint = endpoint
        self.name = f"green-{len(endpoint.versions)}"
        self.server = endpoint.start(self.name, script)
        endpoint.route({"blue": 100, self.name: 0}, of={self.name: {"shadow_percent": percent}})
        endpoint.settle(**{"blue": 100, self.name: 0})

    def seen(self) -> dict[str, Any]:
        return dict(self._endpoint.overview()[self.name])

    def counts(self) -> dict[str, int]:
        return dict(self.seen()["shadow"])

    def wait(self, **wanted: int) -> None:
        wait_for(lambda: wanted.items() <= self.counts().items(), lambda: f"{wanted}: {self.counts()}")


def test_answers_are_compared(squares: Endpoint) -> None:
    shadow = Copies(squares, ALMOST)
    assert [squares.score(str(number)).json() for number in range(8)] == [[n * n] for n in range(8)]
    shadow.wait(requests=8)
    found = shadow.counts()
    assert (found["same"], found["different"], found["failed"], found["skipped"]) == (6, 2, 0, 0)
    seen = shadow.seen()
    assert seen["requests"] == 0, "copies do not count as requests"
    first, second = seen["differences"]
    assert (first["request"], second["request"]) == ("6", "7")
    assert (second["version"], second["answer"]) == ("blue", "[49.0]")
    assert second["shadow_answer"].startswith("[50.0000000")
    assert (second["status"], second["shadow_status"]) == (200, 200)
    figures = requests.get(f"{squares.url}/metrics", headers={"Accept": "application/json"}, timeout=10)
    assert figures.json()["versions"][shadow.name]["shadow"]["different"] == 2


def test_long_answers_are_compared_by_their_values_too(squares: Endpoint) -> None:
    rows = "def init(): ...\ndef run(data): return [n / 7 * (1 + %s) for n in range(10_000)]\n"
    squares.start("rows", rows % "0")
    shadow = Copies(squares, rows % "1e-9")
    shares = {"blue": 0, "rows": 100, shadow.name: 0}
    squares.route(shares, of={shadow.name: {"shadow_percent": 100}})
    squares.settle(**shares)
    for _ in range(3):
        assert len(squares.score().json()) == 10_000
        wait_for(lambda: shadow.counts()["in_flight"] == 0, "the copy is answered")
    shadow.wait(same=3)


def test_a_share_of_the_requests_is_copied(squares: Endpoint) -> None:
    shadow = Copies(squares, SQUARES, 25)
    with requests.Session() as session:
        for number in range(100):
            squares.score(str(number), session)
    shadow.wait(same=25)
    assert shadow.server.counted()["requests"] == 25


def test_what_a_client_sends_to_a_named_version_is_not_copied(squares: Endpoint) -> None:
    shadow = Copies(squares, SQUARES)
    squares.score("1", headers={"azureml-model-deployment": "blue"})
    squares.score("2")
    shadow.wait(same=1)
    assert shadow.server.counted()["requests"] == 1


def test_a_shadow_that_fails_or_is_dead_breaks_no_answer(squares: Endpoint) -> None:
    shadow = Copies(squares, "def init(): ...\ndef run(data): raise ValueError(data)\n")
    assert squares.score("3").json() == [9.0]
    shadow.wait(failed=1)
    shadow.server.kill()
    answers = [squares.score("3") for _ in range(20)]
    assert [each.json() for each in answers] == [[9.0]] * 20
    shadow.wait(failed=21)
    last = shadow.seen()["differences"][-1]
    assert (last["shadow_status"], last["answer"]) == (503, "[9.0]")


def test_a_slow_shadow_delays_no_answer(squares: Endpoint) -> None:
    """Of more copies than so many on their way, the rest is skipped."""
    shadow = Copies(squares, ANSWERS)
    green = shadow.server
    green.signal(signal.SIGSTOP)
    with requests.Session() as session:
        assert [squares.score("3", session).json() for _ in range(150)] == [[9.0]] * 150
    found = shadow.counts()
    assert (found["in_flight"], found["skipped"], found["requests"]) == (100, 50, 0)
    green.signal(signal.SIGCONT)
    shadow.wait(different=100)


def test_copies_of_large_bodies_are_bounded(squares: Endpoint) -> None:
    shadow = Copies(squares, ANSWERS)
    green = shadow.server
    green.signal(signal.SIGSTOP)
    large = b"1" + b" " * (20 << 20)
    with requests.Session() as session:
        for _ in range(3):
            assert squares.score(large, session).json() == [1.0]
    assert (shadow.counts()["in_flight"], shadow.counts()["skipped"]) == (1, 2)
    green.signal(signal.SIGCONT)
    shadow.wait(different=1)
    squares.score(large)
    shadow.wait(different=2)


def test_a_copy_outlives_its_request(squares: Endpoint) -> None:
    shadow = Copies(squares, WAITS)
    lock = squares.folder / "lock"
    lock.touch()
    with pytest.raises(AssertionError):
        assert squares.score(str(lock)).ok, "blue squares numbers only"
    assert shadow.counts()["in_flight"] == 1
    lock.unlink()
    shadow.wait(different=1)


def test_streams_are_not_compared(squares: Endpoint) -> None:
    shadow = Copies(squares, "def init(): ...\ndef run(data):\n  while True: yield 1\n")
    assert squares.score("3").json() == [9.0]
    shadow.wait(skipped=1)
    shadow.server.wait_until_idle()
