"""The Grafana dashboard as a file; `test_prometheus` has a real Prometheus answer its queries."""

from __future__ import annotations

import json

from mlmagic.engine.monitoring.dashboard import DASHBOARD

PANELS = json.loads(DASHBOARD.read_text())["panels"]


def test_each_panel_is_explained_and_all_of_them_fit() -> None:
    cells = [
        (x, y)
        for panel in PANELS
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    assert all(panel["description"].endswith(".") for panel in PANELS)
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
