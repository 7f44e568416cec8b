"""A service that is killed while it is being asked: no wrong answer, and back by itself."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
import requests

import mlmagic.scoring.report as run_report
from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.reconcile import decisions
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

CLIENTS = 8
KILLS = 3
BETWEEN = 200
"""Right answers between two kills."""

# The answers are long enough for a kill to come in the middle of one.
SCRIPT = """
import json
def init(): pass
def run(data):
    number = json.loads(data)["number"]
    return {"number": number, "padding": str(number) * 2000}
"""


class Load:
    """Clients that ask without end, each with numbers of its own, and what became of their requests."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(CLIENTS)]
        self.right = 0
        self.failed = 0
        self.wrong: list[str] = []

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, client: int) -> None:
        number = client
        with requests.Session() as session:
            while not self._over.is_set():
                number += CLIENTS
                try:
                    answer = session.post(self._url, json={"number": number}, timeout=10)
                except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                    self.failed += 1  # it was in flight, or nobody was there
                    self._over.wait(0.005)
                    continue
                except Exception as error:
                    self.wrong.append(repr(error))
                    continue
                if answer.status_code == 200 and answer.json() == _expected(number):
                    self.right += 1
                else:
                    self.wrong.append(f"{number}: {answer.status_code} {answer.text[:200]}")


def _expected(number: int) -> dict[str, object]:
    return {"number": number, "padding": str(number) * 2000}


def test_a_service_killed_under_load_gives_no_wrong_answer(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "restart_delay", lambda restarts: 0.0)
    script = tmp_path / "numbers.py"
    script.write_text(SCRIPT)
    service = engine.services.wait(engine.services.deploy("svc", [], InferenceConfig(str(script))))
    assert service.url is not None
    with Load(f"{service.url}/score") as load:
        for kill in range(1, KILLS + 1):
            _more_right_answers(load)
            os.kill(_pid(engine), signal.SIGKILL)
            wait_for(lambda n=kill: _is_back(engine, n), f"it to be back after kill {kill}")
        before = load.right
        wait_for(lambda: load.right > before, "the first answer")
        failed = load.failed
        _more_right_answers(load)
        # Each client may have been waiting to try again, once.
        assert load.failed - failed <= CLIENTS
    assert load.wrong == []
    assert load.failed >= KILLS
    assert engine.services.get("svc").state is State.HEALTHY
    for number in range(50):
        assert requests.post(f"{service.url}/score", json={"number": number}).json() == _expected(number)


def _more_right_answers(load: Load) -> None:
    before = load.right
    wait_for(lambda: load.right >= before + BETWEEN or load.wrong, "right answers")


def _is_back(engine: Engine, restarts: int) -> bool:
    service = engine.services.get("svc")
    return service.restarts == restarts and service.state is State.HEALTHY


def _pid(engine: Engine) -> int:
    handle = engine.services.get("svc").handle
    assert handle is not None
    report = run_report.read_report(Path(handle["run_dir"]))
    assert report is not None
    return report.pid
