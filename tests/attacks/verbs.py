"""What is done to a workspace while it is attacked, and what each of it promises when it has returned."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine

ON_FAKE = DeploymentConfig("fake")
WAIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Wish:
    """One verb with its arguments, known before it is carried out."""

    verb: str
    name: str
    """The model or the service it is about."""
    text: str
    """The content of the model, or the description of the service."""


def wish(rng: random.Random, models: Collection[str], services: Collection[str]) -> Wish:
    """Something to do that makes sense with these models, by id, and these services."""
    choices = ["register", "register", "deploy"]
    if models:
        choices += ["delete model", "tag model"]
    if services:
        choices += ["update", "stop", "start", "delete", "update"]
    verb = rng.choice(choices)
    text = f"text {rng.getrandbits(64):x}"
    if verb == "register":
        return Wish(verb, f"model-{rng.randrange(4)}", rng.choice([text, "the same text"]))
    if verb in ("delete model", "tag model"):
        return Wish(verb, rng.choice(sorted(models)), text)
    if verb == "deploy":
        return Wish(verb, f"service-{rng.randrange(4)}", text)
    return Wish(verb, rng.choice(sorted(services)), text)


def carry_out(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    """Do it, as a caller would who waits for the end; returns what is acknowledged."""
    return _VERBS[wished.verb](engine, wished, scratch)


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _register(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    file = scratch / "model.bin"
    file.write_text(wished.text)
    model = engine.models.register(file, ModelDescription(wished.name))
    return {"registered": model.id}


def _delete_model(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    engine.models.delete(wished.name)
    return {}


def _tag_model(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    engine.models.change(wished.name, tags={"text": wished.text})
    return {}


def _deploy(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    models = [model.id for model in engine.models.list()[:1]]
    config = DeploymentConfig("fake", description=wished.text)
    service = engine.services.deploy(wished.name, models, _script(scratch), config, overwrite=True)
    engine.services.wait(service, WAIT_SECONDS)
    return {}


def _update(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    changes = {"description": wished.text}
    service = engine.services.update(wished.name, inference=_script(scratch), config_changes=changes)
    engine.services.wait(service, WAIT_SECONDS)
    return {}


def _stop(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    engine.services.stop(wished.name)
    return {}


def _start(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    engine.services.wait(engine.services.start(wished.name), WAIT_SECONDS)
    return {}


def _delete(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    engine.services.delete(wished.name)
    return {}


def _script(scratch: Path) -> InferenceConfig:
    file = scratch / "score.py"
    file.write_text("def init(): pass\ndef run(data): return data\n")
    return InferenceConfig(str(file))


_VERBS: Mapping[str, Callable[[Engine, Wish, Path], dict[str, Any]]] = {
    "register": _register,
    "delete model": _delete_model,
    "tag model": _tag_model,
    "deploy": _deploy,
    "update": _update,
    "stop": _stop,
    "start": _start,
    "delete": _delete,
}
