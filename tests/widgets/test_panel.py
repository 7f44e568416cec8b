"""The live card, at the level of its traits."""

from __future__ import annotations

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.usage import Usage
from mlmagic.core.webservice import Observation, Phase
from mlmagic.engine.engine import Engine
from mlmagic.engine.services import usage_metrics as gauges
from mlmagic.targets.fake import FakeTarget
from tests.support.answering import Answering
from tests.support.cards import ESCAPED, HOSTILE, MakePanel, deploy
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.waiting import wait_for
from tests.support.widget_tree import controls, markup_of, named

pytestmark = pytest.mark.together


def test_it_shows_the_service_and_follows_it(
    fake_engine: Engine,
    fake: FakeTarget,
    answering: Answering,
    panel_of: MakePanel,
    capfd: pytest.CaptureFixture[str],
) -> None:
    panel = panel_of(fake_engine, deploy(fake_engine))
    assert panel.model.state == "Healthy"
    assert panel.model.lasting == "Healthy for less than a minute"
    assert f'href="{answering.url}/score"' in markup_of(panel)
    wait_for(lambda: "3 requests" in markup_of(panel), "the traffic")
    answering.healthy = False
    wait_for(lambda: panel.model.state == "Unhealthy", "Unhealthy")
    assert 'role="status" aria-live="polite" aria-label="svc"' in markup_of(panel)
    assert repr(panel) == "svc: live panel (it needs a running kernel)"
    assert capfd.readouterr() == ("", "")


def test_what_run_raised_for_a_caller_is_shown_until_another_revision_serves(
    fake_engine: Engine, fake: FakeTarget, answering: Answering, panel_of: MakePanel
) -> None:
    panel = panel_of(fake_engine, deploy(fake_engine))
    fake.only().log.extend(["[a1] run() failed:", f"[a1] KeyError: {HOSTILE}", "[b2] another line"])
    answering.metrics = b'{"requests": 4, "errors": 1}'
    wait_for(lambda: f"KeyError: {ESCAPED}" in named(panel, "Last error of svc"), "the last error")
    assert "revision 1" in markup_of(panel)
    fake_engine.services.wait(fake_engine.services.update("svc", config_changes={"tags": {"a": "b"}}), 20)
    wait_for(lambda: "revision 2" in markup_of(panel), "the other revision")
    assert panel.model.failure == ""


def test_a_change_by_one_kernel_is_seen_in_the_card_of_another(
    make_engine: MakeEngine, fake: FakeTarget, panel_of: MakePanel
) -> None:
    one, other = (make_engine(targets=lambda name: fake) for _ in range(2))
    service = deploy(one)
    here, there = panel_of(one, service), panel_of(other, other.services.get("svc"))
    other.services.stop("svc")
    wait_for(lambda: here.model.state == there.model.state == "Stopped", "Stopped in both")
    one.services.start("svc")
    wait_for(lambda: here.model.state == there.model.state == "Healthy", "Healthy in both")
    wait_for(lambda: here.model.events == there.model.events, "the same events")
    wait_for(lambda: here.model.stats == there.model.stats != {}, "the same figures")


def test_use_is_measured_by_who_supervises(
    fake_engine: Engine, fake: FakeTarget, panel_of: MakePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gauges, "USAGE_SECONDS", 0.0)
    panel = panel_of(fake_engine, deploy(fake_engine))
    fake.only().usage = Usage(1.0, 42_000_000)
    wait_for(lambda: panel.model.stats.get("memory_bytes") == 42e6, "the memory")
    assert "memory 42 MB" in markup_of(panel)
    fake_engine.replicas.set("svc", 3)
    wait_for(lambda: "3 replicas" in markup_of(panel), "the replicas")


def test_it_ends_with_its_service(
    fake_engine: Engine, panel_of: MakePanel, capfd: pytest.CaptureFixture[str]
) -> None:
    panel = panel_of(fake_engine, deploy(fake_engine))
    fake_engine.services.delete("svc")
    wait_for(lambda: panel.model.words == "deleted", "the end")
    assert (panel.model.state, panel.model.endpoint) == ("Stopped", "")
    again = panel_of(fake_engine, deploy(fake_engine))
    assert (again.model.state, panel.model.words) == ("Healthy", "deleted")
    assert "delete" not in " ".join(again.model.events)
    wait_for(lambda: fake_engine.watcher.watchers == 1, "the old one to leave")
    assert all(button.disabled for button in panel.actions.buttons.values())
    assert capfd.readouterr() == ("", "")


