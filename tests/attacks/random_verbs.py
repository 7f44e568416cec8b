"""A Hypothesis state machine: random verbs of an engine, and a plain model of what must hold after each.

The services run on two fake targets, in memory. A verb is carried out to its end, or left under way while the
next one comes; one that is refused changes nothing.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import select

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.core.recurrence import Recurrence
from mlmagic.core.schedule import Schedule, ScheduleStatus
from mlmagic.core.webservice import Desired, Observation, Phase, State, Webservice
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.reconcile import decisions, pace
from mlmagic.errors import UsageError
from mlmagic.targets.fake import FakeService, FakeTarget
from mlmagic.workspace.database import revisions
from mlmagic.workspace.identity import machine
from mlmagic.workspace.location import Location
from tests.support.answering import Answering
from tests.support.waiting import wait_for

WAIT_SECONDS = 20.0
SCRIPT = InferenceConfig("score.py", script_text="def init(): pass\ndef run(data): return data\n")

NUMBERS = st.integers(0, 2)
TEXTS = st.sampled_from(["one", "two", "three"])
WAITS = st.booleans()
TARGETS = st.sampled_from(["fake", "other"])


class OtherTarget(FakeTarget):
    """Another fake target, to which a service may move."""

    name: ClassVar[str] = "other"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a service must be."""

    target: str
    description: str
    models: tuple[str, ...]
    is_running: bool = True
    tags: dict[str, str] = field(default_factory=dict)


