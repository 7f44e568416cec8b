"""Deploy and update in two steps: a plan, which checks everything, and its record, one transaction.

A `DeployRequest` says what is wanted. `Deployments.plan` reads and checks, and writes nothing; when it
raises, nothing has changed. `Deployments.record` writes the wanted revision and returns; a supervisor
brings it about.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlmagic.core import advice
from mlmagic.core.compiled_models import Compiled, chosen, has_parts
from mlmagic.core.configuration import ACCESS_FIELDS, DeploymentConfig, InferenceConfig
from mlmagic.core.environment import EnvironmentNeeds, needs_of
from mlmagic.core.model import Model, added_properties
from mlmagic.core.names import ModelReference, check_service_name
from mlmagic.core.notify import Notify, silent
from mlmagic.core.replacements import with_replacements, without_replacements
from mlmagic.core.webservice import Desired, Revision, Webservice
from mlmagic.engine import staging
from mlmagic.engine.endpoints.networks import check_reachable_by
from mlmagic.engine.environments.runtime import Runtime, installed_in, runtime_for
from mlmagic.engine.models.models import Models
from mlmagic.engine.requirements import check_known, completed, with_compiled
from mlmagic.engine.scripts import no_code, sources
from mlmagic.engine.scripts.script_imports import ScriptImports, recorded_imports
from mlmagic.engine.services.collectors import check_azure_monitor, with_collector
from mlmagic.engine.services.compiled_models import usable
from mlmagic.engine.services.data_collection import check_collection
from mlmagic.engine.services.keys import Keys
from mlmagic.engine.services.local_resources import (
    absolute_paths,
    check_usable,
    container_for,
    placed,
    say_what_is_not_limited,
)
from mlmagic.engine.services.ownership import machine_for, owned_here
from mlmagic.engine.services.revisions import labels_of, revise
from mlmagic.engine.services.unsupported import check_supported
from mlmagic.engine.targets import Targets
from mlmagic.errors import Advice, AlreadyExists, NotFound, UsageError
from mlmagic.scoring import settings
from mlmagic.targets.base import ComputeTarget
from mlmagic.targets.kubernetes.connection import TARGET as KUBERNETES
from mlmagic.targets.kubernetes.delivery import SERVING_IMAGE
from mlmagic.targets.server_variables import telemetry_variables
from mlmagic.workspace import services
from mlmagic.workspace.memory import Memory

if TYPE_CHECKING:
    from sqlalchemy import Connection

Also = Callable[["Connection", Webservice], None]
"""Called in the transaction that records a revision; when it raises, nothing is recorded."""


@dataclass(frozen=True, slots=True)
class DeployRequest:
    """The request of a deploy or an update. None keeps the present value, or means the default.

    The environment is ``environment`` alone; `of` moves it there from ``inference``.
    """

    name: str
    models: Sequence[str | ModelReference] | None = None
    inference: InferenceConfig | None = None
    config: DeploymentConfig | None = None
    """The whole configuration, for a deploy."""
    changes: Mapping[str, Any] | None = None
    """What changes of the configuration, for an update."""
    environment: Mapping[str, Any] | None = None
    """The environment, as the JSON of Azure ML v1."""
    needs: EnvironmentNeeds = field(default_factory=EnvironmentNeeds)
    """The same, parsed; `of` parses it once."""
    sets_variables: bool = False
    """The environment's variables become those of the configuration."""
    overwrite: bool = False
    nearest: bool = False
    """Accept the nearest Python and versions of packages, where the configuration says neither yes nor no."""
    keep_python: bool = False
    """Run on the interpreter of the revision before, not on this process's."""

    @classmethod
    def of(
        cls,
        name: str,
        inference: InferenceConfig | None,
        environment: Mapping[str, Any] | None,
        **wanted: Any,
    ) -> DeployRequest:
        """A request whose environment is ``environment``, else that of ``inference``."""
        found = environment if environment is not None else inference.environment if inference else None
        return cls(
            name,
            inference=inference,
            environment=found,
            needs=needs_of(found),
            sets_variables=environment is not None,
            **wanted,
        )


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """What is to be recorded: checked, and nothing of the service is written yet."""

    name: str
    models: tuple[Model, ...]
    inference: InferenceConfig
    config: DeploymentConfig
    python: str
    target: ComputeTarget[Any]
    revises: Webservice | None = None
    """The service that gets a new revision; None for a new service."""
    follows_deletion: bool = False
    """A service of that name is being deleted, and has to be gone first."""
    keeps_files: tuple[Any, ...] | None = None
    """The files of the revision before, where the script does not change."""
    based_on: Webservice | None = None
    """The service whose values an update keeps, as it was when the update was planned."""
    rollback_of: int | None = None
    """The earlier revision that a rollback goes back to."""
    compiled: Compiled = field(default_factory=dict)
    """What compiling its models gave, where that is wanted."""


