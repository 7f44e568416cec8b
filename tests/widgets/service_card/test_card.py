"""The live card, at the level of its traits: what a component draws."""

from __future__ import annotations

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.traffic_history import TrafficHistory, TrafficPoint
from mlmagic.core.usage import Usage
from mlmagic.core.webservice import Observation, Phase
from mlmagic.engine.engine import Engine
from mlmagic.engine.services import usage_metrics as gauges
from mlmagic.targets.fake import FakeTarget
from mlmagic.widgets.service_card.card import ServiceCard
from tests.support.answering import Answering
from tests.support.cards import HOSTILE, MakeCard, deploy
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together


def figure(card: ServiceCard, name: str) -> str | None:
    return dict(card.figures).get(name)


def test_it_shows_the_service_and_follows_it(
    fake_engine: Engine,
    fake: FakeTarget,
    answering: Answering,
    card_of: MakeCard,
    capfd: pytest.CaptureFixture[str],
) -> None:
    card = card_of(fake_engine, deploy(fake_engine))
    assert (card.name, card.state, card.serving, card.revision) == ("svc", "Healthy", 1, 1)
    assert (card.endpoint, card.docs) == (f"{answering.url}/score", f"{answering.url}/docs")
    assert card.offered == ["update", "restart", "stop", "scale", "delete"]
    wait_for(lambda: figure(card, "Requests") == "3", "the traffic")
    answering.healthy = False
    wait_for(lambda: card.state == "Unhealthy", "Unhealthy")
    assert repr(card) == "svc: live card (it needs a running kernel)"
    assert capfd.readouterr() == ("", "")


def test_a_notebook_that_is_saved_has_no_keys_and_all_that_is_drawn(
    fake_engine: Engine, card_of: MakeCard
) -> None:
    service = fake_engine.services.deploy("svc", [], script(), DeploymentConfig("fake", auth_enabled=True))
    card = card_of(fake_engine, fake_engine.services.wait(service, 20))
    primary, secondary = fake_engine.keys.get("svc")
    wait_for(lambda: card.authentication == "key", "whether it has keys")
    assert card.outcome("key", {"which": "Primary"}) == {"value": primary}
    assert card.outcome("key", {"which": "Secondary"}) == {"value": secondary}
    assert "unknown key 'Other'" in card.outcome("key", {"which": "Other"})["error"]
    saved = str(card.get_state())
    assert primary not in saved
    assert secondary not in saved
    assert {"name", "state", "beat", "history", "log_text", "_esm", "_css"} <= card.get_state().keys()


def test_a_service_without_keys_says_so(fake_engine: Engine, card_of: MakeCard) -> None:
    card = card_of(fake_engine, deploy(fake_engine))
    assert "has no key authentication" in card.outcome("key", {"which": "Primary"})["error"]
    assert card.authentication == ""


def test_what_run_raised_for_a_caller_is_shown_until_another_revision_serves(
    fake_engine: Engine, fake: FakeTarget, answering: Answering, card_of: MakeCard
) -> None:
    card = card_of(fake_engine, deploy(fake_engine))
    fake.only().log.extend(["[a1] run() failed:", f"[a1] KeyError: {HOSTILE}", "[b2] another line"])
    answering.metrics = b'{"requests": 4, "errors": 1}'
    wait_for(lambda: card.failure == f"KeyError: {HOSTILE}", "the last error")
    fake_engine.services.wait(fake_engine.services.update("svc", config_changes={"tags": {"a": "b"}}), 20)
    wait_for(lambda: card.serving == 2, "the other revision")
    assert card.failure == ""
    assert ("Tags", "a=b") in [tuple(each) for each in card.details]


def test_a_change_by_one_kernel_is_seen_in_the_card_of_another(
    make_engine: MakeEngine, fake: FakeTarget, card_of: MakeCard
) -> None:
    one, other = (make_engine(targets=lambda name: fake) for _ in range(2))
    service = deploy(one)
    here, there = card_of(one, service), card_of(other, other.services.get("svc"))
    other.services.stop("svc")
    wait_for(lambda: here.state == there.state == "Stopped", "Stopped in both")
    assert here.offered == ["update", "start", "delete"]
    one.services.start("svc")
    wait_for(lambda: here.state == there.state == "Healthy", "Healthy in both")
    wait_for(lambda: here.events == there.events, "the same events")
    wait_for(lambda: here.figures == there.figures != [], "the same figures")


