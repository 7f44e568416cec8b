"""A part of the attacks, small enough for each run of the tests. `bash tests/torture` runs more."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]


def test_nothing_is_lost_by_interrupted_verbs() -> None:
    """In a process of its own, which may fork: it has no threads."""
    command = [sys.executable, "-m", "tests.attacks", "--minutes", "2", "--seed", "20261129"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kill -9, PostgreSQL" in done.stdout
    assert "kill -9 of server, zygote, daemon and kernel" in done.stdout
