"""The fake target whose services answer, and a supervisor that looks often."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlmagic.core.webservice import Webservice
from mlmagic.engine.engine import Engine
from mlmagic.engine.events import bus
from mlmagic.engine.services import watcher as lookout
from mlmagic.widgets.panel import ServicePanel
from tests.support.cards import MakePanel


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are read by a clock; the tests need not wait for it."""
    monkeypatch.setattr(bus, "CLOCK_SECONDS", 0.05)
    monkeypatch.setattr(lookout, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def panel_of() -> Iterator[MakePanel]:
    """Cards, which are closed afterwards."""
    made: list[ServicePanel] = []

    def make(engine: Engine, service: Webservice, *more: object) -> ServicePanel:
        made.append(ServicePanel(engine, service, *more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for panel in made:
        panel.close_panel()