def test_all_cards_look_once(fake_engine: Engine, panel_of: MakePanel) -> None:
    before = len(fake_engine.bus._subscribers)
    panels = [panel_of(fake_engine, deploy(fake_engine, f"svc-{number}")) for number in range(3)]
    assert fake_engine.watcher.watchers == 3
    assert len(fake_engine.bus._subscribers) == before + 1
    for panel in panels:
        panel.close_panel()
    assert (fake_engine.watcher.watchers, len(fake_engine.bus._subscribers)) == (0, before)


def test_whatever_a_service_says_is_text_in_every_pane(
    fake_engine: Engine, fake: FakeTarget, panel_of: MakePanel
) -> None:
    error = {"phase": "init", "type": "KeyError", "message": HOSTILE, "traceback": HOSTILE}
    fake.next_observations = [Observation(Phase.EXITED, words=HOSTILE, error=error)]
    panel = panel_of(fake_engine, fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    wait_for(lambda: panel.model.state == "Failed", "Failed")
    next(iter(fake.services.values())).log.append(HOSTILE)
    panel.section("Events")
    for name in ("svc", "Last error of svc", "Events of svc"):
        wait_for(lambda name=name: ESCAPED in named(panel, name), name)
    wait_for(lambda: ESCAPED in named(panel, "Log of svc"), "the log")
    for name in ("svc", "Last error of svc", "Events of svc", "Log of svc", "Metrics of svc"):
        assert "<script" not in named(panel, name)
        assert "<img" not in named(panel, name)


def test_an_update_that_fails_leaves_its_traceback(
    fake_engine: Engine, fake: FakeTarget, panel_of: MakePanel
) -> None:
    panel = panel_of(fake_engine, deploy(fake_engine))
    error = {"phase": "init", "type": "KeyError", "message": "x", "traceback": "line 3, in init"}
    fake.next_observations = [Observation(Phase.EXITED, words="failed", error=error)]
    fake_engine.services.update("svc", config_changes={"tags": {"a": "b"}})
    wait_for(lambda: "line 3, in init" in named(panel, "Last error of svc"), "the traceback")
    wait_for(lambda: panel.model.words.endswith("1 keeps serving"), "the words")
    assert panel.model.state == "Healthy"


def test_a_card_of_a_target_that_is_not_installed_here(
    make_engine: MakeEngine, fake_engine: Engine, panel_of: MakePanel
) -> None:
    service = deploy(fake_engine)
    elsewhere = make_engine(supervise=False)
    with elsewhere.memory.writing() as tx:
        tx.exec_driver_sql("UPDATE services SET target = 'elsewhere', desired = 'stopped', state = 'Stopped'")
    panel = panel_of(elsewhere, elsewhere.services.get("svc"))
    wait_for(lambda: "Target not found: 'elsewhere'" in panel.model.log, "why there is no log")
    assert (panel.model.state, service.name) == ("Stopped", "svc")
    assert "scale" not in panel.actions.buttons


def test_keys_are_shown_when_asked_for_and_nowhere_else(fake_engine: Engine, panel_of: MakePanel) -> None:
    service = fake_engine.services.deploy("svc", [], script(), DeploymentConfig("fake", auth_enabled=True))
    panel = panel_of(fake_engine, fake_engine.services.wait(service, 20))
    primary, secondary = fake_engine.keys.get("svc")
    assert primary not in markup_of(panel)
    keys = panel.section("Show keys")
    assert primary in keys.value
    assert secondary in keys.value
    changed, _ = fake_engine.keys.regenerate("svc", "Primary")
    wait_for(lambda: changed in keys.value, "the new key")
    controls(panel)["Show keys"].value = False
    assert keys.value == ""
    panel.section("Show keys")
    panel.close_panel()
    assert keys.value == ""


def test_a_service_without_keys_says_so(fake_engine: Engine, panel_of: MakePanel) -> None:
    panel = panel_of(fake_engine, deploy(fake_engine))
    assert "has no key authentication" in panel.section("Show keys").value


def test_everything_to_press_or_fill_in_has_a_name_of_its_own(
    fake_engine: Engine, panel_of: MakePanel
) -> None:
    panel = panel_of(fake_engine, deploy(fake_engine))
    panel.section("Try it")
    panel.actions.buttons["delete"].click()
    found = controls(panel)
    actions = {"Update", "Restart", "Stop", "Start", "Delete", "Delete permanently"}
    assert actions | {"Send", "Follow"} <= found.keys()
    assert all("svc" in control.tooltip for control in found.values()), found
