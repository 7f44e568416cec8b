"""Which version answers: by the shares, by name, by what a client keeps; and changes of it under load."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import requests

from mlmagic.scoring.report import read_report
from mlmagic.scoring.router.routes import VERSION
from tests.support.keep_alive import keep_alive_clients
from tests.support.waiting import wait_for

from .endpoint import Endpoint, post

pytestmark = pytest.mark.processes


def share(endpoint: Endpoint, count: int, *fields: bytes) -> Counter[str]:
    """How many of so many requests each version answers."""
    last = post(b"1", b"Connection: close", *fields)
    answers = endpoint.send(post(b"1", *fields) * (count - 1) + last)
    return Counter(name.decode() for name in re.findall(rb"\r\nazureml-model-deployment: (\w+)\r\n", answers))


def test_shares_over_two_thousand_requests(two: Endpoint) -> None:
    two.route({"blue": 93.3, "green": 6.7})
    two.settle(blue=93.3, green=6.7)
    before = two.overview()
    counts = share(two, 2000)
    assert counts["green"] == pytest.approx(134, abs=3)
    after = two.overview()
    for name, count in counts.items():
        assert after[name]["requests"] - before[name]["requests"] == count


def test_a_version_can_be_named_and_every_answer_names_its_version(two: Endpoint) -> None:
    two.route({"blue": 100, "green": 0})
    two.settle(blue=100, green=0)
    answer = two.score()
    assert (answer.json(), answer.headers[VERSION]) == ("blue", "blue")
    answer = two.score(headers={VERSION: "green"})
    assert (answer.json(), answer.headers[VERSION]) == ("green", "green")
    answer = two.score(headers={VERSION: "red"})
    assert answer.status_code == 404
    assert answer.json()["message"] == (
        "This endpoint has no version 'red', which the header azureml-model-deployment names. "
        "Its versions are: blue, green."
    )


@pytest.mark.parametrize("path", ["/swagger.json", "/docs", "/v2/health/ready"])
def test_documents_come_from_the_default_version_and_do_not_count(two: Endpoint, path: str) -> None:
    two.route({"blue": 10, "green": 90}, default="blue")
    two.settle(blue=10, green=90)
    before = two.overview()
    answers = [requests.get(f"{two.url}{path}", timeout=10) for _ in range(3)]
    assert [(each.status_code, each.headers[VERSION]) for each in answers] == [(200, "blue")] * 3
    named = requests.get(f"{two.url}{path}", headers={VERSION: "green"}, timeout=10)
    assert (named.status_code, named.headers[VERSION]) == (200, "green")
    after = two.overview()
    assert [after[name]["requests"] for name in after] == [before[name]["requests"] for name in before]


def test_a_sticky_key_keeps_its_version(two: Endpoint) -> None:
    two.route({"blue": 50, "green": 50}, sticky_by="header:x-user-id")
    two.settle(blue=50, green=50)
    kept = {user: share(two, 4, b"x-user-id: %d" % user) for user in range(20)}
    assert all(len(counts) == 1 for counts in kept.values())
    assert {name for counts in kept.values() for name in counts} == {"blue", "green"}


def test_changes_under_load_lose_no_request(two: Endpoint) -> None:
    two.route({"blue": 100, "green": 0})
    two.settle(blue=100, green=0)
    with keep_alive_clients(two.url) as tally:
        for blue in (50, 0, 99.5, 10, 100):
            two.route({"blue": blue, "green": 100 - blue})
            seen = tally.answered
            two.settle(blue=blue, green=100 - blue)
            wait_for(lambda seen=seen: tally.answered > seen + 50, "more answers")
        two.route({"green": 100})
        wait_for(lambda: list(two.overview()) == ["green"], "blue is removed")
        two.route({"blue": 50, "green": 50})
        wait_for(lambda: list(two.overview()) == ["blue", "green"], "blue is back")
    assert tally.lost == []


def test_small_shares_are_kept_while_other_things_change(two: Endpoint) -> None:
    of = {"green": {"shadow_percent": 0}}
    two.route({"blue": 99, "green": 1})
    two.settle(blue=99, green=1)
    counts: Counter[str] = Counter()
    for number in range(20):
        of["green"]["shadow_percent"] = number + 1
        two.route({"blue": 99, "green": 1}, of=of)
        wait_for(lambda number=number: two.overview()["green"]["shadow_percent"] == number + 1, "it is read")
        counts += share(two, 10)
    assert counts == {"blue": 198, "green": 2}


def test_a_file_that_is_wrong_changes_nothing(two: Endpoint) -> None:
    two.route({"blue": 100, "green": 0})
    two.settle(blue=100, green=0)
    two.file.write_text('{"default": "blue"')
    words = "is not JSON; the previous routes stay in use"
    wait_for(lambda: two.score().ok and words in two.router.log.read_text(), words)
    two.write([{"name": "blue", "url": two.versions["blue"].url, "percent": 50}])
    words = "the shares must add up to 100; the previous routes stay in use"
    wait_for(lambda: two.score().ok and words in two.router.log.read_text(), words)
    assert {name: each["percent"] for name, each in two.overview().items()} == {"blue": 100, "green": 0}


def test_what_removed_versions_have_counted_still_counts(endpoint: Endpoint) -> None:
    waits = (
        "import os, time\ndef init(): ...\ndef run(data):\n  while os.path.exists(data): time.sleep(0.01)\n"
    )
    endpoint.start("blue", waits)
    endpoint.start("green")
    endpoint.route({"blue": 100, "green": 0})
    endpoint.serve()
    assert endpoint.score(str(endpoint.folder / "nowhere")).ok
    lock = endpoint.folder / "lock"
    lock.touch()
    with endpoint.connect() as client:
        client.sendall(post(str(lock).encode()))
        wait_for(lambda: endpoint.overview()["blue"]["in_flight"] == 1, "a request at blue")
        endpoint.route({"green": 100})
        wait_for(lambda: list(endpoint.overview()) == ["green"], "blue is removed")
        assert endpoint.score().json() == "green"
        assert endpoint.router.counted()["in_flight"] == 1
        green = endpoint.overview()["green"]["requests"]
        lock.unlink()
        assert b"200 OK" in client.recv(1000)
    counted = endpoint.router.counted()
    assert (counted["requests"], counted["in_flight"]) == (green + 2, 0)


def test_a_router_without_usable_routes_does_not_start(endpoint: Endpoint) -> None:
    endpoint.file.write_text("{}")
    server = endpoint.serve(wait=False)
    assert server.process.wait(20) == 2
    assert f"routes file {endpoint.file}: 'versions' is missing" in server.log.read_text()
    report = read_report(server.run_dir)
    assert report is not None
    assert report.error["phase"] == "routes"