class RandomVerbs(RuleBasedStateMachine):
    """One workspace, its engine, and what must be in it."""

    steps: ClassVar[Counter[str]] = Counter()
    """How often each verb was carried out, and refused, over all examples."""

    def __init__(self) -> None:
        super().__init__()
        self._patched = pytest.MonkeyPatch()
        self._patched.setattr(pace, "WHILE_SERVING", 0.01)
        self._patched.setattr(pace, "WHILE_STARTING", 0.01)
        self._patched.setattr(decisions, "restart_delay", lambda restarts: 0.0)
        self._folder = Path(tempfile.mkdtemp(prefix="mlmagic-verbs-"))
        self._answering = Answering()
        self._targets: dict[str, FakeTarget] = {"fake": FakeTarget(), "other": OtherTarget()}
        for target in self._targets.values():
            target.url = self._answering.url
        self._engine = self._open()
        self.models: dict[str, str] = {}
        """By id, the content."""
        self.model_tags: dict[str, str] = {}
        self.services: dict[str, Wanted] = {}
        self.schedules: dict[str, ScheduleStatus] = {}
        self.is_under_way = False
        """Whether the last verb was left under way."""

    def _open(self) -> Engine:
        location = Location.of_folder(self._folder / "workspace")
        return Engine(location, use_daemon=False, targets=self._targets.__getitem__)

    def teardown(self) -> None:
        self._engine.close()
        self._answering.close()
        shutil.rmtree(self._folder)
        self._patched.undo()

    # -- models -----------------------------------------------------------------------------------

    @rule(number=NUMBERS, text=TEXTS)
    def register(self, number: int, text: str) -> None:
        file = self._folder / "model.bin"
        file.write_text(text)
        model = self._engine.models.register(file, ModelDescription(f"model-{number}"))
        assert model.id not in self.models
        self.models[model.id] = text
        self._count("register")

    @precondition(lambda self: self.models)
    @rule(data=st.data(), text=TEXTS)
    def tag_model(self, data: st.DataObject, text: str) -> None:
        model_id = data.draw(st.sampled_from(sorted(self.models)))
        self._engine.models.change(model_id, tags={"text": text})
        self.model_tags[model_id] = text
        self._count("tag model")

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def delete_model(self, data: st.DataObject) -> None:
        model_id = data.draw(st.sampled_from(sorted(self.models)))
        is_used = any(model_id in wanted.models for wanted in self.services.values())
        # A stopped service keeps the revision before, too, and so does one that is under way.
        is_kept = self.is_under_way or any(not wanted.is_running for wanted in self.services.values())
        try:
            self._engine.models.delete(model_id)
        except UsageError:
            assert is_used or is_kept
            self._count("delete model, refused")
            return
        assert not is_used
        del self.models[model_id]
        self.model_tags.pop(model_id, None)
        self._count("delete model")

    # -- services ---------------------------------------------------------------------------------

    @rule(number=NUMBERS, compute=TARGETS, text=TEXTS, overwrite=st.booleans(), data=st.data(), waits=WAITS)
    def deploy(
        self, number: int, compute: str, text: str, overwrite: bool, data: st.DataObject, waits: bool
    ) -> None:
        name = f"service-{number}"
        models = data.draw(st.lists(st.sampled_from(sorted(self.models)), max_size=1)) if self.models else []
        config = DeploymentConfig(compute, description=text)
        try:
            service = self._engine.services.deploy(name, models, SCRIPT, config, overwrite=overwrite)
        except UsageError:
            assert name in self.services
            assert not overwrite
            self._count("deploy, refused")
            return
        assert overwrite or name not in self.services
        self._leave(service, waits)
        moves = name in self.services and self.services[name].target != compute
        self.services[name] = Wanted(compute, text, tuple(models))
        self._count("overwrite onto another target" if moves else "deploy")

    @precondition(lambda self: self.services)
    @rule(data=st.data(), text=TEXTS, waits=WAITS)
    def update(self, data: st.DataObject, text: str, waits: bool) -> None:
        name = self._any(data)
        self._leave(self._engine.services.update(name, config_changes={"description": text}), waits)
        self.services[name] = replace(self.services[name], description=text, is_running=True)
        self._count("update")

    @precondition(lambda self: self.services)
    @rule(data=st.data(), waits=WAITS)
    def restart(self, data: st.DataObject, waits: bool) -> None:
        name = self._any(data)
        self._leave(self._engine.services.restart(name), waits)
        self.services[name] = replace(self.services[name], is_running=True)
        self._count("restart")

    @precondition(lambda self: self.services)
    @rule(data=st.data(), named=st.booleans(), waits=WAITS)
    def rollback(self, data: st.DataObject, named: bool, waits: bool) -> None:
        name = self._any(data)
        found = {each.number: each for each in self._engine.services.revisions(name)}
        number = data.draw(st.sampled_from(sorted(found))) if named else None
        try:
            done = self._engine.services.rollback(name, number)
        except UsageError:
            self._count("rollback, refused")
            return
        self._leave(done.service, waits)
        chosen = found[done.revision]
        assert number in (None, chosen.number)
        self.services[name] = replace(
            self.services[name], models=chosen.models, target=chosen.target, is_running=True
        )
        self._count("rollback")

    @precondition(lambda self: self.services)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        name = self._any(data)
        self._engine.services.stop(name)
        self.services[name] = replace(self.services[name], is_running=False)
        self._count("stop")

    @precondition(lambda self: self.services)
    @rule(data=st.data(), waits=WAITS)
    def start(self, data: st.DataObject, waits: bool) -> None:
        name = self._any(data)
        try:
            service = self._engine.services.start(name)
        except UsageError:
            assert self.services[name].is_running
            self._count("start, refused")
            return
        self._leave(service, waits)
        self.services[name] = replace(self.services[name], is_running=True)
        self._count("start")

    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        name = f"service-{number}"
        try:
            self._engine.services.delete(name)
        except UsageError:
            assert name not in self.services
            self._count("delete, refused")
            return
        del self.services[name]
        self._count("delete")

    @precondition(lambda self: self.services)
    @rule(data=st.data(), text=TEXTS)
    def tag_service(self, data: st.DataObject, text: str) -> None:
        name = self._any(data)
        self._engine.services.label(name, tags={"text": text})
        self.services[name] = replace(self.services[name], tags={"text": text})
        self._count("tag service")

    @precondition(
        lambda self: not self.is_under_way and any(wanted.is_running for wanted in self.services.values())
    )
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        """It is started again by itself."""
        name = data.draw(st.sampled_from(sorted(n for n, each in self.services.items() if each.is_running)))
        before = self._engine.services.get(name).restarts
        [launched] = self._launched(self._targets[self.services[name].target], name)
        launched.observation = Observation(Phase.EXITED, words="crashed")
        wait_for(
            lambda: self._engine.services.get(name).restarts > before,
            f"the restart of {name}",
            timeout=WAIT_SECONDS,
        )
        self._count("crash")

    # -- schedules, and the engine itself ---------------------------------------------------------

    @rule(number=NUMBERS)
    def create_schedule(self, number: int) -> None:
        now = time.time()
        made = Schedule(
            f"schedule-{len(self.schedules)}",
            f"name-{number}",
            "experiment",
            now,
            machine(),
            (sys.executable, "-c", ""),
            pipeline_id="p",
            recurrence=Recurrence.parse("Week", 1, start_time="2100-01-01T00:00:00"),
            since=now,
        )
        self._engine.schedules.create(made)
        self.schedules[made.id] = ScheduleStatus.ACTIVE
        self._count("create schedule")

    @precondition(lambda self: self.schedules)
    @rule(data=st.data(), active=st.booleans())
    def change_schedule(self, data: st.DataObject, active: bool) -> None:
        schedule_id = data.draw(st.sampled_from(sorted(self.schedules)))
        (self._engine.schedules.enable if active else self._engine.schedules.disable)(schedule_id)
        self.schedules[schedule_id] = ScheduleStatus.ACTIVE if active else ScheduleStatus.DISABLED
        self._count("change schedule")

    @rule()
    def open_again(self) -> None:
        """As when a kernel ends, and another one begins."""
        self._engine.close()
        self._engine = self._open()
        self._engine.supervision.ensure_for_services()
        self._count("open again")

    @precondition(lambda self: self.is_under_way)
    @rule()
    def settle(self) -> None:
        """Let the invariants wait for what is under way."""
        self.is_under_way = False

    # -- what must hold ---------------------------------------------------------------------------

    @invariant()
    def models_are_as_registered(self) -> None:
        found = {model.id: model for model in self._engine.models.list()}
        assert found.keys() == self.models.keys()
        for model_id, text in self.models.items():
            assert found[model_id].files[0].digest == hashlib.sha256(text.encode()).hexdigest()
            assert found[model_id].tags.get("text") == self.model_tags.get(model_id)

    @precondition(lambda self: not self.is_under_way)
    @invariant()
    def services_are_as_wanted(self) -> None:
        assert set(self._engine.services.names()) == self.services.keys()
        for name, wanted in self.services.items():
            wait_for(partial(self._is_as_wanted, name, wanted), name, timeout=WAIT_SECONDS)

    @precondition(lambda self: not self.is_under_way)
    @invariant()
    def what_runs_is_wanted(self) -> None:
        wait_for(self._runs_as_wanted, timeout=WAIT_SECONDS)

    @invariant()
    def schedules_are_as_wanted(self) -> None:
        found = {each.id: each.status for each in self._engine.schedules.list()}
        assert found == self.schedules

    @precondition(lambda self: not self.is_under_way)
    @invariant()
    def files_are_those_of_the_rows(self) -> None:
        wait_for(self._files_are_those_of_the_rows, timeout=WAIT_SECONDS)

    def _is_as_wanted(self, name: str, wanted: Wanted) -> bool:
        service = self._engine.services.get(name)
        assert service.state is (State.HEALTHY if wanted.is_running else State.STOPPED)
        assert service.desired is (Desired.RUNNING if wanted.is_running else Desired.STOPPED)
        assert service.target == wanted.target
        assert service.description == wanted.description
        assert service.models == wanted.models
        assert service.tags == wanted.tags
        if wanted.is_running:
            assert service.serving == service.revision
            assert not service.retiring
        return True

    def _runs_as_wanted(self) -> bool:
        for name, target in self._targets.items():
            for service in ("service-0", "service-1", "service-2"):
                wanted = self.services.get(service)
                runs = wanted is not None and wanted.is_running and wanted.target == name
                assert len(self._launched(target, service)) == runs, f"{service} on {name}"
        return True

    def _files_are_those_of_the_rows(self) -> bool:
        memory = self._engine.memory
        with memory.reading() as tx:
            needed = {file["digest"] for row in tx.execute(select(revisions.c.files)) for file in row.files}
        needed |= {hashlib.sha256(text.encode()).hexdigest() for text in self.models.values()}
        assert {path.name for path in (memory.folder / "files").glob("*/*")} == needed
        return True

    def _launched(self, target: FakeTarget, name: str) -> list[FakeService]:
        """Those of the service that run."""
        launched = list(target.services.values())
        return [each for each in launched if each.spec.name == name and not each.observation.ended]

    def _any(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.services)))

    def _leave(self, service: Webservice, waits: bool) -> None:
        """Wait for the end of a verb, or leave it under way."""
        if waits:
            self._engine.services.wait(service, WAIT_SECONDS)
        self.is_under_way = not waits

    def _count(self, verb: str) -> None:
        type(self).steps[verb] += 1