class Deployments:
    """Plans deploys and updates, and records them."""

    def __init__(self, memory: Memory, targets: Targets, models: Models, keys: Keys) -> None:
        self._memory, self._targets, self._models, self._keys = memory, targets, models, keys

    def plan(self, request: DeployRequest, notify: Notify = silent) -> DeploymentPlan:
        """Check a deploy; nothing of the service is written.

        Models that it wants compiled are compiled, and keep the result.
        """
        config = absolute_paths(request.config or DeploymentConfig())
        if request.sets_variables:
            variables = {**request.needs.variables, **config.environment_variables}
            config = replace(config, environment_variables=variables)
        check_service_name(request.name)
        config = placed(with_collector(config, os.environ), self._targets, notify)
        config = container_for(config, request.needs, self._targets, notify)
        target = check_usable(config, self._targets)
        # Where the compute type chose the target, `placed` has said it.
        if request.config is not None and config.target == request.config.target:
            say_what_is_not_limited(config, DeploymentConfig(), target, notify)
        used: Sequence[Model] = self._models.find_all(request.models or ())
        inference = request.inference or _no_code(used, notify, request.environment)
        if request.environment is not None:
            inference = replace(inference, environment=request.environment)
        config = _accepting(config, request)
        existing = self._existing(request.name, overwrite=request.overwrite)
        used = self._models.compiled(used, config.compile, notify)
        compiled: Compiled = chosen(used, config.compile)
        needs = with_compiled(completed(request.needs, inference, used, self._memory.files), compiled)
        runtime = self._runtime(replace(request, needs=needs), config, target, used, notify)
        compiled = usable(compiled, config.compile, runtime.versions, notify)
        inference = _noted(inference, runtime)
        ends = existing is not None and existing.desired is Desired.DELETED
        same_target = existing is not None and existing.target == config.target
        port = staging.port_of(existing.url) if existing is not None and same_target else None
        check_supported(config, target)
        target.validate(config, current_port=port)
        check_collection(config, target, runtime.versions, notify)
        check_azure_monitor(config, runtime.versions, notify)
        self._check_packages(inference, used, target)
        _name_settings_without_effect({**request.needs.variables, **_variables(config)}, target, notify)
        return DeploymentPlan(
            request.name,
            tuple(used),
            inference,
            config,
            runtime.python,
            target,
            # What serves goes on until its successor answers, also on another target; and what is stopped
            # or has failed is kept until its successor is recorded.
            revises=None if ends else existing,
            follows_deletion=ends,
            compiled=compiled,
        )

    def plan_update(self, request: DeployRequest, notify: Notify = silent) -> DeploymentPlan:
        """Check an update; nothing of the service is written. Models are compiled as for a deploy."""
        if not request.changes and all(
            given is None for given in (request.models, request.inference, request.environment)
        ):
            raise UsageError(
                f"nothing to update in {request.name!r}", hint="Name models, a script or settings to change."
            )
        with self._memory.reading() as tx:
            service = services.get(tx, request.name)
            current = services.get_revision(tx, service.id, service.revision)
            endpoints = services.endpoints_over(tx, service.name)
        owned_here(service, "update")
        config = absolute_paths(replace(current.config, **_changes(service, request)))
        config = with_collector(config, os.environ)
        if endpoints:
            check_version(service.name, config)
        if service.endpoint is not None:
            _check_of_endpoint(service, request)
        if config.target != current.config.target:
            raise UsageError(
                f"{service.name!r} runs on {current.config.target!r} and cannot move to {config.target!r}",
                hint="Deploy it there under another name.",
            )
        target = self._targets.usable(config.target)
        check_reachable_by(endpoints, self._targets, target, service.name)
        # A revision that is starting may hold its port already, though the record does not say so yet.
        starting = current.config.port if service.is_under_way else None
        # What serves on another target meanwhile holds no port of this one.
        serving = staging.port_of(service.url) if service.target == config.target else None
        check_supported(config, target)
        target.validate(config, current_port=starting or serving)
        say_what_is_not_limited(config, current.config, target, notify)
        if _variables(config) != _variables(current.config):
            _name_settings_without_effect(_variables(config), target, notify)
        used: Sequence[Model] = self._models.find_all(
            current.models if request.models is None else request.models
        )
        if request.models is None and config.compile == current.config.compile:
            compiled: Compiled = current.compiled
        else:
            used = self._models.compiled(used, config.compile, notify)
            compiled = chosen(used, config.compile)
        inference = request.inference
        environment = request.environment or current.inference.environment
        if inference is None and current.inference.no_code and request.models is not None:
            inference = _no_code(used, notify, environment)
        wanted = inference or current.inference
        if environment is not None:
            wanted = replace(wanted, environment=environment)
        python = current.python
        if not request.keep_python:
            # A Python that was accepted at the deploy is accepted again.
            asked = request
            if not request.environment:
                if config.nearest is False and wanted.environment is not None:
                    wanted = replace(wanted, environment=without_replacements(wanted.environment))
                asked = replace(request, needs=needs_of(wanted.environment), nearest=True)
            config = _accepting(config, asked)
            needs = completed(asked.needs, wanted, used, self._memory.files, is_recorded=inference is None)
            needs = with_compiled(needs, compiled)
            runtime = self._runtime(replace(asked, needs=needs), config, target, used, notify)
            compiled = usable(compiled, config.compile, runtime.versions, notify)
            python, wanted = runtime.python, _noted(wanted, runtime)
            news = notify if config.compute_settings != current.config.compute_settings else silent
            check_collection(config, target, runtime.versions, news)
            check_azure_monitor(config, runtime.versions, news)
        elif has_parts(compiled) and target.capabilities.runs_interpreter:
            compiled = usable(compiled, config.compile, installed_in(python), notify)
        if inference is not None:
            self._check_packages(wanted, used, target)
        elif request.models is not None:
            paths = (file.path for file in current.files)
            self._check_packages(wanted, used, target, recorded_imports(wanted.modules, paths))
        return DeploymentPlan(
            service.name,
            tuple(used),
            wanted,
            config,
            python,
            target,
            revises=service,
            keeps_files=current.files if inference is None else None,
            based_on=service,
            compiled=compiled,
        )

    def record(
        self,
        plan: DeploymentPlan,
        lease_holder: str | None = None,
        *,
        also: Also | None = None,
    ) -> Webservice:
        """Write the plan in one transaction; returns the service, which is Transitioning.

        A new service's lease is ``lease_holder``'s.
        """
        with self._memory.files.intake() as intake:
            if plan.keeps_files is None:
                files, inference = sources.take(intake, plan.inference)
            else:
                files, inference = plan.keeps_files, plan.inference
            ids = tuple(model.id for model in plan.models)
            revision = Revision(1, ids, inference, files, plan.config, plan.python, plan.compiled)
            intake.send()
            with self._memory.writing() as tx:
                intake.publish()
                machine = machine_for(self._memory, plan.target)
                if plan.revises is not None:
                    moves = plan.revises.target != plan.config.target
                    service = revise(
                        tx,
                        plan.name,
                        revision,
                        machine=machine if moves else None,
                        based_on=plan.based_on,
                        rollback_of=plan.rollback_of,
                    )
                else:
                    service = services.create(tx, plan.name, revision, lease_holder, machine=machine)
                self._keys.keep(tx, service, plan.config)
                if also is not None:
                    also(tx, service)
                    service = services.get(tx, plan.name)
        if plan.revises is not None and plan.config.guarded:
            self._keys.deliver(service)
        return service

    def _runtime(
        self,
        request: DeployRequest,
        config: DeploymentConfig,
        target: ComputeTarget[Any],
        used: Sequence[Model],
        notify: Notify,
    ) -> Runtime:
        """The interpreter that will run the script; reports what differs there from the models' libraries."""
        runtime = runtime_for(target, request.needs, notify, nearest=bool(config.nearest))
        self._models.report_mismatches(used, runtime, notify)
        return runtime

    def _check_packages(
        self,
        inference: InferenceConfig,
        used: Sequence[Model],
        target: ComputeTarget[Any],
        script: ScriptImports | None = None,
    ) -> None:
        """Raises `UsageError` for a package that the image needs and of which no version is known."""
        has_packages = target.name.startswith(KUBERNETES) and os.environ.get(SERVING_IMAGE)
        if target.capabilities.builds_images and not has_packages:
            check_known(inference, used, self._memory.files, script)

    def _existing(self, name: str, *, overwrite: bool) -> Webservice | None:
        try:
            with self._memory.reading() as tx:
                existing = services.get(tx, name)
        except NotFound:
            return None
        if existing.endpoint is not None:
            raise AlreadyExists(
                "endpoint",
                name,
                hint=Advice("Deploy a version of it, or delete it: {delete}", delete=advice.delete(name)),
            )
        if overwrite or existing.never_came_up:
            return owned_here(existing, "replace")
        raise AlreadyExists(
            "service",
            name,
            hint=Advice(
                "It is {state}. Change it with {update}, replace it with {overwrite}, "
                "or delete it with {delete}.",
                state=str(existing.state),
                update=advice.update(name),
                overwrite=advice.argument("overwrite"),
                delete=advice.delete(name),
            ),
        )


