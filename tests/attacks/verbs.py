"""What is done to a workspace while it is attacked, and what each of it promises when it has returned."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmagic.core.batch import BatchPlan
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.core.package import PackageKind, PackageState
from mlmagic.core.profile import ProfilePlan, ProfileState
from mlmagic.engine.batch.inputs import Files
from mlmagic.engine.engine import Engine

ON_FAKE = DeploymentConfig("fake")
WAIT_SECONDS = 20.0
BATCH_FILE = "parallel_run_step.txt"
BATCH_INPUTS = ("a", "b")
RECORDS = ("profile", "package", "batch", "build")
"""Verbs whose results are named after them: ``package-0`` is a package, ``build-0`` an environment."""
PACKAGES = {"build-0": "six", "build-1": "idna"}
"""The package that an environment has beside the server's own."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One verb with its arguments, known before it is carried out."""

    verb: str
    name: str
    """The model, the service or the record it is about."""
    text: str
    """The content of the model or of the script, or the description of the service or the profile."""


def wish(
    rng: random.Random, models: Collection[str], services: Collection[str], records: Collection[str] = ()
) -> Wish:
    """Something to do that makes sense with these models, by id, these services, and these records."""
    choices = ["register", "register", "deploy", *RECORDS]
    if models:
        choices += ["delete model", "tag model"]
    if services:
        choices += ["update", "stop", "start", "delete", "update", "rollback"]
    if records:
        choices += ["delete record"]
    choices += ["evict"]
    verb = rng.choice(choices)
    text = f"text {rng.getrandbits(64):x}"
    if verb == "register":
        return Wish(verb, f"model-{rng.randrange(4)}", rng.choice([text, "the same text"]))
    if verb in RECORDS:
        return Wish(verb, f"{verb}-{rng.randrange(2)}", rng.choice([text, "the same text"]))
    if verb == "evict":
        return Wish(verb, "", text)
    if verb == "delete record":
        return Wish(verb, rng.choice(sorted(records)), text)
    if verb in ("delete model", "tag model"):
        return Wish(verb, rng.choice(sorted(models)), text)
    if verb == "deploy":
        return Wish(verb, f"service-{rng.randrange(4)}", text)
    return Wish(verb, rng.choice(sorted(services)), text)


def carry_out(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    """Do it, as a caller would who waits for the end; returns what is acknowledged.

    What has ended without success is not acknowledged: ``{"failed": why}``.
    """
    return _VERBS[wished.verb](engine, wished, scratch)


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def batch_folder(scratch: Path, name: str) -> Path:
    """The folder with the results and the log of a batch job."""
    return scratch / "batch" / name


def environment(name: str) -> dict[str, Any]:
    """One of `PACKAGES`, as the JSON of Azure ML v1."""
    version = f"python={sys.version_info[0]}.{sys.version_info[1]}"
    conda = {"dependencies": [version, {"pip": [PACKAGES[name]]}]}
    return {"name": name, "python": {"userManagedDependencies": False, "condaDependencies": conda}}


def batch_result(text: str) -> str:
    """What a batch job has written whose script has this text."""
    return "".join(f"{text} {each}\n" for each in BATCH_INPUTS)


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


def _rollback(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    engine.services.wait(engine.services.rollback(wished.name).service, WAIT_SECONDS)
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


def _profile(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    plan = ProfilePlan(
        wished.name,
        (1.0,),
        (0.5,),
        seconds=0.1,
        concurrencies=(1,),
        target="fake",
        description=wished.text,
    )
    profile = engine.profiles.measure(plan, [], _script(scratch), [b"1"])
    return {} if profile.state is ProfileState.SUCCEEDED else {"failed": profile.error}


def _package(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    kind = PackageKind.FOLDER if wished.name.endswith("0") else PackageKind.ZIP
    package = engine.packages.create([], _script(scratch, wished.text), kind=kind, image_name=wished.name)
    return {} if package.state is PackageState.SUCCEEDED else {"failed": package.error}


def _batch(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    file = scratch / "batch.py"
    file.write_text(
        f"def init(): pass\ndef run(mini_batch): return [{wished.text!r} + ' ' + x for x in mini_batch]\n"
    )
    plan = BatchPlan(process_count=1, mini_batch_size=1, append_row_file_name=BATCH_FILE)
    folder = batch_folder(scratch, wished.name)
    outcome = engine.batch.run(plan, InferenceConfig(str(file)), Files(BATCH_INPUTS), folder, folder / "job")
    return {"failed": outcome.error} if outcome.error else {}


def _build(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    engine.environments.build(environment(wished.name))
    return {}


def _evict(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    engine.environments.evict(days=0.0)
    return {}


def _delete_record(engine: Engine, wished: Wish, scratch: Path) -> dict[str, Any]:
    kind = engine.profiles if wished.name.startswith("profile") else engine.packages
    kind.delete(wished.name)
    return {}


def _script(scratch: Path, text: str = "") -> InferenceConfig:
    file = scratch / "score.py"
    file.write_text(f"# {text}\ndef init(): pass\ndef run(data): return data\n")
    return InferenceConfig(str(file))


_VERBS: Mapping[str, Callable[[Engine, Wish, Path], dict[str, Any]]] = {
    "register": _register,
    "delete model": _delete_model,
    "tag model": _tag_model,
    "deploy": _deploy,
    "update": _update,
    "rollback": _rollback,
    "stop": _stop,
    "start": _start,
    "delete": _delete,
    "profile": _profile,
    "package": _package,
    "batch": _batch,
    "build": _build,
    "evict": _evict,
    "delete record": _delete_record,
}
