from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.engine.services import watcher as lookout
from mlmagic.targets.fake import FakeTarget
from mlmagic.widgets.services_grid.grid import SERVICES, ServicesGrid
from mlmagic.widgets.services_grid.live_services import row
from mlmagic.workspace import services
from tests.support.cards import FAILED, HOSTILE, MakeCard, deploy
from tests.support.engines import MakeEngine
from tests.support.waiting import wait_for


@pytest.fixture
def opened() -> list[Any]:
    return []


@pytest.fixture
def grid(fake_engine: Engine, card_of: MakeCard, opened: list[Any]) -> Iterator[ServicesGrid]:
    def open_card(service: Any) -> Any:
        opened.append(card_of(fake_engine, service))
        return opened[-1]

    made = ServicesGrid(fake_engine, fake_engine.services.list(), open_card)
    yield made
    made.close_table()


def shown(grid: ServicesGrid, key: str) -> list[Any]:
    return [each[key] for each in grid.rows]


def test_rows_come_change_and_go(
    fake_engine: Engine, fake: FakeTarget, grid: ServicesGrid, make_engine: MakeEngine
) -> None:
    assert grid.rows == []
    other = make_engine(targets=lambda name: fake)
    for name in ("svc-b", "svc-a"):
        deploy(other, name)
    wait_for(lambda: shown(grid, "name") == ["svc-a", "svc-b"], "the services of another kernel")
    wait_for(lambda: shown(grid, "state") == ["Healthy", "Healthy"], "their states")
    wait_for(lambda: all(each.endswith("/score") for each in shown(grid, "endpoint")), "their addresses")
    fake_engine.services.stop("svc-b")
    wait_for(lambda: shown(grid, "state")[1] == "Stopped", "what this kernel did")
    fake_engine.services.delete("svc-a")
    wait_for(lambda: shown(grid, "name") == ["svc-b"], "the one that is left")


def test_a_row_opens_its_card(fake_engine: Engine, grid: ServicesGrid, opened: list[Any]) -> None:
    deploy(fake_engine, "svc-a")
    deploy(fake_engine, "svc-b")
    answer = grid.outcome("open", {"service": "svc-b"})
    (card,) = opened
    assert answer == {"value": card.model_id}
    assert repr(card).startswith("svc-b:")
    assert "'svc-c'" in grid.outcome("open", {"service": "svc-c"})["error"]


def test_many_rows_cost_one_look(
    fake_engine: Engine, grid: ServicesGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    real = services.list_services
    monkeypatch.setattr(lookout.services, "list_services", lambda tx: (reads.append(tx), real(tx))[1])
    for number in range(3):
        deploy(fake_engine, f"svc-{number}")
    told = []
    leave = fake_engine.watcher.watch(lambda view: told.append(len(reads)))
    wait_for(lambda: len(told) > 3, "some looks")
    leave()
    assert all(after - before == 1 for before, after in pairwise(told))


def test_a_row_says_why(fake_engine: Engine) -> None:
    found = row(FAILED)
    assert (found["state"], found["words"]) == ("Failed", "ZeroDivisionError: by zero")
    assert row(replace(FAILED, state=State.STOPPED, words="stopped", error=None))["words"] == ""
    assert found["endpoint"] == ""
    assert found["latency"] == ["–", None]
    hostile = row(replace(FAILED, error={"type": "E", "message": HOSTILE}))
    assert hostile["words"] == f"E: {HOSTILE}", "it is text, which the component never takes for HTML"


def test_the_output_names_the_workspace_for_our_extension(grid: ServicesGrid, fake_engine: Engine) -> None:
    data, _ = grid._repr_mimebundle_()
    assert data[SERVICES] == {"workspace": fake_engine.location.key}
    assert str(fake_engine.location.folder) not in str(data)
    assert data["text/plain"] == "services: live table (it needs a running kernel)"
