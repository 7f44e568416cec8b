"""What must hold after interrupted verbs, whatever was cut short.

An acknowledged verb has been carried out. One that was cut short, or that raised, may have been or not.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from mlmagic.core.model import ModelFilter
from mlmagic.core.webservice import Desired, State
from mlmagic.engine.engine import Engine
from mlmagic.workspace import models as model_rows
from mlmagic.workspace import run_folders, services
from mlmagic.workspace.database import references, revisions, unreferenced
from mlmagic.workspace.identity import ProcessIdentity
from tests.attacks.durable_target import DurableTarget
from tests.attacks.verbs import RECORDS, Wish, digest_of
from tests.support.waiting import wait_for

SETTLING_SECONDS = 100.0

ServiceState = tuple[str, str] | None
"""The wish for a service, Running or Stopped, and its description; None for no such service."""


@dataclass(slots=True)
class Truth:
    """What the workspace must hold, as far as it was acknowledged."""

    models: dict[str, str] = field(default_factory=dict)
    """By id, the SHA-256 of the content."""
    maybe_deleted: set[str] = field(default_factory=set)
    maybe_registered: Counter[str] = field(default_factory=Counter)
    """By name, how many registrations were cut short."""
    tags: dict[str, set[str | None]] = field(default_factory=dict)
    """By id, the values that the tag may have."""
    services: dict[str, set[ServiceState]] = field(default_factory=dict)
    """By name, the states that a service may be in."""
    records: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    """By name, the texts that the versions of a profile or a package, or a batch job's result, may have."""

    @property
    def deletable(self) -> set[str]:
        """The profiles and packages that are certainly there."""
        return {
            name
            for name, states in self.records.items()
            if not name.startswith(("batch", "build")) and () not in states
        }

    def note(self, wished: Wish, acknowledged: dict[str, Any] | None) -> None:
        """Note that something was asked, and acknowledged or not."""
        if wished.verb == "register":
            if acknowledged is None:
                self.maybe_registered[wished.name] += 1
            else:
                self.models[acknowledged["registered"]] = digest_of(wished.text)
        elif wished.verb == "delete model":
            if acknowledged is None:
                self.maybe_deleted.add(wished.name)
            else:
                self.models.pop(wished.name, None)
        elif wished.verb == "tag model":
            before = self.tags.get(wished.name, {None})
            after: set[str | None] = {wished.text}
            self.tags[wished.name] = after | before if acknowledged is None else after
        elif wished.verb == "evict":
            for name in filter(lambda name: name.startswith("build"), self.records):
                gone: set[tuple[str, ...]] = {()}
                self.records[name] = gone if acknowledged is not None else self.records[name] | gone
        elif wished.verb in (*RECORDS, "delete record"):
            before_texts = self.records.get(wished.name, {()})
            after_texts = {_texts_after(wished, texts) for texts in before_texts}
            self.records[wished.name] = after_texts | (before_texts if acknowledged is None else set())
        else:
            before_states = self.services.get(wished.name, {None})
            after_states = {_after(wished, state) for state in before_states}
            if acknowledged is None:
                after_states |= before_states
            self.services[wished.name] = after_states

    def compare(self, found: dict[str, Any]) -> list[str]:
        """What is missing or false in what was found; what was found is the truth from now on."""
        faults = []
        for model_id, digest in self.models.items():
            seen = found["models"].get(model_id)
            if seen is None and model_id not in self.maybe_deleted:
                faults.append(f"model {model_id} was acknowledged and is gone")
            elif seen is not None and seen["digest"] != digest:
                faults.append(f"model {model_id} has other content than was registered")
            elif seen is not None and seen["tag"] not in self.tags.get(model_id, {None}):
                faults.append(f"model {model_id} has the tag {seen['tag']!r}: {self.tags.get(model_id)}")
        extra = Counter(each.partition(":")[0] for each in found["models"].keys() - self.models.keys())
        for name, count in (extra - self.maybe_registered).items():
            faults.append(f"{count} versions of {name} are there that nobody registered")
        for name in found["services"].keys() | self.services.keys():
            state = found["services"].get(name)
            allowed = self.services.get(name, {None})
            if (tuple(state) if state else None) not in allowed:
                faults.append(f"service {name} is {state}, and not one of {sorted(map(str, allowed))}")
        for name in found["records"].keys() | self.records.keys():
            texts = tuple(found["records"].get(name, ()))
            if texts not in self.records.get(name, {()}):
                faults.append(f"{name} has {texts}, and not one of {self.records.get(name)}")
        # All environments are evicted after a look.
        kept = {name: texts for name, texts in found["records"].items() if not name.startswith("build")}
        self.records = {name: {tuple(texts)} for name, texts in kept.items()}
        self.models = {model_id: each["digest"] for model_id, each in found["models"].items()}
        self.tags = {model_id: {each["tag"]} for model_id, each in found["models"].items()}
        self.services = {name: {tuple(state)} for name, state in found["services"].items()}
        self.maybe_deleted.clear()
        self.maybe_registered.clear()
        return faults


