"""Trying a service by hand: a request that fits it, and what comes of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.errors import WrongState
from tests.support.answering import Answering
from tests.support.engines import ON_FAKE, script

TYPED = """
def init(): pass
def run(rows: list[float], top: int = 3) -> float:
    return sum(rows)
"""


def test_a_models_sample_where_the_service_describes_nothing(
    fake_engine: Engine, answering: Answering, tmp_path: Path
) -> None:
    file = tmp_path / "model.txt"
    file.write_text("x")
    fake_engine.models.register(file, ModelDescription("plain"))
    fake_engine.models.register(file, ModelDescription("wine", sample_input=[[1.5]]))
    service = fake_engine.services.deploy("svc", ["plain", "wine"], script(), ON_FAKE)
    fake_engine.services.wait(service, 20)
    assert fake_engine.requests.sample("svc") == '{"data": [[1.5]]}'
    fake_engine.services.wait(fake_engine.services.update("svc", model_names=["plain"]), 20)
    assert fake_engine.requests.sample("svc") == ""


def test_whatever_the_status_it_is_an_answer(fake_engine: Engine, answering: Answering) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    answering.healthy = False
    answer = fake_engine.requests.send("svc", b"{}")
    assert answer.status == 500
    assert answer.milliseconds > 0
    fake_engine.services.stop("svc")
    for ask in (lambda: fake_engine.requests.send("svc", b"{}"), lambda: fake_engine.requests.sample("svc")):
        with pytest.raises(WrongState, match="cannot score 'svc' while it is Stopped"):
            ask()


@pytest.mark.processes
def test_a_real_service_describes_its_request(engine: Engine) -> None:
    inference = InferenceConfig("score.py", script_text=TYPED)
    config = DeploymentConfig(auth_enabled=True)
    engine.services.wait(engine.services.deploy("svc", [], inference, config), 60)
    sample = engine.requests.sample("svc")
    assert sample == '{"rows": [0.0]}'
    answer = engine.requests.send("svc", sample.encode())
    assert (answer.status, answer.body) == (200, "0.0")
    assert engine.requests.send("svc", b'{"rows": "x"}').status == 400
