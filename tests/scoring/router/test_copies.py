"""Shadow traffic: versions get copies of requests, and nobody waits for what they answer."""

from __future__ import annotations

import signal

import pytest
import requests

from tests.support.waiting import wait_for

from .endpoint import ANSWERS, WAITS, Endpoint

pytestmark = pytest.mark.processes

SQUARES = "def init(): ...\ndef run(data): return [float(data) ** 2]\n"
ALMOST = "def init(): ...\ndef run(data): return [float(data) ** 2 * (1 + 1e-9) + (float(data) > 5)]\n"


def shadows(endpoint: Endpoint, script: str, percent: float = 100) -> Endpoint:
    endpoint.start("blue", SQUARES)
    endpoint.start("green", script)
    endpoint.route({"blue": 100, "green": 0}, of={"green": {"shadow_percent": percent}})
    endpoint.serve()
    return endpoint


def comparison(endpoint: Endpoint) -> dict[str, int]:
    return dict(endpoint.overview()["green"]["shadow"])


def test_answers_are_compared(endpoint: Endpoint) -> None:
    shadows(endpoint, ALMOST)
    assert [endpoint.score(str(number)).json() for number in range(8)] == [[n * n] for n in range(8)]
    wait_for(lambda: comparison(endpoint)["requests"] == 8, "all copies are answered")
    found = comparison(endpoint)
    assert (found["same"], found["different"], found["failed"], found["skipped"]) == (6, 2, 0, 0)
    seen = endpoint.overview()
    assert (seen["blue"]["requests"], seen["green"]["requests"]) == (8, 0), "copies do not count as requests"
    first, second = seen["green"]["differences"]
    assert (first["request"], second["request"]) == ("6", "7")
    assert (second["version"], second["answer"]) == ("blue", "[49.0]")
    assert second["shadow_answer"].startswith("[50.0000000")
    assert (second["status"], second["shadow_status"]) == (200, 200)
    figures = requests.get(f"{endpoint.url}/metrics", headers={"Accept": "application/json"}, timeout=10)
    assert figures.json()["versions"]["green"]["shadow"]["different"] == 2


def test_a_share_of_the_requests_is_copied(endpoint: Endpoint) -> None:
    shadows(endpoint, SQUARES, 25)
    with requests.Session() as session:
        for number in range(100):
            endpoint.score(str(number), session)
    wait_for(lambda: comparison(endpoint)["same"] == 25, "all copies are answered")
    assert endpoint.versions["green"].counted()["requests"] == 25


def test_what_a_client_sends_to_a_named_version_is_not_copied(endpoint: Endpoint) -> None:
    shadows(endpoint, SQUARES)
    endpoint.score("1", headers={"azureml-model-deployment": "blue"})
    endpoint.score("2")
    wait_for(lambda: comparison(endpoint)["same"] == 1, "the other is copied")
    assert endpoint.versions["green"].counted()["requests"] == 1


def test_a_shadow_that_fails_or_is_dead_breaks_no_answer(endpoint: Endpoint) -> None:
    shadows(endpoint, "def init(): ...\ndef run(data): raise ValueError(data)\n")
    assert endpoint.score("3").json() == [9.0]
    wait_for(lambda: comparison(endpoint)["failed"] == 1, "the copy has failed")
    endpoint.versions["green"].kill()
    answers = [endpoint.score("3") for _ in range(20)]
    assert [each.json() for each in answers] == [[9.0]] * 20
    wait_for(lambda: comparison(endpoint)["failed"] == 21, "all copies have failed")
    last = endpoint.overview()["green"]["differences"][-1]
    assert (last["shadow_status"], last["answer"]) == (503, "[9.0]")


def test_a_slow_shadow_delays_no_answer(endpoint: Endpoint) -> None:
    """Of more copies than so many on their way, the rest is skipped."""
    shadows(endpoint, ANSWERS)
    green = endpoint.versions["green"].process
    green.send_signal(signal.SIGSTOP)
    with requests.Session() as session:
        assert [endpoint.score("3", session).json() for _ in range(150)] == [[9.0]] * 150
    found = comparison(endpoint)
    assert (found["in_flight"], found["skipped"], found["requests"]) == (100, 50, 0)
    green.send_signal(signal.SIGCONT)
    wait_for(lambda: comparison(endpoint)["different"] == 100, "all copies are answered")


def test_copies_of_large_bodies_are_bounded(endpoint: Endpoint) -> None:
    shadows(endpoint, ANSWERS)
    green = endpoint.versions["green"].process
    green.send_signal(signal.SIGSTOP)
    large = b"1" + b" " * (20 << 20)
    with requests.Session() as session:
        for _ in range(3):
            assert endpoint.score(large, session).json() == [1.0]
    assert (comparison(endpoint)["in_flight"], comparison(endpoint)["skipped"]) == (1, 2)
    green.send_signal(signal.SIGCONT)
    wait_for(lambda: comparison(endpoint)["different"] == 1, "the copy is answered")
    endpoint.score(large)
    wait_for(lambda: comparison(endpoint)["different"] == 2, "there is room again")


def test_a_copy_outlives_its_request(endpoint: Endpoint) -> None:
    shadows(endpoint, WAITS)
    lock = endpoint.folder / "lock"
    lock.touch()
    with pytest.raises(AssertionError):
        assert endpoint.score(str(lock)).ok, "blue squares numbers only"
    assert comparison(endpoint)["in_flight"] == 1
    lock.unlink()
    wait_for(lambda: comparison(endpoint)["different"] == 1, "the copy is answered")


def test_streams_are_not_compared(endpoint: Endpoint) -> None:
    shadows(endpoint, "def init(): ...\ndef run(data):\n  while True: yield 1\n")
    assert endpoint.score("3").json() == [9.0]
    wait_for(lambda: comparison(endpoint)["skipped"] == 1, "the stream of the copy is broken off")
    endpoint.versions["green"].wait_until_idle()