def _after(wished: Wish, state: ServiceState) -> ServiceState:
    if wished.verb == "deploy":
        return (Desired.RUNNING.value, wished.text)
    if state is None or wished.verb == "delete":
        return None
    if wished.verb == "update":
        return (Desired.RUNNING.value, wished.text)
    return ((Desired.STOPPED if wished.verb == "stop" else Desired.RUNNING).value, state[1])


def _texts_after(wished: Wish, texts: tuple[str, ...]) -> tuple[str, ...]:
    if wished.verb == "delete record":
        return ()
    if wished.verb == "build":
        return ("built",)
    return (wished.text,) if wished.verb == "batch" else (*texts, wished.text)


def look(engine: Engine, target: DurableTarget) -> dict[str, Any]:
    """Wait until the workspace has settled, and read it; ``faults`` names what contradicts itself."""
    faults: list[str] = []
    engine.supervision.ensure_for_services()
    try:
        wait_for(lambda: not _in_motion(engine), timeout=SETTLING_SECONDS)
    except AssertionError:
        faults.append(f"after {SETTLING_SECONDS:g} s: {'; '.join(_in_motion(engine))}")
    engine.memory.sweep()
    with engine.memory.reading() as tx:
        models = model_rows.list_models(tx, ModelFilter())
        found = services.list_services(tx)
        referenced = set(tx.scalars(select(references.c.digest)))
        needed = {file.digest for model in models for file in model.files}
        for row in tx.execute(select(revisions.c.files)):
            needed |= {file["digest"] for file in row.files}
        known = services.known_revisions(tx)
        if tx.scalar(select(unreferenced.c.digest).limit(1)):
            faults.append("files that nobody needs were not removed")
    faults += _file_faults(engine, needed, referenced)
    folder = engine.memory.services_folder
    faults += [f"an orphan in services/: {each.name}" for each in folder.iterdir() if each.name not in known]
    faults += [
        f"a draft in services/: {each.name}"
        for each in folder.glob("*/.*")
        if run_folders.is_abandoned_draft(each.name)
    ]
    wanted = {str(folder / service.id / f"r{service.serving}") for service in found if service.serving}
    faults += [f"it runs, and nobody wants it: {each}" for each in target.running() - wanted]
    return {
        "faults": faults,
        "models": {
            model.id: {"digest": model.files[0].digest, "tag": model.tags.get("text")} for model in models
        },
        "services": {each.name: (each.desired.value, each.description) for each in found},
    }


def _in_motion(engine: Engine) -> list[str]:
    return [
        f"{each.name} is {each.state} and wanted {each.desired}: {each.words}"
        for each in engine.services.list()
        if each.desired is Desired.DELETED
        or (each.retiring and each.state is not State.STOPPED)  # a stopped one keeps its old revisions
        or (each.desired is Desired.RUNNING and each.state not in (State.HEALTHY, State.FAILED))
        or (each.desired is Desired.STOPPED and each.state is not State.STOPPED)
    ]


def _file_faults(engine: Engine, needed: set[str], referenced: set[str]) -> list[str]:
    faults = [f"nothing refers to {digest[:8]}, which a row needs" for digest in needed - referenced]
    store = engine.memory.folder / "files"
    on_disk = {path.name: path for path in store.glob("*/*")}
    faults += [f"a row without its file {digest[:8]}" for digest in needed - on_disk.keys()]
    faults += [f"a file without a row: {digest[:8]}" for digest in on_disk.keys() - needed]
    for digest, path in on_disk.items():
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            faults.append(f"file {digest[:8]} has other content")
    for intake in (engine.memory.folder / "incoming").iterdir():
        owner = ProcessIdentity.owner_of(intake.name)
        if owner is None or owner.dead:
            faults.append(f"an intake of a process that has ended: {intake.name}")
    return faults
