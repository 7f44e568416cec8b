"""Replicas on this machine: several processes behind one address, and none while nobody calls."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.webservice import State, Webservice
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.reconcile.health import Health
from tests.support.keep_alive import keep_alive_clients
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

SCRIPT = "import os\ndef init(): ...\ndef run(data):\n    return [os.getpid(), {number}]\n"


def captured(number: int = 1) -> InferenceConfig:
    return InferenceConfig("score.py", script_text=SCRIPT.format(number=number))


def deployed(engine: Engine, **config: Any) -> Webservice:
    return engine.services.wait(
        engine.services.deploy("svc", [], captured(), DeploymentConfig("local", **config)), 60
    )


def answers(engine: Engine, calls: int = 8) -> list[tuple[int, int]]:
    """The process and the version that answer each of several connections that are open at once."""
    uri = engine.services.get("svc").scoring_uri
    with ExitStack() as stack:
        sessions = [stack.enter_context(requests.Session()) for _ in range(calls)]
        return [tuple(session.post(uri, data="x", timeout=20).json()) for session in sessions]


def pids(engine: Engine) -> set[int]:
    return {pid for pid, _ in answers(engine)}


def test_replicas_share_the_requests_and_are_counted_together(engine: Engine) -> None:
    service = deployed(engine, num_replicas=3)
    assert (service.replicas, service.state) == (3, State.HEALTHY)
    assert len(pids(engine)) == 3
    wait_for(lambda: engine.services.get("svc").stats.get("requests") == 8, "all eight")
    assert engine.services.get("svc").stats["replicas"] == 3
    assert any("[replica 2]" in line for line in engine.services.logs("svc"))


def test_one_that_ends_is_replaced_and_the_service_stays_healthy(engine: Engine) -> None:
    service = deployed(engine, num_replicas=2)
    before = pids(engine)
    os.kill(min(before), signal.SIGKILL)
    lost = (requests.ConnectionError,)  # what was handed to it while it was killed
    wait_for(lambda: len(pids(engine) - before) == 1, "another one", ignoring=lost)
    now = engine.services.get("svc")
    assert (now.state, now.restarts, now.handle) == (State.HEALTHY, 0, service.handle)


def test_scaling_and_updating_under_load_lose_no_request(engine: Engine) -> None:
    service = deployed(engine)
    with keep_alive_clients(str(service.url)) as tally:
        for count in (3, 2, 4):
            engine.replicas.wait(engine.replicas.set("svc", count), 60)
        update = engine.services.update("svc", inference=captured(2))
        engine.services.wait(update, 60)
        assert {version for _, version in answers(engine)} == {2}
        assert len(pids(engine)) == 4
        engine.replicas.wait(engine.replicas.set("svc", 1), 60)
        engine.services.wait(engine.services.rollback("svc", 1).service, 60)
        assert {version for _, version in answers(engine)} == {1}
    assert tally.lost == []
    assert tally.answered > 100
    assert [each.change for each in engine.services.revisions("svc")][1:] == [
        "script",
        "replicas",
        "deployed",
    ]


def test_a_restarted_service_has_its_replicas(engine: Engine) -> None:
    deployed(engine, num_replicas=2)
    engine.replicas.wait(engine.replicas.set("svc", 3), 60)
    engine.services.stop("svc")
    wait_for(lambda: engine.services.get("svc").state is State.STOPPED, "its end")
    engine.services.wait(engine.services.start("svc"), 60)
    assert len(pids(engine)) == 3


def test_none_runs_while_nobody_calls(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(engine, idle_timeout_seconds=1)
    looks: list[None] = []
    forget = Health.forget
    monkeypatch.setattr(Health, "forget", lambda health: (looks.append(None), forget(health))[1])
    wait_for(lambda: engine.services.get("svc").stats.get("replicas") == 0, "nothing running")
    seen = len(looks)
    wait_for(lambda: len(looks) > seen + 20, "more looks at it")  # which do not wake it
    now = engine.services.get("svc")
    assert (now.state, now.stats["replicas"]) == (State.HEALTHY, 0)
    assert engine.requests.score("svc", "x")[1] == 1
    wait_for(lambda: engine.services.get("svc").stats.get("replicas") == 1, "it runs again")


def test_an_idle_service_is_updated_and_stopped_as_any_other(engine: Engine) -> None:
    deployed(engine, idle_timeout_seconds=1)
    wait_for(lambda: engine.services.get("svc").stats.get("replicas") == 0, "nothing running")
    engine.services.wait(engine.services.update("svc", inference=captured(2)), 60)
    assert answers(engine, 1)[0][1] == 2
    wait_for(lambda: engine.services.get("svc").stats.get("replicas") == 0, "nothing running")
    run_dir = Path((engine.services.get("svc").handle or {})["run_dir"])
    engine.services.delete("svc")
    wait_for(lambda: not run_dir.exists(), "its end")
