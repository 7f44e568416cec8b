"""The Grafana dashboard of a workspace's services: a file of the package, which Grafana imports."""

from __future__ import annotations

from pathlib import Path

DASHBOARD = Path(__file__).with_name("grafana.json")