_OF_ENDPOINT = frozenset((*ACCESS_FIELDS, "compute_settings", "tags", "properties", "description"))
"""What an update may change of an endpoint itself."""


def check_version(service: str, config: DeploymentConfig) -> None:
    """Raises `UsageError` for a configuration with which the router of an endpoint cannot call a version."""
    if config.token_auth_enabled:
        raise UsageError(
            f"{service!r} takes tokens, and a version must have keys or no authentication",
            hint="Turn tokens off for it; the endpoint can have them.",
        )
    if config.ssl_cert_pem_file:
        raise UsageError(
            f"{service!r} has a certificate, and the router calls versions without TLS",
            hint="Deploy it without; the endpoint can have the certificate.",
        )


def _check_of_endpoint(service: Webservice, request: DeployRequest) -> None:
    """Raises `UsageError` for an update of an endpoint with what belongs to its versions."""
    assert service.endpoint is not None
    given = [
        name for name in ("models", "inference", "environment") if getattr(request, name) not in (None, ())
    ]
    given += [name for name in request.changes or () if name not in _OF_ENDPOINT]
    if given:
        raise UsageError(
            f"{service.name!r} is an endpoint, and {given[0]} belongs to a version of it",
            hint=f"Update one of its versions: {', '.join(service.endpoint.names)}.",
        )


