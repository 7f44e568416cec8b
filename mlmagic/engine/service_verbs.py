"""The engine's verbs for services: deploy, update, stop, start, delete, wait, invoke, look.

A verb checks everything first, then records what is wanted in one transaction and returns; a supervisor
brings it about. `wait` waits for that, and tells a failure in the script's own words.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlmagic.core.configuration import (
    BYTES_PER_GB,
    DEFAULT_CPU,
    DEFAULT_MEMORY_GB,
    DEFAULT_TARGET,
    DeploymentConfig,
    InferenceConfig,
)
from mlmagic.core.environment import image_needs, needs_of
from mlmagic.core.events import Event, service_subject
from mlmagic.core.model import Model, added_properties, check_labels
from mlmagic.core.names import ModelReference, check_service_name
from mlmagic.core.webservice import Desired, Revision, State, Webservice
from mlmagic.engine import sources, staging, without_script
from mlmagic.engine.access_verbs import AccessVerbs
from mlmagic.engine.bus import Bus
from mlmagic.engine.client import Caller, Client, to_body
from mlmagic.engine.environments.place import Place, asked, choose, here
from mlmagic.engine.environments.store import Store
from mlmagic.engine.live import Reloaded, take_on
from mlmagic.engine.model_verbs import Notify, silent
from mlmagic.engine.reach import is_within_reach, machine_for, within_reach
from mlmagic.engine.rehearsal import Rehearsal, rehearse
from mlmagic.engine.turn import BUILD
from mlmagic.errors import (
    AlreadyExists,
    Interrupted,
    LaunchFailed,
    NotFound,
    ScriptError,
    TargetUnavailable,
    UsageError,
    WaitTimeout,
    WrongState,
)
from mlmagic.targets.base import ComputeTarget, SizesLogs
from mlmagic.workspace import events, services

if TYPE_CHECKING:
    from sqlalchemy import Connection

CONTAINERS = "docker"
"""The target of what only a container can meet."""
DEPLOY_TIMEOUT_SECONDS = 600.0
DELETE_TIMEOUT_SECONDS = 60.0


def _ignore(_service: Webservice) -> None:
    """Watch nothing."""


class ServiceVerbs(AccessVerbs):
    """What can be done with services, over the models there are."""

    bus: Bus
    client: Client

    def _lease_holder(self) -> str | None:
        """Who is to look after a new service; None for whoever comes first."""
        raise NotImplementedError

    def deploy(
        self,
        name: str,
        model_names: Sequence[str | ModelReference],
        inference: InferenceConfig | None = None,
        config: DeploymentConfig | None = None,
        *,
        overwrite: bool = False,
        notify: Notify = silent,
        environment: Mapping[str, Any] | None = None,
        nearest_python: bool = False,
    ) -> Webservice:
        """Record a new service; returns while it is Transitioning. Without ``inference``, serve the models.

        ``environment`` is what it needs around it, as the documents' JSON, in place of what ``inference``
        says; ``nearest_python`` accepts another Python than it asks for.

        A service that never came up is replaced. One that did is replaced only with ``overwrite``, by an
        update: it answers all the while. All checks come first: when this raises, nothing was recorded.
        """
        config = _with_variables(_settled(config or DeploymentConfig()), environment)
        check_service_name(name)
        config = self._placed(config, environment or (inference.environment if inference else None), notify)
        target = self._usable_target(config)
        used = self._models(model_names)
        inference = _surrounded(inference or _made_for(used, notify, environment), environment)
        place = place_for(target, inference, notify, nearest_python=nearest_python)
        self._tell_mismatches(used, place, notify)
        existing = self._existing(name, overwrite)
        if existing is not None:
            within_reach(existing, "replace")
        target.validate(config, current_port=staging.port_of(existing.url) if existing else None)
        service: Webservice | None = None
        try:
            with self.memory.files.intake() as intake:
                files, inference = sources.take(intake, inference)
                revision = Revision(
                    1, tuple(model.id for model in used), inference, files, config, place.python
                )
                replacing = (
                    existing is not None and existing.serving is not None and existing.target == config.target
                )
                if existing is not None and not replacing:
                    self.delete(name)
                intake.send()
                with self.memory.writing() as tx:
                    intake.publish()
                    if replacing:
                        service = revise(tx, name, revision)
                    else:
                        service = services.create(
                            tx, name, revision, self._lease_holder(), machine=machine_for(self.memory, target)
                        )
                    self._keep_keys(tx, service, config)
            if replacing and config.guarded:
                self._deliver_keys(service)
            self._see_to_it()
        except KeyboardInterrupt:
            if service is None:
                raise
            raise Interrupted(self.withdraw(service)) from None
        return service

    def update(
        self,
        name: str,
        *,
        model_names: Sequence[str | ModelReference] | None = None,
        inference: InferenceConfig | None = None,
        config_changes: Mapping[str, Any] | None = None,
        notify: Notify = silent,
        keep_python: bool = False,
        environment: Mapping[str, Any] | None = None,
        nearest_python: bool = False,
        also: Callable[[Connection, Webservice], None] | None = None,
    ) -> Webservice:
        """Record a new revision of a service; what is not named stays as it is.

        The old revision serves until the new one answers, and goes on serving if it never does. With
        ``keep_python`` it runs on the interpreter of the revision before, not on this process's own.
        ``environment`` and ``nearest_python`` are as for `deploy`.
        ``also`` is called in the transaction that records it; when it raises, nothing is recorded.
        """
        if model_names is None and inference is None and not config_changes and environment is None:
            raise UsageError(
                f"nothing to update in {name!r}", hint="Name models, a script or settings to change."
            )
        service = within_reach(self.service(name), "update")
        with self.memory.reading() as tx:
            current = services.get_revision(tx, service.id, service.revision)
        said = {"tags": service.tags, "properties": service.properties, "description": service.description}
        changes = {**said, **(config_changes or {})}
        if environment is not None and "environment_variables" not in changes:
            changes["environment_variables"] = dict(needs_of(environment).variables)
        changes["properties"] = added_properties(service.properties, changes["properties"])
        config = _settled(replace(current.config, **changes))
        if config.target != service.target:
            raise UsageError(
                f"{name!r} runs on {service.target!r} and cannot move to {config.target!r}",
                hint="Deploy it there under another name.",
            )
        target = self._usable_target(config)
        target.validate(config, current_port=staging.port_of(service.url))
        used = self._models(current.models if model_names is None else model_names)
        if inference is None and current.inference.no_code and model_names is not None:
            inference = _made_for(used, notify, environment or current.inference.environment)
        asked_for = environment or (inference and inference.environment)
        wanted = _surrounded(inference or current.inference, asked_for or current.inference.environment)
        if keep_python:
            python = current.python
        else:
            # What was accepted when it was deployed is not asked again.
            nearest = nearest_python or not asked_for
            place = place_for(target, wanted, notify, nearest_python=nearest)
            self._tell_mismatches(used, place, notify)
            python = place.python
        with self.memory.files.intake() as intake:
            if inference is None:
                files, inference = current.files, wanted
            else:
                files, inference = sources.take(intake, wanted)
            intake.send()
            with self.memory.writing() as tx:
                intake.publish()
                ids = tuple(model.id for model in used)
                revised = revise(tx, name, Revision(0, ids, inference, files, config, python))
                self._keep_keys(tx, revised, config)
                if also is not None:
                    also(tx, revised)
        if config.guarded:
            self._deliver_keys(revised)
        self._see_to_it()
        return revised

    def live_services(self) -> list[tuple[Webservice, Revision]]:
        """Those within reach that take on each version of their script, with the revision that they serve."""
        with self.memory.reading() as tx:
            serving = [
                (each, services.get_revision(tx, each.id, each.revision))
                for each in services.list_services(tx)
                if each.serving == each.revision and is_within_reach(each)
            ]
        return [(each, revision) for each, revision in serving if revision.config.live]

    def reload(self, name: str, inference: InferenceConfig) -> Reloaded:
        """Have a service take on a changed script while it serves: see `mlmagic.engine.live.take_on`."""
        service = within_reach(self.service(name), "reload")
        return take_on(self.memory, self._targets(service.target), service, inference)

    def label_service(self, name: str, **labels: Mapping[str, str]) -> Webservice:
        """Replace ``tags`` or ``properties`` of a service, which serves on as it is."""
        for field, given in labels.items():
            check_labels(field, given)
        with self.memory.writing() as tx:
            return services.label(
                tx, services.get(tx, name), **{key: dict(value) for key, value in labels.items()}
            )

    def delete(self, name: str, *, timeout: float = DELETE_TIMEOUT_SECONDS) -> None:
        """End a service and forget it; returns when it is gone.

        Another machine's service is ended there. If nobody has looked after it for a minute, that machine is
        gone, and the service is forgotten without being asked to end.
        """
        if self._forget_abandoned(name):
            return
        service = self._want(name, Desired.DELETED)
        if not self.bus.wait_until(lambda: not self._is_there(service), timeout):
            raise WaitTimeout(name, "being deleted", timeout, last_seen=self.service(name).words)

    def stop(self, name: str, *, timeout: float = DELETE_TIMEOUT_SECONDS) -> Webservice:
        """End a service's process and keep its record; returns when it is Stopped."""
        self._want(name, Desired.STOPPED)
        if not self.bus.wait_until(lambda: self.service(name).state is State.STOPPED, timeout):
            raise WaitTimeout(name, "being stopped", timeout, last_seen=self.service(name).words)
        return self.service(name)

    def start(self, name: str) -> Webservice:
        """Bring a stopped or failed service up again; returns while it is Transitioning."""
        service = self.service(name)
        if service.state not in (State.STOPPED, State.FAILED):
            raise WrongState(name, service.state, "start")
        return self._want(name, Desired.RUNNING)

    def wait(
        self,
        service: Webservice,
        timeout: float = DEPLOY_TIMEOUT_SECONDS,
        *,
        watching: Callable[[Webservice], None] = _ignore,
    ) -> Webservice:
        """Wait until a deploy, update or start has come to its end; returns the Healthy service.

        ``watching`` is called in this thread with the record at each change. Raises `ScriptError`
        with the script's own traceback, `LaunchFailed`, or `WaitTimeout`.
        """
        if not self.bus.wait_until(lambda: self._has_ended(service, watching), timeout):
            seen = self.service(service.name)
            raise WaitTimeout(
                service.name,
                seen.state,
                timeout,
                last_seen=seen.words,
                hint=f"It goes on; see %services and %logs {service.name}.",
            )
        now = self.service(service.name)
        if now.id != service.id:
            raise NotFound("service", service.name, hint="It was replaced meanwhile.")
        if now.state is State.FAILED or (now.revision < service.revision and now.error):
            raise self._failure(now)
        return now

    def wait_or_withdraw(
        self,
        service: Webservice,
        timeout: float = DEPLOY_TIMEOUT_SECONDS,
        *,
        watching: Callable[[Webservice], None] = _ignore,
    ) -> Webservice:
        """`wait`; on Ctrl-C take the deploy or update back, and raise `Interrupted` saying so."""
        try:
            return self.wait(service, timeout, watching=watching)
        except KeyboardInterrupt:
            raise Interrupted(self.withdraw(service)) from None

    def service(self, name: str) -> Webservice:
        """The record of a service; raises `NotFound` with those there are."""
        with self.memory.reading() as tx:
            return services.get(tx, name)

    def services(self) -> list[Webservice]:
        with self.memory.reading() as tx:
            found = services.list_services(tx)
        if found:
            self._see_to_it()  # a killed kernel may have left them without anybody
        return found

    def service_names(self) -> list[str]:
        """The names alone; looking does nothing else."""
        with self.memory.reading() as tx:
            return services.names(tx)

    def revision(self, service: Webservice) -> Revision:
        """What the wanted revision of a service asks for."""
        with self.memory.reading() as tx:
            return services.get_revision(tx, service.id, service.revision)

    def invoke(self, name: str, data: Any) -> Any:
        """Send ``data`` to a service and return its parsed answer."""
        service, caller = self._answering(name)
        return self.client.score(name, str(service.scoring_uri), data, caller)

    def logs(self, name: str, *, tail: int = 200, follow: bool = False) -> Iterator[str]:
        """The last lines of what the service wrote (of what failed last, if it never came up)."""
        service = within_reach(self.service(name), "read the logs of")
        handle = service.handle or service.candidate_handle
        if handle is None:
            return iter(())
        target = self._targets(service.target)
        return target.logs(target.unpack(handle), tail=tail, follow=follow)

    def log_mark(self, service: Webservice) -> Hashable:
        """What changes when there may be more in the log of ``service``; the log is not read for it."""
        handle = service.handle or service.candidate_handle
        target = self._target_of(service)
        if handle is not None and isinstance(target, SizesLogs) and is_within_reach(service):
            return repr(handle), target.log_size(target.unpack(handle))
        return repr(handle), service.state, service.words, service.stats.get("requests")

    def events(self, *, after: int = 0, service: str | None = None) -> list[Event]:
        """What happened, oldest first; to one service if named."""
        with self.memory.reading() as tx:
            return events.after(tx, after, subject=service_subject(service) if service else None)

    def no_code(self, model_names: Sequence[str | ModelReference]) -> InferenceConfig:
        """The script that would be made to serve these models as they are; nothing is recorded."""
        return without_script.inference_for(self._models(model_names))[0]

    def rehearse(
        self, inference: InferenceConfig, model_names: Sequence[str | ModelReference], data: Any
    ) -> Rehearsal:
        """Run a script once, in a clean process, on ``data``; nothing is recorded."""
        used = self._models(model_names)
        with self.memory.files.intake() as intake:
            files, inference = sources.take(intake, inference)
            return rehearse(self.memory, intake, inference.entry_script, files, used, to_body(data))

    # -- shared ---------------------------------------------------------------------------------------

    def _target_of(self, service: Webservice) -> ComputeTarget[Any] | None:
        """Where it runs; None where that target is not installed here, as in a team's workspace."""
        with suppress(NotFound, TargetUnavailable):
            return self._targets(service.target)
        return None

    def _answering(self, name: str) -> tuple[Webservice, Caller]:
        """A service that serves, and what must be known to ask it; raises `WrongState`, `UsageError`."""
        with self.memory.reading() as tx:
            service = within_reach(services.get(tx, name), "score")
            if service.scoring_uri is None or service.serving is None:
                raise WrongState(name, service.state, "score", hint=_reason(service))
            return service, self._caller(tx, service)

    def _want(self, name: str, desired: Desired) -> Webservice:
        with self.memory.writing() as tx:
            service = services.want(tx, services.get(tx, name), desired)
        self._see_to_it()
        return service

    def _forget_abandoned(self, name: str) -> bool:
        with self.memory.reading() as tx:
            if not services.is_abandoned(tx, services.get(tx, name)):
                return False
        with self.memory.writing() as tx:
            service = services.get(tx, name)
            if not services.is_abandoned(tx, service):
                return False
            message = f"deleted {name}, whose machine {service.machine} was gone"
            for digest in services.remove(tx, service, message):
                self.memory.files.remove(digest)
        return True

    def _placed(
        self, config: DeploymentConfig, environment: Mapping[str, Any] | None, notify: Notify
    ) -> DeploymentConfig:
        """Where the documents' ``local`` is: a container for what only that can meet, if there is Docker."""
        needs = next(image_needs(needs_of(environment)), "")
        if config.compute_type != "local" or config.target != DEFAULT_TARGET or not needs:
            return config
        try:
            self._targets(CONTAINERS).check()
        except (TargetUnavailable, NotFound):
            return config  # the deploy says what a process will not have
        notify(f"The environment asks for {needs}: it is served in a container.")
        return replace(
            config,
            target=CONTAINERS,
            # A process here is not held to the documents' defaults, and neither is this.
            cpu=os.cpu_count() or 1 if config.cpu == DEFAULT_CPU else config.cpu,
            memory_gb=max(DEFAULT_MEMORY_GB, _memory_here_gb() / 2)
            if config.memory_gb == DEFAULT_MEMORY_GB
            else config.memory_gb,
        )

    def _usable_target(self, config: DeploymentConfig) -> ComputeTarget[Any]:
        target = self._targets(config.target)
        target.check()
        return target

    def _existing(self, name: str, overwrite: bool) -> Webservice | None:
        try:
            existing = self.service(name)
        except NotFound:
            return None
        if overwrite or existing.never_came_up:
            return existing
        raise AlreadyExists(
            "service",
            name,
            hint=f"It is {existing.state}. Change it with %update {name}, replace it with --overwrite, "
            f"or remove it with %delete {name}.",
        )

    def _is_there(self, service: Webservice) -> bool:
        with suppress(NotFound):
            return self.service(service.name).id == service.id
        return False

    def _has_ended(self, service: Webservice, watching: Callable[[Webservice], None]) -> bool:
        try:
            now = self.service(service.name)
        except NotFound as error:
            raise NotFound("service", service.name, hint="It was deleted meanwhile.") from error
        watching(now)
        if now.id != service.id or now.revision != service.revision or now.state is State.FAILED:
            return True
        return now.state is State.HEALTHY and now.serving == service.revision

    def _failure(self, service: Webservice) -> Exception:
        record = dict(service.error or {})
        context = ""
        if service.serving is not None:
            context = (
                f"revision {record.get('revision')} of {service.name!r} did not come up, and revision "
                f"{service.serving} keeps serving: "
            )
        if record.get("phase") in ("import", "init", "warmup"):
            return ScriptError.from_record(record, context=context)
        if record.get("phase") == BUILD:
            log = str(record.get("traceback") or "")
        else:
            log = "\n".join(self.logs(service.name, tail=20)) if not context else ""
        message = f"{context or repr(service.name) + ' failed: '}{record.get('message', service.words)}"
        return LaunchFailed(service.target, message, log=log, hint=str(record.get("hint") or ""))

    def withdraw(self, service: Webservice) -> str:
        """Undo a deploy or an update that the user interrupted; returns what to tell them.

        Only what a deploy has made is deleted; an update leaves what was there before it.
        """
        name = service.name
        if service.revision == 1:
            with suppress(NotFound):
                self.delete(name)
            return f"the deploy of {name!r} was interrupted: nothing of it is left"
        with self.memory.writing() as tx:
            now = services.get(tx, name)
            if now.revision != service.revision or now.serving == service.revision:
                return f"the update of {name!r} had come to its end before: revision {now.serving} serves"
            if now.serving is not None:
                services.take_back(tx, now)
                return f"the update of {name!r} was interrupted: revision {now.serving} keeps serving"
            services.want(tx, now, Desired.STOPPED)
        self._see_to_it()
        return f"the update of {name!r} was interrupted: it is stopped, as nothing served before"


