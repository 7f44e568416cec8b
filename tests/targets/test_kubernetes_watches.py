"""What is known of a namespace: lists, and the changes of which an API server tells."""

from __future__ import annotations

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mlmagic.errors import TargetUnavailable
from mlmagic.targets.kubernetes import api
from mlmagic.targets.kubernetes.api import Refused
from mlmagic.targets.kubernetes.connection import Address
from mlmagic.targets.kubernetes.gateway_routes import HTTP_ROUTE
from mlmagic.targets.kubernetes.snapshots import FRESH_SECONDS, KINDS, Snapshots
from mlmagic.targets.kubernetes.watches import IDLE_SECONDS, WATCHING, Expired, Watch
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together

OWNER = {"mlmagic.workspace": "a"}


def named(name: str, version: int = 1, **more: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/managed-by": "mlmagic", "app.kubernetes.io/name": name, **OWNER}
    return {"metadata": {"name": name, "labels": labels, "resourceVersion": str(version)}, **more}


class Server:
    """An API server that keeps nothing: it answers what a test says, and counts how often it is asked."""

    def __init__(self, *objects: Mapping[str, Any], version: int = 10) -> None:
        self.address = Address(context="c")
        self.objects, self.version = list(objects), version
        self.lists, self.watches = 0, 0
        self.failure: Exception | None = None
        self.refuses_watches = False
        self.events: defaultdict[str, queue.Queue[Mapping[str, Any] | None]] = defaultdict(queue.Queue)
        """By kind; None ends a watch."""

    def listing(
        self, kind: str, namespace: str, labels: Mapping[str, str]
    ) -> tuple[Sequence[Mapping[str, Any]], str]:
        self.lists += 1
        if self.failure is not None:
            raise self.failure
        return list(self.objects), str(self.version)

    def watch(self, kind: str, namespace: str, *_: Any) -> Iterator[Mapping[str, Any]]:
        self.watches += 1
        if self.refuses_watches:
            raise Refused(403, "no watches for you")
        while (event := self.events[kind].get()) is not None:
            yield event
        if self.failure is not None:
            raise self.failure

    def tell(self, kind: str, what: str, found: Mapping[str, Any]) -> None:
        self.events[kind].put({"type": what, "object": found})

    def end_watches(self) -> None:
        for kind in (*KINDS, HTTP_ROUTE):
            self.events[kind].put(None)


class Asked:
    """Snapshots of one server, at a time that a test sets."""

    def __init__(self, server: Server) -> None:
        self.server, self.now = server, 0.0
        self.known = Snapshots(lambda: self.now)

    def names(self, *, later: float = 0.0) -> list[str]:
        """The Deployments that are known so much later."""
        self.now += later
        return sorted(self.known.of(self.server, "ns").deployments)  # type: ignore[arg-type]

    def follow(self) -> None:
        """Ask until the namespace is watched."""
        self.names()
        self.names(later=2 * FRESH_SECONDS)
        wait_for(lambda: self.server.watches == len(KINDS), "the watches")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(named("one"), named("two"))
    yield server
    server.failure = TargetUnavailable("kubernetes", "it is over", fix="")
    server.end_watches()


def a_watch(server: Server) -> Watch:
    watch = Watch(server, "Pod", "ns", lambda: 0.0)  # type: ignore[arg-type]
    watch.refresh()
    return watch


@pytest.mark.parametrize(
    ("what", "found", "known"),
    [
        ("ADDED", named("three", 11), {"one": "1", "two": "1", "three": "11"}),
        ("MODIFIED", named("one", 11), {"one": "11", "two": "1"}),
        ("DELETED", named("one", 11), {"two": "1"}),
        ("DELETED", named("three", 11), {"one": "1", "two": "1"}),
        ("MODIFIED", named("one", 10), {"one": "1", "two": "1"}),  # the list has it
        ("BOOKMARK", {"metadata": {"resourceVersion": "12"}}, {"one": "1", "two": "1"}),
    ],
)
def test_an_event_changes_what_is_known(
    server: Server, what: str, found: Mapping[str, Any], known: Mapping[str, str]
) -> None:
    watch = a_watch(server)
    watch.take({"type": what, "object": found})
    assert {
        each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in watch.objects()
    } == known


def test_a_watch_that_goes_on_from_too_old_a_version_ends(server: Server) -> None:
    with pytest.raises(Expired, match="too old"):
        a_watch(server).take({"type": "ERROR", "object": {"code": 410, "message": "too old"}})


def test_who_asks_once_gets_a_list_and_nothing_is_watched(server: Server) -> None:
    asked = Asked(server)
    assert asked.names() == asked.names(later=FRESH_SECONDS) == ["one", "two"]
    assert (server.lists, server.watches) == (len(KINDS), 0)


def test_who_goes_on_is_told_of_changes_without_another_list(server: Server) -> None:
    asked = Asked(server)
    asked.follow()
    lists = server.lists
    server.tell("Deployment", "ADDED", named("three", 11))
    server.tell("Deployment", "DELETED", named("one", 12))
    wait_for(lambda: asked.names() == ["three", "two"], "the changes")
    assert asked.names(later=9.0) == ["three", "two"]
    assert server.lists == lists


def test_a_change_of_our_own_is_listed_at_once_and_an_older_list_takes_nothing_back(server: Server) -> None:
    asked = Asked(server)
    asked.follow()
    server.objects, server.version = [named("mine", 20)], 20
    asked.known.forget(server, "ns")  # type: ignore[arg-type]
    assert asked.names() == ["mine"]
    server.tell("Deployment", "DELETED", named("two", 15))
    server.tell("Deployment", "ADDED", named("newer", 21))
    wait_for(lambda: asked.names() == ["mine", "newer"], "the change after the list")
    asked.known.forget(server, "ns")  # type: ignore[arg-type]
    assert asked.names() == ["mine", "newer"], "this list was asked for before, and came after"


def test_a_server_that_is_away_is_told_and_then_asked_for_everything(server: Server) -> None:
    asked = Asked(server)
    asked.follow()
    server.failure = TargetUnavailable("kubernetes", "it does not answer", fix="")
    server.end_watches()

    def is_told() -> bool:
        try:
            asked.names(later=FRESH_SECONDS)
        except TargetUnavailable:
            return True
        return False

    wait_for(is_told, "the failure")
    server.failure = None
    server.objects, server.version = (
        [named("other", 30)],
        5,
    )  # a new cluster counts from the start
    assert asked.names(later=2 * FRESH_SECONDS) == ["other"]
    wait_for(lambda: server.watches == 2 * len(KINDS), "new watches")


def test_who_may_not_watch_gets_lists(server: Server) -> None:
    server.refuses_watches = True
    asked = Asked(server)
    asked.follow()
    server.objects = [named("three")]
    wait_for(lambda: asked.names(later=2 * FRESH_SECONDS) == ["three"], "another list")
    asked.names(later=2 * FRESH_SECONDS)
    assert server.watches == len(KINDS), "it is not tried again"


def test_nothing_is_watched_once_nobody_asks(server: Server) -> None:
    asked = Asked(server)
    asked.follow()
    asked.now += IDLE_SECONDS
    server.end_watches()  # as the server does after a while
    wait_for(lambda: WATCHING not in [each.name for each in threading.enumerate()], "the end of the threads")
    server.objects = [named("three")]
    assert asked.names() == ["three"], "a list again"


def test_a_server_may_take_longer_to_answer_than_to_accept_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one limit is for an address where nothing answers, the other for a server that is busy."""

    class Busy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(3 * api.CONNECT_SECONDS)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"metadata": {"resourceVersion": "7"}, "items": []}')

    from kubernetes import client  # here: it takes seconds, which the unit tests' collection need not

    monkeypatch.setattr(api, "CONNECT_SECONDS", 0.2)
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as busy:
        threading.Thread(target=busy.serve_forever, daemon=True).start()
        settings = client.Configuration(host=f"http://127.0.0.1:{busy.server_port}")
        assert api.Api(Address(context="c"), settings).listing("Pod", "ns") == ([], "7")
        busy.shutdown()


def test_fifty_services_of_a_namespace_are_listed_at_once_and_again_after_a_change() -> None:
    server = Server(*(named(f"svc-{number}") for number in range(50)))
    asked = Asked(server)
    for number in range(50):
        there = asked.known.of(server, "ns")  # type: ignore[arg-type]
        assert there.deployment(f"svc-{number}", OWNER) is not None
        assert there.deployment(f"svc-{number}", {"mlmagic.workspace": "b"}) is None
        assert len(there.pods_of(f"svc-{number}", OWNER)) == 1
    assert server.lists == len(KINDS)
    asked.known.forget(server, "ns")  # type: ignore[arg-type]
    asked.names()
    asked.known.of(server, "other")  # type: ignore[arg-type]
    assert server.lists == 3 * len(KINDS)


def test_http_routes_are_listed_once_a_service_has_one(server: Server) -> None:
    asked = Asked(server)
    assert asked.known.of(server, "ns").other("HTTPRoute", "one", OWNER) is None  # type: ignore[arg-type]
    with_routes = asked.known.of(server, "ns", ["HTTPRoute"])  # type: ignore[arg-type]
    assert with_routes.other("HTTPRoute", "one", OWNER) is not None
    assert asked.known.of(server, "ns").other("HTTPRoute", "one", OWNER) is not None  # type: ignore[arg-type]
    assert server.lists == 2 * len(KINDS) + 1
