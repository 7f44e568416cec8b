"""``mlmagic prometheus``; `tests/engine/monitoring` has its server scraped by a real Prometheus."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command_line import run

pytestmark = pytest.mark.together


def test_targets_are_json_that_prometheus_reads(folder: Path) -> None:
    done = run("prometheus", "targets")
    assert (done.exit_code, json.loads(done.stdout)) == (0, [])


def test_the_dashboard_is_printed_as_it_is_imported() -> None:
    done = run("prometheus", "dashboard")
    assert done.exit_code == 0, done.output
    dashboard = json.loads(done.stdout)
    assert (dashboard["title"], dashboard["uid"]) == ("mlmagic services", "mlmagic-services")


def test_a_port_that_is_none_is_refused(folder: Path) -> None:
    done = run("prometheus", "serve", "--port", "70000")
    assert done.exit_code == 2
    assert "70000" in done.stderr
