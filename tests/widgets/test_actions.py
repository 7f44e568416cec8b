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
from mlmagic.widgets.panel.actions import Actions, offered, what_it_does
from tests.support.cards import ESCAPED, FAILED, HOSTILE, SERVICE, MakePanel, deploy
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
    assert offered(state) == verbs | ALWAYS
    assert offered(str(state)) == verbs | ALWAYS
    assert offered(state, busy=True) == offered(state, gone=True) == set()


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


def settled(actions: Actions) -> str:
    """What was told when the button's work was done."""
    wait_for(lambda: not actions.work.doing, "the button's work")
    return str(actions.told.value)


def test_stop_start_restart(fake_engine: Engine, panel_of: MakePanel) -> None:
    panel = panel_of(fake_engine, deploy(fake_engine))
    buttons = panel.actions.buttons
    for verb, state in (("stop", "Stopped"), ("start", "Healthy")):
        buttons[verb].click()
        assert settled(panel.actions) == ""
        wait_for(lambda state=state: panel.model.state == state, state)
    assert (buttons["stop"].disabled, buttons["start"].disabled) == (False, True)
    buttons["restart"].click()
    wait_for(lambda: fake_engine.services.get("svc").serving == 2, "a revision like the one before")
    wait_for(lambda: panel.model.state == "Healthy", "Healthy")


def test_while_one_is_at_work_none_can_be_pressed(
    fake_engine: Engine, panel_of: MakePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = threading.Event()
    monkeypatch.setattr(fake_engine.services, "stop", lambda name: going_on.wait(60))
    panel = panel_of(fake_engine, deploy(fake_engine))
    panel.actions.buttons["stop"].click()
    assert all(button.disabled for button in panel.actions.buttons.values())
    assert "Stop of svc ..." in panel.actions.told.value
    going_on.set()
    settled(panel.actions)
    assert not panel.actions.buttons["stop"].disabled


@pytest.mark.parametrize("error", [LaunchFailed("fake", HOSTILE), RuntimeError(HOSTILE)])
def test_a_failure_is_told_as_text(
    fake_engine: Engine, panel_of: MakePanel, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_name: str) -> None:
        raise error

    monkeypatch.setattr(fake_engine.services, "restart", fail)
    panel = panel_of(fake_engine, deploy(fake_engine))
    panel.actions.buttons["restart"].click()
    told = settled(panel.actions)
    assert 'role="alert"' in told
    assert "Restart of svc failed: " in told
    assert ESCAPED in told
    assert "<img" not in told


def test_deletion_asks_once(fake_engine: Engine, panel_of: MakePanel) -> None:
    panel = panel_of(fake_engine, deploy(fake_engine))
    delete, asked = panel.actions.buttons["delete"], panel.actions.confirmation
    delete.click()
    asked.no.click()
    assert asked.children == ()
    assert fake_engine.services.names() == ["svc"]
    delete.click()
    assert asked.yes.description == "Delete permanently"
    asked.yes.click()
    wait_for(lambda: panel.model.gone, "its end")
    assert fake_engine.services.names() == []


def test_a_card_does_nothing_to_another_service_of_its_name(fake_engine: Engine, panel_of: MakePanel) -> None:
    panel = panel_of(fake_engine, deploy(fake_engine))
    panel._leave()  # so that it does not know
    fake_engine.services.delete("svc")
    deploy(fake_engine)
    panel.actions.buttons["stop"].click()
    assert "Another service now has this name" in settled(panel.actions)
    assert fake_engine.services.get("svc").state is State.HEALTHY


def test_scale_where_the_target_can(
    fake_engine: Engine, fake: FakeTarget, panel_of: MakePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = panel_of(fake_engine, deploy(fake_engine))
    panel.actions.replicas.value = 4
    panel.actions.buttons["scale"].click()
    assert "Scaling to 4 replicas." in settled(panel.actions)
    assert fake.only().observation.ready == 4
    monkeypatch.setattr(fake_engine.replicas, "can_scale", lambda service: False)
    assert "scale" not in panel_of(fake_engine, fake_engine.services.get("svc")).actions.buttons


@pytest.fixture
def served(fake_engine: Engine, tmp_path: Path) -> Webservice:
    """A service with a model, of which there is a newer version."""
    file = tmp_path / "wine.txt"
    for version in "12":
        file.write_text(version)
        fake_engine.models.register(file, ModelDescription("wine"))
    return fake_engine.services.wait(fake_engine.services.deploy("svc", ["wine:1"], script(), ON_FAKE), 20)


def test_update_to_the_newest(fake_engine: Engine, panel_of: MakePanel, served: Any) -> None:
    captured = InferenceConfig("score.py", script_text="def init(): pass\ndef run(data): return 1\n")
    panel = panel_of(fake_engine, served, lambda service: (captured, "'wine' as captured"))
    actions = panel.actions
    actions.buttons["update"].click()
    wait_for(lambda: actions.confirmation.children, "what it would do")
    question = actions.confirmation.question.value
    assert "wine:1 becomes wine:2; the script becomes" in question
    assert fake_engine.services.get("svc").revision == 1
    wait_for(lambda: not actions.confirmation.yes.disabled, "the end of the look")
    actions.confirmation.yes.click()
    settled(actions)
    wait_for(lambda: fake_engine.services.get("svc").serving == 2, "the new revision")
    assert fake_engine.services.get("svc").models == ("wine:2",)
    wait_for(lambda: panel.model.state == "Healthy", "Healthy")
    actions.buttons["update"].click()
    assert "svc is up to date." in settled(actions)
    assert actions.confirmation.children == ()
