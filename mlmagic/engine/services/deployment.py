"""The engine's verbs that say what a service is to be: deploy, update.

A verb checks everything first, then records what is wanted in one transaction and returns; a supervisor
brings it about.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
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
from mlmagic.core.model import Model, added_properties
from mlmagic.core.names import ModelReference, check_service_name
from mlmagic.core.webservice import Desired, Revision, State, Webservice
from mlmagic.engine import sources, staging, without_script
from mlmagic.engine.environments.place import place_for
from mlmagic.engine.model_verbs import Notify, silent
from mlmagic.engine.reach import machine_for, within_reach
from mlmagic.engine.service_verbs import ServiceVerbs
from mlmagic.errors import AlreadyExists, Interrupted, NotFound, TargetUnavailable, UsageError, WrongState
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace import services

if TYPE_CHECKING:
    from sqlalchemy import Connection

CONTAINERS = "docker"
"""The target of what only a container can meet."""


class DeploymentVerbs(ServiceVerbs):
    """What a service can be asked to be, over the models there are."""

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

    # -- shared ---------------------------------------------------------------------------------------

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


def revise(tx: Connection, name: str, revision: Revision, verb: str = "update") -> Webservice:
    """Record ``revision`` as the next of a service; refused while another is under way."""
    now = services.get(tx, name)
    if now.state in (State.TRANSITIONING, State.UNSCHEDULABLE) or now.desired is Desired.DELETED:
        raise WrongState(name, now.state, verb, hint="Wait for it, or delete it.")
    return services.revise(tx, now, revision)


def _settled(config: DeploymentConfig) -> DeploymentConfig:
    """With paths that hold in other folders, too: another process may start it again."""
    cert, key = config.ssl_cert_pem_file, config.ssl_key_pem_file
    return replace(config, ssl_cert_pem_file=_absolute(cert), ssl_key_pem_file=_absolute(key))


def _absolute(path: str | None) -> str | None:
    return os.path.abspath(os.path.expanduser(path)) if path else None


def _memory_here_gb() -> float:
    import psutil

    return float(psutil.virtual_memory().total) / BYTES_PER_GB


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
