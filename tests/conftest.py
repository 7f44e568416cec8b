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
# There is no deadline: a busy machine is no failure.
hypothesis.settings.register_profile("quick", max_examples=25, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# Tests and modules, once collected, are there to stay: until all are, the garbage collector finds nothing.
gc.disable()

_TOGETHER = {"make_engine", "bare_shell", "shell"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test with an engine and its threads, or with a shell, tests several rooms together: no unit test."""
    for item in items:
        if _TOGETHER & set(getattr(item, "fixturenames", ())) and not item.get_closest_marker("processes"):
            item.add_marker(pytest.mark.together)


def pytest_collection_finish() -> None:
    """From here on the garbage collector looks at what the tests make, and never at all the modules again."""
    gc.collect()
    gc.freeze()
    gc.enable()
