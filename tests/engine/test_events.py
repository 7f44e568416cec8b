"""Subscriptions and deliveries: the outbox, the back-off and the handshake, over real HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from mlmagic.core.events import EventKind
from mlmagic.core.filters import EventFilter
from mlmagic.core.model import ModelDescription
from mlmagic.core.notices import run_completed
from mlmagic.core.subscription import Answer, DeliveryState
from mlmagic.core.webservice import Observation, Phase
from mlmagic.engine.engine import Engine
from mlmagic.engine.events import webhook
from mlmagic.engine.events.delivery import WebhookDelivery
from mlmagic.errors import AlreadyExists, InvalidConfig, LaunchFailed, NotFound, UsageError
from mlmagic.targets.fake import FakeTarget
from mlmagic.workspace import connection, database, leases, retention
from mlmagic.workspace.database import events as table
from mlmagic.workspace.database import subscriptions as leased
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.memory import Memory
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.waiting import wait_for
from tests.support.webhook import Hook

pytestmark = pytest.mark.together


class Clock:
    """A time that passes when a test says so."""

    def __init__(self) -> None:
        import time

        self.now = time.time() + 1

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def still(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine whose webhook delivery is the test's own."""
    engine = make_engine()
    monkeypatch.setattr(engine.supervision, "ensure", lambda: None)
    return engine


MakeDelivery = Callable[..., WebhookDelivery]


@pytest.fixture
def delivery(memory: Memory, clock: Clock) -> MakeDelivery:
    def make(**options: Any) -> WebhookDelivery:
        values = {"clock": clock, "jitter": lambda: 0.0, **options}
        return WebhookDelivery(memory, ProcessIdentity.current().mark(), **values)

    return make


def rounds(delivery: WebhookDelivery) -> int:
    """Serve what is due, in this thread; returns to how many subscriptions."""
    names = delivery.claim()
    for name in names:
        delivery.serve(name)
    return len(names)


def register(engine: Engine, name: str = "m", **tags: str) -> None:
    path = engine.location.folder / "model.bin"
    path.write_bytes(b"x")
    engine.models.register(path, ModelDescription(name, tags=tags))


def expire(memory: Memory) -> None:
    """End the leases of all subscriptions."""
    with memory.writing() as tx:
        tx.execute(update(leased).values(lease_until=leases.clock(tx) - 1))


def states(engine: Engine) -> list[tuple[str, int, int | None]]:
    return [(str(each.state), each.attempts, each.status) for each, _ in engine.events.deliveries()]


