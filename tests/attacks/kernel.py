"""`python -m tests.attacks.kernel FOLDER`: what a notebook's kernel does, on orders from standard input.

Each order and each answer is a JSON object on a line of its own. It has a zygote, supervises its services,
and starts the supervisor daemon, as a kernel does.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.engine.engine import Engine
from mlmagic.errors import MLMagicError
from mlmagic.targets.local import zygote
from mlmagic.workspace.location import Location


def script(text: str) -> InferenceConfig:
    """An entry script that answers each request with ``text``."""
    return InferenceConfig(
        "score.py", script_text=f"def init(): pass\ndef run(data):\n    return {{'text': {text!r}}}\n"
    )


def main() -> None:
    """Carry out orders until the input ends."""
    logging.disable(logging.CRITICAL)
    zygote.start()
    engine = Engine(Location.of_folder(Path(sys.argv[1])))
    engine.supervision.ensure_for_services()  # as a list of services does
    for line in sys.stdin:
        answer: dict[str, object] = {"done": True}
        try:
            _carry_out(engine, **json.loads(line))
        except MLMagicError as error:
            answer = {"refused": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    zygote.stop()
    engine.close()


def _carry_out(engine: Engine, verb: str, name: str, text: str = "") -> None:
    if verb == "delete":
        engine.services.delete(name)
        return
    if verb == "deploy":
        config = DeploymentConfig("local")
        service = engine.services.deploy(name, [], script(text), config, overwrite=True)
    elif verb == "restart":
        service = engine.services.restart(name)
    else:
        service = engine.services.update(name, inference=script(text))
    engine.services.wait(service)


if __name__ == "__main__":
    main()
