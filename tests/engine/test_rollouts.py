"""Guarded rollouts: one that goes through, one that comes back, each with its reason in the events."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest
import requests

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.events import EventKind, service_subject
from mlmagic.core.rollout import RolloutState
from mlmagic.core.webservice import Webservice
from mlmagic.engine.endpoints.version_request import VersionRequest
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig, UsageError, WrongState
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

GOOD = "def init(): ...\ndef run(data): return 1\n"
FAILING = "def init(): ...\ndef run(data): raise ValueError('no')\n"
SLOW = "import time\ndef init(): ...\ndef run(data):\n    time.sleep(0.05)\n    return 1\n"


def prepared(engine: Engine, green: str) -> Webservice:
    """An endpoint whose version ``green`` gets no requests yet."""
    blue = VersionRequest((), InferenceConfig("score.py", script_text=GOOD), DeploymentConfig("local"))
    shop = engine.services.wait(engine.endpoints.create("shop", "blue", blue), 60)
    wanted = VersionRequest(inference=InferenceConfig("score.py", script_text=green))
    engine.services.wait(engine.endpoints.create_version("shop", "green", wanted), 60)
    return shop


@contextlib.contextmanager
def load(uri: str) -> Iterator[None]:
    """A client that sends one request after the other."""
    done = threading.Event()

    def call() -> None:
        with requests.Session() as session:
            while not done.is_set():
                session.post(uri, data="1", timeout=20)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def roll_out(engine: Engine, guard: str = "errors<1%", step: float = 40) -> None:
    engine.traffic.roll_out("shop", "green", step=step, every=0.5, guard=guard)


def wait_for_end(engine: Engine) -> RolloutState:
    def ended() -> bool:
        rollout = engine.endpoints.endpoint("shop").rollout
        return rollout is not None and not rollout.is_under_way

    wait_for(ended, "the end of the rollout")
    rollout = engine.endpoints.endpoint("shop").rollout
    assert rollout is not None
    return RolloutState(rollout.state)


def reasons(engine: Engine) -> list[tuple[str, str]]:
    """The kind and the message of each event of the rollout."""
    return [
        (str(each.kind), each.message)
        for each in engine.events.list()
        if each.subject == service_subject("shop") and str(each.kind).startswith("Rollout")
    ]


def test_a_good_version_gets_all_requests_step_by_step(engine: Engine) -> None:
    shop = prepared(engine, GOOD)
    with load(str(shop.scoring_uri)):
        roll_out(engine, "p99<5s and errors<1%")
        assert wait_for_end(engine) is RolloutState.DONE
    endpoint = engine.endpoints.endpoint("shop")
    assert (endpoint.shares, endpoint.default.name) == ({"blue": 0, "green": 100}, "green")
    found = reasons(engine)
    assert [kind for kind, _ in found] == [
        EventKind.ROLLOUT_STARTED,
        EventKind.ROLLOUT_STEPPED,
        EventKind.ROLLOUT_STEPPED,
        EventKind.ROLLOUT_FINISHED,
    ]
    assert found[0][1] == "green gets 40 %, and 40 % more every 0.5 s while p99<5s and errors<1%"
    assert found[1][1].startswith("green gets 80 %: p99<5s and errors<1% held for ")
    assert "is the default version" in found[-1][1]


@pytest.mark.parametrize(
    ("script", "guard", "words"),
    [
        (FAILING, "errors<1%", "green is back at 0 %: errors was 100 %, and errors<1% is required"),
        (SLOW, "p50<20ms", "and p50<20ms is required"),
        (SLOW, "p50<3x", "and p50<3x ("),
    ],
)
def test_a_bad_version_is_taken_back_at_once(engine: Engine, script: str, guard: str, words: str) -> None:
    shop = prepared(engine, script)
    with load(str(shop.scoring_uri)):
        engine.traffic.roll_out("shop", "green", step=40, every=3600, guard=guard)
        assert wait_for_end(engine) is RolloutState.REVERTED
    assert engine.endpoints.endpoint("shop").shares == {"blue": 100, "green": 0}
    kind, message = reasons(engine)[-1]
    assert kind == EventKind.ROLLOUT_REVERTED
    assert words in message


def test_a_version_that_stops_is_taken_back(engine: Engine) -> None:
    prepared(engine, GOOD)
    roll_out(engine)
    engine.services.stop("shop-green")
    assert wait_for_end(engine) is RolloutState.REVERTED
    assert "its service 'shop-green' was stopped" in reasons(engine)[-1][1]


def test_without_requests_it_waits_and_says_so(engine: Engine) -> None:
    prepared(engine, GOOD)
    roll_out(engine)

    def words() -> bool:
        rollout = engine.endpoints.endpoint("shop").rollout
        return rollout is not None and "0 of at least 20 requests have come" in rollout.reason

    wait_for(words, "the reason why it waits")
    assert engine.endpoints.endpoint("shop").shares == {"blue": 60, "green": 40}


def test_it_is_stopped_or_reverted_by_request(engine: Engine) -> None:
    prepared(engine, GOOD)
    roll_out(engine)
    with pytest.raises(UsageError, match="'green' is being rolled out"):
        engine.traffic.set("shop", {"green": 1})
    with pytest.raises(UsageError, match="'green' is being rolled out"):
        engine.endpoints.delete_version("shop", "green")
    engine.traffic.stop_rollout("shop")
    assert engine.endpoints.endpoint("shop").shares == {"blue": 60, "green": 40}
    roll_out(engine)
    engine.traffic.stop_rollout("shop", revert=True)
    assert engine.endpoints.endpoint("shop").shares == {"blue": 60, "green": 40}
    with pytest.raises(UsageError, match="no rollout of 'shop' is under way"):
        engine.traffic.stop_rollout("shop")


def test_a_pause_holds_it_until_it_is_resumed(engine: Engine) -> None:
    shop = prepared(engine, GOOD)
    roll_out(engine)
    engine.traffic.pause_rollout("shop")
    with pytest.raises(UsageError, match="the rollout of 'shop' is paused already"):
        engine.traffic.pause_rollout("shop")

    def is_held() -> bool:
        rollout = engine.endpoints.endpoint("shop").rollout
        return rollout is not None and rollout.reason == "at 40 % until it is resumed"

    with load(shop.scoring_uri):
        wait_for(is_held, "the pause")
        assert engine.endpoints.endpoint("shop").shares == {"blue": 60, "green": 40}
        engine.traffic.resume_rollout("shop")
        assert wait_for_end(engine) is RolloutState.DONE
    kinds = [kind for kind, _ in reasons(engine)]
    assert kinds == [
        EventKind.ROLLOUT_STARTED,
        EventKind.ROLLOUT_PAUSED,
        EventKind.ROLLOUT_RESUMED,
        EventKind.ROLLOUT_STEPPED,
        EventKind.ROLLOUT_STEPPED,
        EventKind.ROLLOUT_FINISHED,
    ]
    with pytest.raises(UsageError, match="no rollout of 'shop' is under way"):
        engine.traffic.resume_rollout("shop")


def test_another_supervisor_carries_it_on(engine: Engine) -> None:
    shop = prepared(engine, GOOD)
    with load(str(shop.scoring_uri)):
        roll_out(engine, step=60)
        engine.supervision.close()
        other = Engine(engine.location, use_daemon=False)
        try:
            other.supervision.ensure()
            assert wait_for_end(other) is RolloutState.DONE
        finally:
            other.close()


def test_what_cannot_be_rolled_out_is_refused(engine: Engine) -> None:
    prepared(engine, GOOD)
    with pytest.raises(InvalidConfig, match="no condition"):
        roll_out(engine, "p99<80")
    with pytest.raises(InvalidConfig, match="--step"):
        roll_out(engine, step=0)
    with pytest.raises(InvalidConfig, match="--every"):
        engine.traffic.roll_out("shop", "green", step=1, every=0, guard="errors<1%")
    with pytest.raises(UsageError, match="'blue' gets all requests already"):
        engine.traffic.roll_out("shop", "blue", step=1, every=1, guard="errors<1%")
    engine.services.stop("shop-green")
    with pytest.raises(WrongState, match="Stopped"):
        roll_out(engine)
    assert engine.traffic.newest_treatment("shop") == "green"
