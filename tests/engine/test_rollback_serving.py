"""Rollbacks of real processes: no request is lost, and one that fails changes nothing."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

import mlmagic.scoring.report as run_report
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig, ScriptError
from tests.support.engines import MakeEngine
from tests.support.keep_alive import keep_alive_clients
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes


def answers(folder: Path, number: int, init: str = "pass") -> InferenceConfig:
    """A script that answers with a number."""
    file = folder / "answers.py"
    file.write_text(f"import os\ndef init(): {init}\ndef run(data): return {number}\n")
    return InferenceConfig(str(file))


@pytest.fixture
def two(engine: Engine, tmp_path: Path) -> Engine:
    """A service that answered 1 and answers 2."""
    engine.services.wait(engine.services.deploy("svc", [], answers(tmp_path, 1)))
    engine.services.wait(engine.services.update("svc", inference=answers(tmp_path, 2)))
    return engine


def test_a_rollback_loses_no_request(two: Engine) -> None:
    service = two.services.get("svc")
    assert service.url is not None
    assert two.requests.score("svc", "1") == 2
    with keep_alive_clients(service.url) as tally:
        now = two.services.wait(two.services.rollback("svc").service)
        assert two.requests.score("svc", "1") == 1
        two.services.wait(two.services.rollback("svc").service)
    assert two.requests.score("svc", "1") == 2
    assert now.url == service.url
    assert tally.lost == []
    assert tally.answered > 20


def test_a_rollback_whose_init_fails_keeps_the_present_revision(engine: Engine, tmp_path: Path) -> None:
    weights = tmp_path / "weights.txt"
    weights.write_text("here")
    reads = f"open({str(weights)!r}).read()"
    engine.services.wait(engine.services.deploy("svc", [], answers(tmp_path, 1, reads)))
    engine.services.wait(engine.services.update("svc", inference=answers(tmp_path, 2)))
    weights.unlink()
    with pytest.raises(ScriptError, match=r"revision 2 keeps serving.*FileNotFoundError"):
        engine.services.wait(engine.services.rollback("svc").service)
    assert engine.requests.score("svc", "1") == 2
    assert engine.services.get("svc").state is State.HEALTHY
    weights.write_text("here again")
    assert engine.services.wait(engine.services.rollback("svc", 1).service).serving == 4
    assert engine.requests.score("svc", "1") == 1


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_a_rollback_works_after_the_machine_was_restarted(
    two: Engine, make_engine: MakeEngine, end: str
) -> None:
    wait_for(lambda: not two.services.get("svc").retiring, "the end of the first revision")
    if end == "stopped":
        two.services.stop("svc")
        two.close()
    else:
        handle = two.services.get("svc").handle
        assert handle is not None
        seen = run_report.read_report(Path(handle["run_dir"]))
        assert seen is not None
        two.close()
        os.kill(seen.pid, signal.SIGKILL)
    again = make_engine()
    assert again.services.wait(again.services.rollback("svc").service).serving == 3
    assert again.requests.score("svc", "1") == 1


def test_a_fixed_port_that_another_program_has_is_reported(
    engine: Engine, tmp_path: Path, free_port: int
) -> None:
    """The earlier revision had a port of its own, which the present one has given up."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        other_port = holder.getsockname()[1]
    fixed = DeploymentConfig(port=free_port)
    engine.services.wait(engine.services.deploy("svc", [], answers(tmp_path, 1), fixed))
    changes = {"port": other_port}
    engine.services.wait(
        engine.services.update("svc", inference=answers(tmp_path, 2), config_changes=changes)
    )
    with (
        socket.create_server(("127.0.0.1", free_port)),
        pytest.raises(InvalidConfig, match=f"port {free_port}"),
    ):
        engine.services.rollback("svc")
    assert (
        engine.services.wait(engine.services.rollback("svc").service).url == f"http://127.0.0.1:{free_port}"
    )
    assert engine.requests.score("svc", "1") == 1
