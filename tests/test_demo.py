"""`mlmagic demo` gets through, and leaves nothing, whether it does or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlmagic import demo
from mlmagic.engine.engine import Engine
from mlmagic.errors import UsageError
from mlmagic.workspace.location import Location


class Screen:
    """What the demo printed."""

    def __init__(self) -> None:
        self.text = ""

    def __call__(self, text: str, nl: bool = True) -> None:
        self.text += text + "\n" * nl


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "Übungen und Proben"
    monkeypatch.setenv("MLMAGIC_WORKSPACE", str(folder))
    return folder


def _left(folder: Path) -> list[Any]:
    engine = Engine(Location.of_folder(folder), supervise=False, use_daemon=False)
    try:
        return [*engine.services.list(), *engine.models.list()]
    finally:
        engine.close()


@pytest.mark.processes
def test_it_gets_through(folder: Path) -> None:
    screen = Screen()
    demo.run_demo(screen)
    steps = [line for line in screen.text.splitlines() if line.startswith("  ") and line[2] != " "]
    assert [step.split()[0] for step in steps] == [
        *(
            "load",
            "register",
            "deploy",
            "score",
            "register",
            "deploy",
            "score",
            "register",
            "update",
            "delete",
        )
    ]
    assert {len(step) for step in steps} == {demo.WIDTH + 11}
    assert "none failed" in screen.text
    assert _left(folder) == []


@pytest.mark.processes
def test_what_it_made_is_removed_when_it_fails(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "ONNX_SCRIPT", "def init():\n    1 / 0\n\n\ndef run(data):\n    return data\n")
    screen = Screen()
    with pytest.raises(Exception, match="ZeroDivisionError"):
        demo.run_demo(screen)
    assert " failed\n\nThe demo failed." in screen.text
    assert _left(folder) == []


def test_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"sklearn, onnxruntime, skl2onnx.*mlmagic\[demo\]"):
        demo.run_demo(Screen())


def test_answers_are_short() -> None:
    assert demo._short({"a": [1.23456789, 2], "b": "x"}) == '{"a": [1.235, 2], "b": "x"}'
