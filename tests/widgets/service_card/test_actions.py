"""The buttons of a card: which there are when, and what comes of pressing them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.core.renewal import Renewal
from mlmagic.core.webservice import State, Webservice
from mlmagic.engine.engine import Engine
from mlmagic.errors import LaunchFailed
from mlmagic.targets.fake import FakeTarget
from mlmagic.widgets.service_card.actions import offered, what_it_does
from mlmagic.widgets.service_card.card import ServiceCard
from tests.support.cards import FAILED, HOSTILE, SERVICE, MakeCard, deploy
from tests.support.engines import ON_FAKE, script
from tests.support.waiting import wait_for

ALWAYS = {"delete"}


@pytest.mark.parametrize(
    ("state", "verbs"),
    [
        (State.HEALTHY, {"update", "restart", "stop", "scale"}),
        (State.UNHEALTHY, {"update", "restart", "stop", "scale"}),
        (State.TRANSITIONING, {"update", "stop"}),
        (State.UNSCHEDULABLE, {"update", "stop"}),
        (State.FAILED, {"update", "start"}),
        (State.STOPPED, {"update", "start"}),
    ],
)
def test_what_can_be_asked_of_a_service(state: State, verbs: set[str]) -> None:
    assert set(offered(state)) == set(offered(str(state))) == verbs | ALWAYS
    assert set(offered(state, scales=False)) == (verbs | ALWAYS) - {"scale"}
    assert offered(state, gone=True) == []


@pytest.mark.parametrize(
    ("service", "renewal", "words"),
    [
        (
            SERVICE,
            Renewal(("wine:1",), ("wine:2",), "'wine' as it was captured last"),
            "Update wine: wine:1 becomes wine:2; the script becomes 'wine' as it was captured last. "
            "Revision 2 serves until the new revision is healthy, and keeps serving if the update fails.",
        ),
        (FAILED, Renewal(("a:1",), ("a:2",)), "Update wine: a:1 becomes a:2. Revision 2 serves until"),
    ],
)
def test_an_update_says_what_it_does(service: Any, renewal: Renewal, words: str) -> None:
    assert what_it_does(service, renewal).startswith(words)


def pressed(card: ServiceCard, verb: str, **values: object) -> str:
    """Carry out a verb as its button does; returns what was told when its work was done."""
    outcome = card.outcome(verb, values)
    assert outcome == {"value": None}, outcome
    wait_for(lambda: not card.doing and not card.actions.work.doing, "the button's work")
    return str(card.told)


def test_stop_start_restart(fake_engine: Engine, card_of: MakeCard) -> None:
    card = card_of(fake_engine, deploy(fake_engine))
    for verb, state in (("stop", "Stopped"), ("start", "Healthy")):
        assert pressed(card, verb) == ""
        wait_for(lambda state=state: card.state == state, state)
    assert pressed(card, "restart") == ""
    wait_for(lambda: fake_engine.services.get("svc").serving == 2, "a revision like the one before")
    wait_for(lambda: card.state == "Healthy", "Healthy")


def test_one_action_at_a_time(
    fake_engine: Engine, card_of: MakeCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on, stops = threading.Event(), []

    def stop(name: str) -> None:
        stops.append(name)
        going_on.wait(60)

    monkeypatch.setattr(fake_engine.services, "stop", stop)
    card = card_of(fake_engine, deploy(fake_engine))
    card.outcome("stop", {})
    assert card.doing == "Stop of svc"
    card.outcome("restart", {})
    card.outcome("stop", {})
    going_on.set()
    wait_for(lambda: not card.doing, "its end")
    assert (stops, fake_engine.services.get("svc").revision) == (["svc"], 1)


@pytest.mark.parametrize("error", [LaunchFailed("fake", HOSTILE), RuntimeError(HOSTILE)])
def test_a_failure_is_told(
    fake_engine: Engine, card_of: MakeCard, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_name: str) -> None:
        raise error

    monkeypatch.setattr(fake_engine.services, "restart", fail)
    told = pressed(card_of(fake_engine, deploy(fake_engine)), "restart")
    assert told.startswith("Restart of svc failed: ")
    assert HOSTILE in told


def test_rollback(fake_engine: Engine, card_of: MakeCard) -> None:
    card = card_of(fake_engine, deploy(fake_engine))
    fake_engine.services.wait(fake_engine.services.update("svc", config_changes={"cpu": 0.2}), 20)
    wait_for(lambda: card.serving == 2, "the update")
    listed = card.outcome("revisions", {})["value"]
    assert [(each["number"], each["status"], each["can_return"]) for each in listed] == [
        (2, "Serving", False),
        (1, "Was Healthy", True),
    ]
    assert "cpu" in listed[0]["change"]
    assert pressed(card, "rollback", revision=1) == ("Rolling back to revision 1. The new revision is 3.")
    wait_for(lambda: card.serving == 3, "the rollback")
    assert "must be a whole number" in pressed(card, "rollback", revision="1")


def test_delete(fake_engine: Engine, card_of: MakeCard) -> None:
    card = card_of(fake_engine, deploy(fake_engine))
    assert pressed(card, "delete") == ""
    wait_for(lambda: card.gone, "its end")
    assert fake_engine.services.names() == []


def test_a_card_does_nothing_to_another_service_of_its_name(fake_engine: Engine, card_of: MakeCard) -> None:
    card = card_of(fake_engine, deploy(fake_engine))
    card._leave()  # so that it does not know
    fake_engine.services.delete("svc")
    deploy(fake_engine)
    assert "Another service now has this name" in pressed(card, "stop")
    assert "Another service now has this name" in card.outcome("find_update", {})["error"]
    assert fake_engine.services.get("svc").state is State.HEALTHY


def test_scale_where_the_target_can(
    fake_engine: Engine, fake: FakeTarget, card_of: MakeCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = card_of(fake_engine, deploy(fake_engine))
    assert pressed(card, "scale", replicas=4) == "Scaling to 4 replicas."
    wait_for(lambda: fake.only().observation.ready == 4, "four replicas")
    monkeypatch.setattr(fake_engine.replicas, "can_scale", lambda service: False)
    assert "scale" not in card_of(fake_engine, fake_engine.services.get("svc")).offered


@pytest.mark.parametrize("replicas", [None, 0, 2.5, "3", 10_000])
def test_a_number_of_replicas_that_is_none(
    fake_engine: Engine, fake: FakeTarget, card_of: MakeCard, replicas: object
) -> None:
    card = card_of(fake_engine, deploy(fake_engine))
    error = card.outcome("scale", {"replicas": replicas})["error"]
    assert "must be a whole number from 1 to" in error
    assert fake.only().observation.ready == 1


@pytest.fixture
def served(fake_engine: Engine, tmp_path: Path) -> Webservice:
    """A service with a model, of which there is a newer version."""
    file = tmp_path / "wine.txt"
    for version in "12":
        file.write_text(version)
        fake_engine.models.register(file, ModelDescription("wine"))
    return fake_engine.services.wait(fake_engine.services.deploy("svc", ["wine:1"], script(), ON_FAKE), 20)


def test_update_to_the_newest(fake_engine: Engine, card_of: MakeCard, served: Any) -> None:
    captured = InferenceConfig("score.py", script_text="def init(): pass\ndef run(data): return 1\n")
    card = card_of(fake_engine, served, lambda service: (captured, "'wine' as captured"))
    assert "no update of 'svc' was found" in card.outcome("update", {})["error"]
    question = card.outcome("find_update", {})["value"]
    assert "wine:1 becomes wine:2; the script becomes" in question
    assert fake_engine.services.get("svc").revision == 1
    pressed(card, "update")
    wait_for(lambda: fake_engine.services.get("svc").serving == 2, "the new revision")
    assert fake_engine.services.get("svc").models == ("wine:2",)
    wait_for(lambda: card.state == "Healthy", "Healthy")
    assert card.outcome("find_update", {}) == {"value": ""}
