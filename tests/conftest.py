"""Loads the fixtures that all rooms share, and sorts the tests: unit, together, processes."""

from __future__ import annotations

import gc
import os
import re
import signal
from pathlib import Path

import hypothesis
import pytest

pytest_plugins = [
    "tests.support.docker_engine",
    "tests.support.remote_docker",
    "tests.support.engines",
    "tests.support.kubernetes_cluster",
    "tests.support.postgresql",
    "tests.support.webhook",
    "tests.support.workspaces",
]

# What a shell puts into the background ignores interrupts, and so would all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Few examples at each run, and others each time; a failure is remembered and tried again.
# There is no deadline: a busy machine is no failure.
hypothesis.settings.register_profile("quick", max_examples=25, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# Tests and modules, once collected, are there to stay: until all are, the garbage collector finds nothing.
gc.disable()

# An engine with its threads, a database, a script with its thread and its event loop, an IPython shell.
_TOGETHER = {"make_engine", "memory", "make_scorer", "loop", "runner", "bare_shell", "shell"}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file that is marked as a whole is not imported for another part: its libraries take seconds."""
    if collection_path.suffix != ".py" or not config.option.markexpr:
        return None
    if marks := re.search(r"^pytestmark = .*", collection_path.read_text(), re.MULTILINE):
        for mark in ("together", "processes"):
            if f"not {mark}" in config.option.markexpr and f"pytest.mark.{mark}" in marks.group():
                return True
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test with threads, a database or a shell tests several rooms together: it is no unit test."""
    for item in items:
        if _TOGETHER & set(getattr(item, "fixturenames", ())) and not item.get_closest_marker("processes"):
            item.add_marker(pytest.mark.together)
        if "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.cluster)


def pytest_collection_finish() -> None:
    """From here on the garbage collector looks at what the tests make, and never at all the modules again."""
    gc.collect()
    gc.freeze()
    gc.enable()
