"""A workspace whose services run on the fake target, or on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlmagic.engine.engine import Engine
from mlmagic.sdk.workspace import Workspace

SCRIPT = "import json\n\n\ndef init():\n    print('up')\n\n\ndef run(data):\n    return json.loads(data)\n"


@pytest.fixture
def workspace(make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Over an engine that is ended with the test."""
    engine = make_engine()
    monkeypatch.setattr(Engine, "of", classmethod(lambda cls, location: engine))
    return Workspace(engine.location)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with ``source_dir/score.py`` and a model's file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source_dir").mkdir()
    (tmp_path / "source_dir" / "score.py").write_text(SCRIPT)
    (tmp_path / "model.onnx").write_bytes(b"weights")
    return tmp_path