def test_use_is_measured_by_who_supervises(
    fake_engine: Engine, fake: FakeTarget, card_of: MakeCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauges, "USAGE_SECONDS", 0.0)
    card = card_of(fake_engine, deploy(fake_engine))
    fake.only().usage = Usage(1.0, 42_000_000)
    wait_for(lambda: figure(card, "Memory") == "42 MB", "the memory")
    fake_engine.replicas.set("svc", 3)
    wait_for(lambda: figure(card, "Replicas") == "3", "the replicas")


def test_its_charts_are_those_of_the_engine(
    fake_engine: Engine, card_of: MakeCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = deploy(fake_engine)
    measured = TrafficHistory(1000.0, (TrafficPoint(1000.0, 10.0, requests=20.0),))
    monkeypatch.setattr(fake_engine.services, "traffic_history", lambda name: measured)
    card = card_of(fake_engine, service)
    wait_for(lambda: len(card.history) == 90, "what was measured before the card was opened")
    assert card.history[-1][:2] == (1000.0, 2.0)


def test_it_ends_with_its_service(
    fake_engine: Engine, card_of: MakeCard, capfd: pytest.CaptureFixture[str]
) -> None:
    card = card_of(fake_engine, deploy(fake_engine))
    fake_engine.services.delete("svc")
    wait_for(lambda: card.gone, "the end")
    assert (card.endpoint, card.docs, card.offered) == ("", "", [])
    again = card_of(fake_engine, deploy(fake_engine))
    assert (again.state, card.gone) == ("Healthy", True)
    assert "delete" not in " ".join(each["message"] for each in again.events)
    wait_for(lambda: fake_engine.watcher.watchers == 1, "the old one to leave")
    assert capfd.readouterr() == ("", "")


def test_all_cards_look_once(fake_engine: Engine, card_of: MakeCard) -> None:
    before = len(fake_engine.bus._subscribers)
    cards = [card_of(fake_engine, deploy(fake_engine, f"svc-{number}")) for number in range(3)]
    assert fake_engine.watcher.watchers == 3
    assert len(fake_engine.bus._subscribers) == before + 1
    for card in cards:
        card.close_card()
    assert (fake_engine.watcher.watchers, len(fake_engine.bus._subscribers)) == (0, before)


def test_an_update_that_fails_leaves_its_traceback(
    fake_engine: Engine, fake: FakeTarget, card_of: MakeCard
) -> None:
    card = card_of(fake_engine, deploy(fake_engine))
    error = {"phase": "init", "type": "KeyError", "message": "x", "traceback": "line 3, in init"}
    fake.next_observations = [Observation(Phase.EXITED, words="failed", error=error)]
    fake_engine.services.update("svc", config_changes={"tags": {"a": "b"}})
    wait_for(lambda: card.traceback == "line 3, in init", "the traceback")
    wait_for(lambda: card.words.endswith("1 keeps serving"), "the words")
    assert card.state == "Healthy"


def test_a_failed_deploy_says_why_and_can_be_tried_again(
    fake_engine: Engine, fake: FakeTarget, card_of: MakeCard
) -> None:
    error = {"phase": "init", "type": "KeyError", "message": HOSTILE, "traceback": "in\x1b[2J init"}
    fake.next_observations = [Observation(Phase.EXITED, words="failed", error=error)]
    card = card_of(fake_engine, fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    wait_for(lambda: card.state == "Failed", "Failed")
    assert (card.words, card.endpoint) == (f"KeyError: {HOSTILE}", "")
    assert card.traceback == "in\\x1b[2J init"  # control characters are written out
    assert card.offered == ["update", "start", "delete"]
    card.outcome("start", {})
    wait_for(lambda: card.state == "Healthy", "Healthy")


def test_a_card_of_a_target_that_is_not_installed_here(
    make_engine: MakeEngine, fake_engine: Engine, card_of: MakeCard
) -> None:
    service = deploy(fake_engine)
    elsewhere = make_engine(supervise=False)
    with elsewhere.memory.writing() as tx:
        tx.exec_driver_sql("UPDATE services SET target = 'elsewhere', desired = 'stopped', state = 'Stopped'")
    card = card_of(elsewhere, elsewhere.services.get("svc"))
    card.outcome("follow_log", {"follow": True})
    assert "Target not found: 'elsewhere'" in card.log_text
    assert (card.state, service.name) == ("Stopped", "svc")
    assert "scale" not in card.offered
