"""``mlmagic endpoint realtime``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command_line import run

pytestmark = pytest.mark.together


def test_endpoints_are_listed_as_services_are(folder: Path) -> None:
    assert json.loads(run("endpoint", "realtime", "list", "-o", "json").stdout) == []
    done = run("endpoint", "realtime", "show", "-n", "svc")
    assert done.exit_code == 1
    assert "Service not found: 'svc'" in done.stderr


@pytest.mark.parametrize("verb", ["create", "update", "delete"])
def test_versions_are_not_there_yet(folder: Path, verb: str) -> None:
    done = run(
        "endpoint", "realtime", f"{verb}-version", "-n", "svc", "--vn", "b", "--traffic-percentile", "10"
    )
    assert done.exit_code == 1
    assert "no compute target has endpoint versions yet" in done.stderr
    assert "LocalWebservice" in done.stderr
