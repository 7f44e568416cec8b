"""Run with another environment's Python: make a model, serve it in this process, ask it, print the answers.

python ask.py MODULE FOLDER    with [[model, warmup, [body, ...]], ...] as JSON on standard input
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

from mlmagic.scoring.http.request import BadInput, Request
from mlmagic.scoring.outputs.json_encoder import encode
from mlmagic.scoring.script import ScriptFailed, UserScript


def answers(module: str, folder: Path, warmup: Any, bodies: list[Any]) -> dict[str, Any]:
    """What the model in ``folder`` says to each body, and of itself."""
    for name in [name for name in sys.modules if name.startswith(f"mlmagic.scoring.frameworks.{module}")]:
        del sys.modules[name]
    sys.modules.pop("served", None)
    os.environ["AZUREML_MODEL_DIR"] = str(folder)
    path = folder.with_name("served.py")
    path.write_text(f"from mlmagic.scoring.frameworks.{module} import init, run\nwarmup = {warmup!r}\n")
    try:
        script = UserScript.load(path)
        script.init()
        script.warm_up()
    except ScriptFailed as error:
        return {"failed": str(error)}
    assert script.schema is not None
    return {"answers": [_ask(script, body) for body in bodies], "input": script.schema.describe()["input"]}


def _ask(script: UserScript, body: Any) -> Any:
    request = Request(b"POST", b"/score", {}, json.dumps(body).encode())
    try:
        return json.loads(encode(script.call(request)))
    except BadInput as error:
        return f"{error.status}: {error}"


def main() -> None:
    module, folder = sys.argv[1], Path(sys.argv[2])
    spec = importlib.util.spec_from_file_location("maker", Path(__file__).with_name(f"make_{module}.py"))
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    maker.make(folder)
    asked = json.load(sys.stdin)
    print(json.dumps([answers(module, folder / name, warmup, bodies) for name, warmup, bodies in asked]))


main()
