from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from mlmagic.engine.engine import Engine
from mlmagic.engine.services import watcher as lookout
from mlmagic.targets.fake import FakeTarget
from mlmagic.widgets.services_table import ServicesTable, live_row
from mlmagic.workspace import services
from tests.support.cards import ESCAPED, FAILED, HOSTILE, MakeCard, deploy
from tests.support.engines import MakeEngine
from tests.support.waiting import wait_for


@pytest.fixture
def table(fake_engine: Engine, card_of: MakeCard) -> Iterator[ServicesTable]:
    made = ServicesTable(
        fake_engine, fake_engine.services.list(), lambda service: card_of(fake_engine, service)
    )
    yield made
    made.close_table()


def test_rows_come_change_and_go(
    fake_engine: Engine, fake: FakeTarget, table: ServicesTable, make_engine: MakeEngine
) -> None:
    assert "No services." in table.rows.value
    assert table.open_button.disabled
    other = make_engine(targets=lambda name: fake)
    for name in ("svc-a", "svc-b"):
        deploy(other, name)
    wait_for(lambda: table.choice.options == ("svc-a", "svc-b"), "the services of another kernel")
    wait_for(lambda: table.rows.value.count("Healthy") == 2, "their states")
    wait_for(lambda: "/score</code>" in table.rows.value, "their addresses")
    table.choice.value = "svc-b"
    fake_engine.services.stop("svc-b")
    wait_for(lambda: "Stopped" in table.rows.value, "what this kernel did")
    fake_engine.services.delete("svc-a")
    wait_for(lambda: table.choice.options == ("svc-b",), "the one that is left")
    assert table.choice.value == "svc-b"
    assert "1 service<" in table.rows.value


def test_it_opens_a_card(fake_engine: Engine, table: ServicesTable) -> None:
    deploy(fake_engine, "svc-a")
    deploy(fake_engine, "svc-b")
    wait_for(lambda: len(table.choice.options) == 2, "both")
    table.choice.value = "svc-b"
    table.open_button.click()
    (card,) = table.card.children
    assert repr(card).startswith("svc-b:")
    wait_for(lambda: card.state == "Healthy", "what the table may not know yet")


def test_many_rows_cost_one_look(
    fake_engine: Engine, table: ServicesTable, monkeypatch: pytest.MonkeyPatch
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
    assert repr(table) == "services: live table (it needs a running kernel)"


def test_a_row_is_text() -> None:
    row = live_row(FAILED)
    assert row[1].endswith("ZeroDivisionError: by zero")
    hostile = live_row(replace(FAILED, error={"type": "E", "message": HOSTILE}))
    assert ESCAPED in hostile[1]
    assert "<img" not in "".join(hostile)
