"""A folder with a model's file and a script, and a workspace of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from tests.support.command_line import SCRIPT, run

Run = Callable[..., Result]


HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each command opens an engine: these are no unit tests."""
    for item in items:
        if item.path.is_relative_to(HERE) and not item.get_closest_marker("processes"):
            item.add_marker(pytest.mark.together)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MLMAGIC_WORKSPACE", str(tmp_path / "Übung 1"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.onnx").write_text("weights")
    (tmp_path / "score.py").write_text(SCRIPT)
    yield tmp_path
    # Services outlive the commands that made them, and a test that fails has not deleted its own. Some tests
    # look at another workspace.
    monkeypatch.setenv("MLMAGIC_WORKSPACE", str(tmp_path / "Übung 1"))
    for service in json.loads(run("service", "list", "-o", "json").stdout):
        run("service", "delete", "-n", service["name"])