def _accepting(config: DeploymentConfig, request: DeployRequest) -> DeploymentConfig:
    """The configuration with the decision on nearest versions, which later builds of the revision follow."""
    if config.nearest is not None or not request.needs.are_any:
        return config
    return replace(config, nearest=request.nearest)


def _noted(inference: InferenceConfig, runtime: Runtime) -> InferenceConfig:
    """The script, with the versions that its environment gets beside those that its environment names."""
    if not runtime.replacements or inference.environment is None:
        return inference
    environment = with_replacements(inference.environment, runtime.replacements)
    return replace(inference, environment=environment)


def _changes(service: Webservice, request: DeployRequest) -> dict[str, Any]:
    """What an update changes of the configuration; labels that were changed since the deploy stay."""
    changes = {**labels_of(service), **(request.changes or {})}
    if request.sets_variables and "environment_variables" not in changes:
        changes["environment_variables"] = dict(request.needs.variables)
    changes["properties"] = added_properties(service.properties, changes["properties"])
    return changes


def _variables(config: DeploymentConfig) -> dict[str, str]:
    """The environment variables that the user has asked for, by name or by a setting."""
    return {**telemetry_variables(config), **config.environment_variables}


def _name_settings_without_effect(
    variables: Mapping[str, str], target: ComputeTarget[Any], notify: Notify
) -> None:
    """Those of Azure ML v1's server that a service does not honour. Raises `UsageError` for a wrong one."""
    try:
        sentences = settings.without_effect(variables, in_container=target.capabilities.builds_images)
    except settings.InvalidSetting as error:
        raise UsageError(str(error)) from error
    for sentence in sentences:
        notify(sentence)


def _no_code(used: Sequence[Model], notify: Notify, environment: Mapping[str, Any] | None) -> InferenceConfig:
    """The script that serves these models as they are; what an environment has need not be installed here."""
    is_there = no_code.is_installed if environment is None else lambda module: True
    inference, line = no_code.inference_for(used, is_there)
    notify(line)
    return inference
