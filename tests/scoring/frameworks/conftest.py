"""A model's folder, served in this process by the script that is made for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlmagic.scoring.http.request import BadInput, Request
from mlmagic.scoring.outputs.json_encoder import encode
from mlmagic.scoring.script import UserScript


@pytest.fixture
def zoo() -> Any:
    """See zoo.py."""
    from . import zoo

    return zoo


ONE = "from mlmagic.scoring.frameworks.{} import init, run\n"


class Served:
    """A script with its model loaded."""

    def __init__(self, script: UserScript) -> None:
        self.script = script

    def ask(self, body: Any) -> Any:
        """The answer as a client reads it; of a refusal, its words."""
        request = Request(b"POST", b"/score", {}, json.dumps(body).encode())
        try:
            return json.loads(encode(self.script.call(request)))
        except BadInput as error:
            return f"{error.status}: {error}"

    def describe(self) -> dict[str, Any]:
        assert self.script.schema is not None
        return self.script.schema.describe()


Serve = Callable[..., Served]


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