def test_what_happens_is_delivered_signed_and_in_the_envelope(
    still: Engine, delivery: MakeDelivery, hook: Hook
) -> None:
    still.events.subscribe("hook", f"{hook.url}?code=hidden", secret="a long secret".replace(" ", "-"))
    register(still, stage="prod")
    assert states(still) == [("waiting", 0, None)]
    assert rounds(delivery()) == 1
    ((headers, body),) = hook.requests
    (envelope,) = json.loads(body)
    assert envelope["eventType"] == "Microsoft.MachineLearningServices.ModelRegistered"
    assert envelope["data"]["ModelTags"] == {"stage": "prod"}
    assert envelope["topic"] == "/workspaces/%C3%9Cbungen%20und%20Proben"
    expected = hmac.new(b"a-long-secret", body, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={expected}"
    assert headers["aeg-event-type"] == "Notification"
    assert states(still) == [("delivered", 1, 200)]
    assert rounds(delivery()) == 0


def test_cloud_events_are_sent_as_such(still: Engine, delivery: MakeDelivery, hook: Hook) -> None:
    hook.allows, hook.validates = "*", False
    still.events.subscribe("hook", hook.url, schema="cloudevents")
    assert hook.asked == "mlmagic"
    still.events.publish(run_completed("e", "r"))
    rounds(delivery())
    ((headers, body),) = hook.requests
    assert headers["Content-Type"].startswith("application/cloudevents+json")
    assert json.loads(body)["subject"] == "experiments/e/runs/r"


def test_filters_decide_who_is_told(still: Engine, delivery: MakeDelivery, hook: Hook) -> None:
    wanted = EventFilter.read(advanced=["data.ModelTags.stage StringIn ('prod')"])
    still.events.subscribe("prod", hook.url, wanted=wanted)
    still.events.subscribe("runs", hook.url, wanted=EventFilter.read(event_types=["RunCompleted"]))
    register(still, stage="test")
    register(still, stage="prod")
    still.events.publish(run_completed("e", "r"))
    told = {(each.subscription, event.subject) for each, event in still.events.deliveries()}
    assert told == {("prod", "models/m:2"), ("runs", "experiments/e/runs/r")}
    rounds(delivery())
    assert len(hook.requests) == 2


def test_the_same_event_is_sent_again_with_back_off_until_it_is_taken(
    still: Engine, delivery: MakeDelivery, hook: Hook, clock: Clock
) -> None:
    still.events.subscribe("hook", hook.url)
    register(still)
    mine = delivery()
    hook.answers = [(500, {}), (302, {"Location": "http://127.0.0.1:1/"}), (503, {"Retry-After": "100"})]
    assert rounds(mine) == 1
    for wait in (10, 30, 100):
        clock.now += wait - 0.5
        assert rounds(mine) == 0
        clock.now += 0.5
        assert rounds(mine) == 1
    assert states(still) == [("delivered", 4, 200)]
    assert len({body for _, body in hook.requests}) == 1  # the same bytes, so the same id
    assert [headers["aeg-delivery-count"] for headers, _ in hook.requests] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("status", [400, 413])
def test_a_final_answer_ends_it_until_it_is_redelivered(
    still: Engine, delivery: MakeDelivery, hook: Hook, clock: Clock, status: int
) -> None:
    still.events.subscribe("hook", hook.url)
    register(still)
    hook.answers = [(status, {})]
    rounds(delivery())
    ((dead, _),) = still.events.deliveries(dead=True)
    assert (dead.state, dead.status) == (DeliveryState.DEAD, status)
    assert f"returned HTTP {status}, which is final" in dead.words
    assert still.events.redeliver("hook") == 1
    rounds(delivery())
    assert states(still) == [("delivered", 1, 200)]


def test_finished_deliveries_are_deleted_and_others_are_sent(
    still: Engine, delivery: MakeDelivery, hook: Hook
) -> None:
    for name in ("hook", "other"):
        still.events.subscribe(name, hook.url)
    register(still)
    hook.answers = [(400, {})]
    rounds(delivery())
    register(still)
    assert len(still.events.deliveries("hook")) == 2
    assert still.events.delete_deliveries("hook") == 1
    ((waiting, _),) = still.events.deliveries("hook")
    assert waiting.state is DeliveryState.WAITING
    assert len(still.events.deliveries("other")) == 2


def test_a_hook_that_is_down_gets_all_when_it_is_back(
    still: Engine, delivery: MakeDelivery, hook: Hook, clock: Clock
) -> None:
    still.events.subscribe("hook", hook.url)
    for _ in range(3):
        register(still)
    hook.goes_down()
    mine = delivery()
    rounds(mine)
    # Only one was tried: where nobody answers, the others wait, too.
    assert sorted(each.attempts for each, _ in still.events.deliveries()) == [0, 0, 1]
    assert "nothing accepts connections" in "".join(each.words for each, _ in still.events.deliveries())
    hook.comes_back()
    clock.now += 10
    rounds(mine)
    assert [state for state, _, _ in states(still)] == ["delivered"] * 3
    assert sorted(body[0]["subject"] for body in hook.bodies()) == ["models/m:1", "models/m:2", "models/m:3"]


def test_a_hook_that_hangs_is_given_up_for_now(
    still: Engine, delivery: MakeDelivery, hook: Hook, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "ANSWER_SECONDS", 0.05)
    still.events.subscribe("hook", hook.url)
    register(still)
    hook.hangs = threading.Event()
    mine = delivery()
    rounds(mine)
    assert states(still) == [("waiting", 1, None)]
    ((sent, _),) = still.events.deliveries()
    assert sent.words == "it did not answer in time"
    hook.hangs.set()  # it answers late: nobody listens any more
    monkeypatch.setattr(webhook, "ANSWER_SECONDS", 30)
    clock.now += 10
    rounds(mine)
    assert states(still) == [("delivered", 2, 200)]
    wait_for(lambda: len(hook.requests) == 2, "both attempts")
    assert hook.requests[0][1] == hook.requests[1][1]


def test_it_is_given_up_after_a_day_without_an_answer(
    still: Engine, delivery: MakeDelivery, clock: Clock
) -> None:
    still.events.subscribe("hook", "http://127.0.0.1:1/", handshake=False)
    register(still)
    mine = delivery(send=lambda *_: Answer(None, "nobody there"))
    for _ in range(40):
        rounds(mine)
        clock.now += 12 * 3600
    ((sent, _),) = still.events.deliveries()
    assert sent.state is DeliveryState.DEAD
    assert "24 hours" in sent.words


def test_one_process_at_a_time_sends_to_a_subscription(
    still: Engine, delivery: MakeDelivery, clock: Clock, memory: Memory
) -> None:
    still.events.subscribe("hook", "http://127.0.0.1:1/", handshake=False)
    register(still)
    sent: list[int] = []
    first, second = delivery(send=lambda *_: sent.append(1) or Answer(200)), delivery()
    assert first.claim() == ["hook"]
    assert second.claim() == []
    expire(memory)  # a process of another machine would not be known to have ended
    assert second.claim() == ["hook"]
    first.serve("hook")
    assert sent == []  # it has lost the lease


def test_what_was_sent_but_not_marked_is_sent_again(
    still: Engine, delivery: MakeDelivery, memory: Memory
) -> None:
    still.events.subscribe("hook", "http://127.0.0.1:1/", handshake=False)
    register(still)
    ids: list[str] = []

    def send(_subscription: Any, notice: Any, _attempt: int) -> Answer:
        ids.append(notice.id)
        return Answer(200)

    def send_and_die(subscription: Any, notice: Any, attempt: int) -> Answer:
        send(subscription, notice, attempt)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rounds(delivery(send=send_and_die))
    expire(memory)
    rounds(delivery(send=send))
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert states(still) == [("delivered", 1, 200)]


def test_an_endpoint_that_does_not_agree_is_refused(still: Engine, hook: Hook) -> None:
    hook.validates = False
    with pytest.raises(UsageError, match=r"has not accepted events: .*validationCode.*--no-handshake"):
        still.events.subscribe("hook", f"{hook.url}?code=hidden")
    assert still.events.subscriptions() == []
    hook.allows = "mlmagic"  # either way is enough
    still.events.subscribe("hook", hook.url)
    hook.allows = ""
    still.events.subscribe("mine", hook.url, handshake=False)
    hook.goes_down()
    with pytest.raises(UsageError, match="nothing accepts connections there") as caught:
        still.events.subscribe("down", f"{hook.url}?code=hidden")
    assert "hidden" not in str(caught.value)
    hook.comes_back()


@pytest.mark.parametrize("handshake", [True, False])
def test_a_metadata_service_is_no_endpoint(still: Engine, handshake: bool) -> None:
    url = "http://169.254.169.254/latest/meta-data?token=hidden"
    with pytest.raises(InvalidConfig, match=r"must not be at 169\.254\.169\.254.*link-local") as caught:
        still.events.subscribe("hook", url, handshake=handshake)
    assert "MLMAGIC_WEBHOOK_NETWORKS=169.254.169.254" in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert still.events.subscriptions() == []


def test_a_name_that_changes_its_address_does_not_get_around_it(
    still: Engine, delivery: MakeDelivery, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["127.0.0.1"]
    looked_up: list[str] = []

    def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        looked_up.append(host)
        family = socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (each, port)) for each in answers]

    real = socket.getaddrinfo

    def look_up(host: str, *more: Any, **options: Any) -> list[Any]:
        return (resolve if "moves" in str(host) else real)(host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    still.events.subscribe("hook", f"http://moves.example:{hook.port}/hook", handshake=False)
    looked_up.clear()
    register(still, "one")
    assert rounds(delivery()) == 1
    assert looked_up == ["moves.example"]  # once: what was checked is what was connected to
    assert hook.requests[0][0]["Host"] == f"moves.example:{hook.port}"
    answers[:] = ["127.0.0.1", "169.254.169.254"]
    register(still, "two")
    assert rounds(delivery()) == 1
    assert len(hook.requests) == 1
    (waiting,) = [each for each, _ in still.events.deliveries() if str(each.state) == "waiting"]
    assert "its address 169.254.169.254 is link-local" in waiting.words


def test_the_next_address_is_tried_where_nothing_listens(
    still: Engine, delivery: MakeDelivery, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "checked_addresses", lambda url: ["::1", "127.0.0.1"])
    still.events.subscribe("hook", f"http://localhost:{hook.port}/hook")
    register(still)
    assert rounds(delivery()) == 1
    assert len(hook.requests) == 1


def test_bad_subscriptions_change_nothing(still: Engine) -> None:
    still.events.subscribe("hook", "http://127.0.0.1:1/", handshake=False)
    with pytest.raises(AlreadyExists, match="%unsubscribe hook"):
        still.events.subscribe("hook", "http://127.0.0.1:1/", handshake=False)
    with pytest.raises(InvalidConfig, match="schema"):
        still.events.subscribe("other", "http://127.0.0.1:1/", schema="soap", handshake=False)
    with pytest.raises(NotFound, match="Did you mean 'hook'"):
        still.events.unsubscribe("hok")
    assert [each.name for each in still.events.subscriptions()] == ["hook"]
    register(still)
    still.events.unsubscribe("hook")
    assert still.events.deliveries() == []


def test_a_deploy_is_told_when_it_answers_and_a_failed_one_is_not(
    fake_engine: Engine, fake: FakeTarget, hook: Hook
) -> None:
    """With the supervisor's own webhook delivery."""
    fake_engine.events.subscribe("hook", hook.url, wanted=EventFilter.read(event_types=["ModelDeployed"]))
    register(fake_engine)
    fake.next_observations = [Observation(Phase.EXITED, words="no")]
    with pytest.raises(LaunchFailed):
        fake_engine.services.wait(fake_engine.services.deploy("svc", ["m"], script(), ON_FAKE))
    service = fake_engine.services.wait(fake_engine.services.deploy("svc", ["m"], script(), ON_FAKE))
    wait_for(lambda: hook.requests, "the notice")
    ((envelope,),) = hook.bodies()
    assert envelope["subject"] == f"endpoints/{service.id}"
    assert envelope["data"] == {
        "ServiceName": "svc",
        "ServiceComputeType": "fake",
        "ModelIds": "m:1",
        "ServiceTags": {},
        "ServiceProperties": {},
    }
    fake_engine.services.stop("svc")
    fake_engine.services.wait(fake_engine.services.start("svc"))  # the same revision: no news
    fake_engine.services.wait(fake_engine.services.update("svc", inference=script("other")))
    wait_for(lambda: len(hook.requests) == 2, "the update's notice")
    kinds = [event.kind for event in fake_engine.events.list()]
    assert kinds.count(EventKind.MODEL_DEPLOYED) == 2


def test_a_hook_that_hangs_holds_up_no_deploy(fake_engine: Engine, hook: Hook) -> None:
    fake_engine.events.subscribe("hook", hook.url)
    hook.hangs = threading.Event()
    register(fake_engine)
    fake_engine.services.wait(fake_engine.services.deploy("svc", ["m"], script(), ON_FAKE), 20)
    fake_engine.services.delete("svc")
    assert hook.requests == []
    fake_engine.close()  # nor does it keep a process from ending
    hook.hangs.set()


def test_a_workspace_from_before_there_were_subscriptions(still: Engine) -> None:
    tables = (
        database.subscriptions,
        database.deliveries,
        database.follows,
        database.followed_versions,
    )
    with still.memory.writing() as tx:
        for table in tables:
            table.drop(tx)
        tx.execute(
            database.migrations.delete().where(database.migrations.c.name == "m004_event_subscriptions")
        )
    connection.Database(still.location.database_url).close()
    assert still.events.subscriptions() == []


def test_an_event_of_a_newer_version_stops_nothing(still: Engine, delivery: MakeDelivery, hook: Hook) -> None:
    still.events.subscribe("hook", hook.url)
    register(still)
    with still.memory.writing() as tx:
        tx.execute(update(table).values(kind="OfTomorrow"))
    assert still.events.newest(1)[0].kind == "OfTomorrow"
    assert rounds(delivery()) == 1
    ((state, _, _),) = states(still)
    assert (state, hook.requests) == ("dead", [])


def test_old_events_and_finished_deliveries_are_pruned(
    still: Engine, delivery: MakeDelivery, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    still.events.subscribe("hook", hook.url)
    register(still, "delivered")
    rounds(delivery())
    for _ in range(30):
        still.models.change("delivered:1", tags={"a": "b"})
    register(still, "waiting")
    monkeypatch.setattr(retention, "EVENTS_KEPT", 5)
    monkeypatch.setattr(retention, "AT_ONCE", 7)

    def prune() -> list[str]:
        retention.prune(still.memory.reading, still.memory.writing_quietly)
        return [event.subject for event in still.events.list()]

    assert prune() == ["models/delivered:1", *["models/delivered:1"] * 4, "models/waiting:1"]
    assert [state for state, *_ in states(still)] == ["waiting", "delivered"]
    monkeypatch.setattr(retention, "DELIVERY_SECONDS", -1)
    assert prune() == ["models/delivered:1"] * 4 + ["models/waiting:1"]
    assert [state for state, *_ in states(still)] == ["waiting"]
    monkeypatch.setattr(retention, "EVENT_SECONDS", -1)
    assert prune() == ["models/waiting:1"], "what is still to be delivered stays"
