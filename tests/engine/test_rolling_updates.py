"""Pause and resume of an update, on the fake target."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlmagic.core.events import EventKind, service_subject
from mlmagic.core.webservice import Observation, Phase
from mlmagic.engine.engine import Engine
from mlmagic.errors import UsageError
from mlmagic.targets.capabilities import Capabilities
from mlmagic.targets.fake import FakeService, FakeTarget
from tests.support.engines import ON_FAKE, script
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together


def begin_update(engine: Engine, fake: FakeTarget) -> FakeService:
    """Deploy ``svc`` and update it; returns the launch of the update, which does not answer yet."""
    engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE))
    fake.next_observations = [Observation(Phase.STARTING, words="1 of 3 replicas ready")]
    engine.services.update("svc", config_changes={"description": "second"})
    wait_for(lambda: engine.services.get("svc").candidate_handle is not None, "the launch")
    return list(fake.services.values())[-1]


def test_an_update_is_held_and_gone_on_with(fake_engine: Engine, fake: FakeTarget) -> None:
    launched = begin_update(fake_engine, fake)
    fake_engine.rolling_updates.pause("svc")
    assert launched.is_paused
    fake_engine.rolling_updates.resume("svc")
    assert not launched.is_paused
    launched.observation = replace(launched.observation, phase=Phase.RUNNING, url=fake.url, ready=1)
    fake_engine.services.wait(fake_engine.services.get("svc"))
    found = [each for each in fake_engine.events.list() if each.subject == service_subject("svc")]
    held = [each.message for each in found if str(each.kind).startswith("Rollout")]
    assert held == ["the update is paused", "the update goes on"]
    assert {EventKind.ROLLOUT_PAUSED, EventKind.ROLLOUT_RESUMED} <= {each.kind for each in found}
    with pytest.raises(UsageError, match="no update of 'svc' is under way"):
        fake_engine.rolling_updates.pause("svc")


def test_where_an_update_is_one_step_it_cannot_be_held(
    fake_engine: Engine, fake: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_update(fake_engine, fake)
    monkeypatch.setattr(type(fake), "capabilities", Capabilities())
    with pytest.raises(UsageError, match="where an update is one step: there is nothing to pause"):
        fake_engine.rolling_updates.pause("svc")
