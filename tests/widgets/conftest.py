"""Cards whose figures are read often, and the packages of node that the components are tested with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmagic.core.webservice import Webservice
from mlmagic.engine.engine import Engine
from mlmagic.engine.events import bus
from mlmagic.engine.services import watcher as lookout
from mlmagic.widgets.service_card.card import ServiceCard
from tests.support.cards import MakeCard
from tests.support.environments import node_modules


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are read by a clock; the tests need not wait for it."""
    monkeypatch.setattr(bus, "CLOCK_SECONDS", 0.05)
    monkeypatch.setattr(lookout, "PAUSE_SECONDS", 0.0)


@pytest.fixture(scope="session")
def node_packages() -> Path:
    """What the components are tested with, installed."""
    return node_modules(Path(__file__).parent / "static")


@pytest.fixture
def card_of() -> Iterator[MakeCard]:
    """Cards, which are closed afterwards."""
    made: list[ServiceCard] = []

    def make(engine: Engine, service: Webservice, *more: object) -> ServiceCard:
        made.append(ServiceCard(engine, service, *more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for card in made:
        card.close_card()
