"""Loads the fixtures that all rooms share, and sorts the tests: unit, together, processes."""

from __future__ import annotations

import gc
import os

import hypothesis
import pytest

pytest_plugins = [
    "tests.support.docker_engine",
    "tests.support.engines",
    "tests.support.postgresql",
    "tests.support.webhook",
    "tests.support.workspaces",
]

# Few examples at each run, and others each time; a failure is remembered and tried again.
hypothesis.settings.register_profile("quick", max_examples=30)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

_TOGETHER = {"make_engine", "bare_shell", "shell"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test with an engine and its threads, or with a shell, tests several rooms together: no unit test."""
    for item in items:
        if _TOGETHER & set(getattr(item, "fixturenames", ())) and not item.get_closest_marker("processes"):
            item.add_marker(pytest.mark.together)


def pytest_collection_finish() -> None:
    """Thousands of tests and modules are there to stay: the garbage collector need not look at them again."""
    gc.collect()
    gc.freeze()
