"""Deliveries and triggers with real processes: kill -9, and the local target under load."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from mlmagic.core.events import EventKind
from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location
from tests.support.engines import script
from tests.support.processes import daemons_of, run_and_die
from tests.support.waiting import wait_for
from tests.support.webhook import Hook

pytestmark = pytest.mark.processes

PUBLISH = "from mlmagic.core.notices import run_completed\nengine.events.publish(run_completed('e', 'r'))\n"
WAIT = "import time\ntime.sleep(60)\n"


def test_a_kill_between_sending_and_marking_sends_it_again(
    engine: Engine,
    hook: Hook,
) -> None:
    engine.events.subscribe("hook", hook.url)
    run_and_die(
        engine,
        "from mlmagic.engine.events.delivery import WebhookDelivery as Delivery\n"
        f"Delivery._settle = die\n{PUBLISH}{WAIT}",
    )
    assert len(hook.requests) == 1
    assert [str(each.state) for each, _ in engine.events.deliveries()] == ["waiting"]
    engine.supervision.ensure()  # as any verb does
    wait_for(
        lambda: [str(each.state) for each, _ in engine.events.deliveries()] == ["delivered"], "the delivery"
    )
    first, second = hook.bodies()
    assert first == second


def test_the_keeper_stays_until_all_is_delivered(
    location: Location,
    hook: Hook,
) -> None:
    brief = Engine(replace(location, name="team"), supervise=False)
    brief.events.subscribe("hook", hook.url)
    hook.hangs = threading.Event()
    path = brief.location.folder / "model.txt"
    path.write_text("x")
    brief.models.register(path, ModelDescription("m"))
    brief.close()
    wait_for(lambda: daemons_of(brief.location.folder), "the daemon, for one notice")
    hook.hangs.set()
    wait_for(lambda: hook.requests, "the notice")
    wait_for(lambda: not daemons_of(brief.location.folder), "the daemon's end")
    ((envelope,),) = hook.bodies()
    assert (envelope["topic"], envelope["subject"]) == ("/workspaces/team", "models/m:1")


def test_a_service_follows_its_model_without_a_dropped_request(engine: Engine, tmp_path: Path) -> None:
    def register(text: str) -> None:
        path = tmp_path / "model.txt"
        path.write_text(text)
        engine.models.register(path, ModelDescription("m"))

    register("one")
    service = engine.services.wait(engine.services.deploy("svc", ["m"], script("tells_model")))
    engine.follows.add("svc", "m")
    answers: list[tuple[int, str]] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(service.scoring_uri or "", data="1", timeout=10)
                answers.append((answer.status_code, answer.text))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        register("two")
        wait_for(lambda: engine.services.get("svc").models == ("m:2",), "the update")
        wait_for(lambda: engine.services.get("svc").state is State.HEALTHY, "its health")
        wait_for(lambda: "two" in answers[-1][1], "answers of the new version")
        register("broken")
        failed = wait_for(
            lambda: [e for e in engine.events.list(service="svc") if e.kind is EventKind.FOLLOW_FAILED],
            "the broken version's end",
        )
    finally:
        stop.set()
        asking.join()
    assert {status for status, _ in answers} == {200}
    assert "update to m:3 failed" in failed[0].message
    assert "these weights are broken" in failed[0].message
    assert "two" in str(engine.requests.score("svc", "1"))
    now = engine.services.get("svc")
    assert (now.state, now.models) == (State.HEALTHY, ("m:2",))