def _settled(config: DeploymentConfig) -> DeploymentConfig:
    """With paths that hold in other folders, too: another process may start it again."""
    cert, key = config.ssl_cert_pem_file, config.ssl_key_pem_file
    return replace(config, ssl_cert_pem_file=_absolute(cert), ssl_key_pem_file=_absolute(key))


def _absolute(path: str | None) -> str | None:
    return os.path.abspath(os.path.expanduser(path)) if path else None


def _memory_here_gb() -> float:
    import psutil

    return float(psutil.virtual_memory().total) / BYTES_PER_GB


def place_for(
    target: ComputeTarget[Any], inference: InferenceConfig, notify: Notify, *, nearest_python: bool
) -> Place:
    """Where a script will run; raises `UsageError` for an environment that cannot be."""
    if target.runs_interpreter:
        return choose(inference.environment, Store(), nearest=nearest_python, notify=notify)
    return asked(inference.environment) if inference.environment else here()


def _with_variables(config: DeploymentConfig, environment: Mapping[str, Any] | None) -> DeploymentConfig:
    """With those that the environment sets; the configuration may set them otherwise."""
    if environment is None:
        return config
    return replace(
        config, environment_variables={**needs_of(environment).variables, **config.environment_variables}
    )


def _surrounded(inference: InferenceConfig, environment: Mapping[str, Any] | None) -> InferenceConfig:
    return inference if environment is None else replace(inference, environment=environment)


def _made_for(
    used: Sequence[Model], notify: Notify, environment: Mapping[str, Any] | None = None
) -> InferenceConfig:
    """The script that serves these models as they are; what an environment has need not be here."""
    is_there = without_script.is_installed if environment is None else lambda module: True
    inference, said = without_script.inference_for(used, is_there)
    notify(said)
    return inference


def revise(tx: Connection, name: str, revision: Revision, verb: str = "update") -> Webservice:
    """Record ``revision`` as the next of a service; refused while another is under way."""
    now = services.get(tx, name)
    if now.state in (State.TRANSITIONING, State.UNSCHEDULABLE) or now.desired is Desired.DELETED:
        raise WrongState(name, now.state, verb, hint="Wait for it, or delete it.")
    return services.revise(tx, now, revision)


def _reason(service: Webservice) -> str:
    return f"Last seen: {service.words}." if service.words else ""
