"""A model's folder, served in this process by the script that is made for it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from mlmagic.scoring.script import UserScript
from tests.scoring.frameworks.served import ONE, Serve, Served


@pytest.fixture
def zoo() -> Any:
    """See zoo.py."""
    from . import zoo

    return zoo


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """``serve("onnx", folder)``, or with the whole text of a script."""

    def serve(script: str, folder: Path, *, warmup: Any = None, batch: bool = False) -> Served:
        monkeypatch.setenv("AZUREML_MODEL_DIR", str(folder))
        # Each script has a reader of its own.
        for name in [name for name in sys.modules if name.startswith("mlmagic.scoring.frameworks.")]:
            monkeypatch.delitem(sys.modules, name)
        path = tmp_path / "served.py"
        text = script if "import" in script else ONE.format(script)
        path.write_text(f"{text}warmup = {warmup!r}\n")
        monkeypatch.delitem(sys.modules, "served", raising=False)
        loaded = UserScript.load(path, batch=batch)
        loaded.init()
        loaded.warm_up()
        return Served(loaded)

    return serve
