"""Endpoints: create them; add, change and delete versions.

A method checks first, then records what is wanted and returns; supervisors bring it about. An endpoint is a
service whose server is a router, and each of its versions is a service: `Services` lists, waits for, stops
and deletes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from mlmagic.core import endpoint as core
from mlmagic.core.arguments import ComputeType
from mlmagic.core.configuration import ACCESS_FIELDS, DeploymentConfig, InferenceConfig
from mlmagic.core.endpoint import Endpoint, EndpointVersion
from mlmagic.core.events import EventKind
from mlmagic.core.names import check_service_name
from mlmagic.core.notify import Notify, silent
from mlmagic.core.webservice import Webservice
from mlmagic.engine.endpoints.networks import (
    check_reachable,
    check_reachable_by,
    network_of,
    network_of_new,
    router_network,
)
from mlmagic.engine.endpoints.traffic import Traffic, check_changeable
from mlmagic.engine.endpoints.version_request import (
    NO_MARKS,
    Marks,
    VersionRequest,
    changes_for,
    config_for,
    config_of_version,
    version_limit,
)
from mlmagic.engine.models.models import Models
from mlmagic.engine.services.deployment import DeploymentPlan, Deployments, DeployRequest, check_version
from mlmagic.engine.services.keys import Keys
from mlmagic.engine.services.local_resources import check_usable, placed
from mlmagic.engine.services.ownership import owned_here
from mlmagic.engine.services.services import Services
from mlmagic.engine.services.unsupported import check_supported
from mlmagic.engine.targets import Targets
from mlmagic.errors import (
    AlreadyExists,
    MLMagicError,
    NotFound,
    UsageError,
)
from mlmagic.workspace import services
from mlmagic.workspace.memory import Memory

if TYPE_CHECKING:
    from sqlalchemy import Connection

ROUTER_TARGET = "local"
"""Where the router runs if the target of the versions runs none."""
_ROUTER = InferenceConfig(
    "router.py",
    script_text=(
        '"""An endpoint: its router forwards requests to its versions, and does not import this file."""\n'
        "def init(): ...\ndef run(data): ...\n"
    ),
    is_router=True,
)


class Endpoints:
    """The endpoints of one workspace."""

    def __init__(
        self,
        memory: Memory,
        targets: Targets,
        models: Models,
        keys: Keys,
        services: Services,
        traffic: Traffic,
    ) -> None:
        self._targets, self._services, self._traffic = targets, services, traffic
        self._deployments = Deployments(memory, targets, models, keys)

    # -- create and delete ----------------------------------------------------------------------------

    def create(
        self,
        name: str,
        version_name: str | None = None,
        wanted: VersionRequest | None = None,
        *,
        traffic_percentile: float | None = None,
        overwrite: bool = False,
        notify: Notify = silent,
    ) -> Webservice:
        """Record a new endpoint with its first version, which is the default one and the control.

        Without a ``version_name``, it is that of the endpoint. ``wanted.config`` is the configuration of
        both: access, port and certificate are the endpoint's, all else the version's. Returns the endpoint
        while it is Transitioning; when this raises, nothing was recorded.
        """
        wanted = wanted or VersionRequest()
        check_service_name(name)
        version_name = version_name or name
        core.first_version(version_name, name, traffic_percentile)  # raises for what cannot be
        config = placed(wanted.config or DeploymentConfig(), self._targets, notify)
        version_config = config_of_version(config)
        router = self._router_config(config, notify)
        replaced = self._replaceable(name, overwrite=overwrite)
        taken = set(self._services.names()) - set(replaced.owned_services if replaced else ())
        service = core.service_name(name, version_name, sorted(taken))
        request = DeployRequest.of(
            service,
            wanted.inference,
            wanted.environment,
            models=wanted.models,
            config=version_config,
            nearest=wanted.nearest,
        )
        self._check_router(router, replaced)
        if replaced is not None:
            self._deployments.plan(replace(request, overwrite=True))  # checked before anything is deleted
            self._services.delete(name)
        endpoint_plan = self._router_plan(name, router)
        version = self._services.carry_out(lambda: self._deployments.plan(request, notify))
        first = core.first_version(version_name, service, traffic_percentile)
        try:
            return self._services.carry_out(lambda: endpoint_plan, self._recording(first))
        except BaseException:
            with suppress(MLMagicError):
                self._services.delete(version.name, of_endpoint=True)
            raise

    def create_over(
        self,
        name: str,
        targets: Mapping[str, str],
        config: DeploymentConfig | None = None,
        *,
        notify: Notify = silent,
    ) -> Webservice:
        """Record an endpoint over services that exist: ``targets`` has their names by name of version.

        The first is the default version, which gets all requests. They are not deleted with the endpoint.
        """
        check_service_name(name)
        if not targets:
            raise UsageError("an endpoint needs a version", hint="Name a service for its first version.")
        for service in targets.values():
            self._check_attachable(service)
        (version, service), *others = targets.items()
        endpoint = core.first_version(version, service, None, is_owned=False)
        for version, service in others:
            endpoint = endpoint.with_version(
                EndpointVersion(version, service, is_owned=False), version_limit()
            )
        router = self._router_config(config or DeploymentConfig(), notify)
        place = self._targets.get(router.target)
        if place.capabilities.delivers_routes:
            for service in targets.values():
                record = self._services.get(service)
                check_reachable(network_of_new(place), network_of(self._targets, record), service)
        replaced = self._replaceable(name, overwrite=False)
        self._check_router(router, replaced)
        if replaced is not None:
            self._services.delete(name)
        plan = self._router_plan(name, router)
        return self._services.carry_out(lambda: plan, self._recording(endpoint))

    def _router_config(self, config: DeploymentConfig, notify: Notify) -> DeploymentConfig:
        target = check_usable(config, self._targets)
        place = config.target if target.capabilities.routes else ROUTER_TARGET
        if place != config.target:
            notify(f"The versions run on the target {config.target}, and their router on {place}.")
        given = {name: getattr(config, name) for name in ACCESS_FIELDS}
        return DeploymentConfig(
            place,
            **given,
            compute_type=str(ComputeType.AKS_ENDPOINT),
            compute_settings=dict(config.compute_settings),
            tags=config.tags,
            properties=config.properties,
            description=config.description,
        )

    def _router_plan(self, name: str, config: DeploymentConfig) -> DeploymentPlan:
        return self._deployments.plan(DeployRequest.of(name, _ROUTER, None, models=(), config=config))

    def _recording(self, endpoint: Endpoint) -> Any:
        def also(tx: Connection, service: Webservice) -> None:
            message = f"{service.name} is an endpoint, and {endpoint.default.name} its first version"
            services.route(tx, service, endpoint, EventKind.VERSION_CREATED, message)

        return also

    def _check_router(self, config: DeploymentConfig, replaced: Endpoint | None) -> None:
        """Raises for a configuration that the router cannot have, such as a port that is in use."""
        target = self._targets.usable(config.target)
        check_supported(config, target)
        if replaced is None or config.port is None:  # else the port may be that of the replaced one
            target.validate(config)

    def _replaceable(self, name: str, *, overwrite: bool) -> Endpoint | None:
        """The endpoint of that name, to be replaced; None if there is none. Raises `AlreadyExists`."""
        try:
            existing = self._services.get(name)
        except NotFound:
            return None
        if existing.endpoint is None:
            raise AlreadyExists(
                "service",
                name,
                hint="It is no endpoint. Choose another name, and make the service a version of it.",
            )
        never_came_up = existing.never_came_up or all(
            self._never_came_up(each) for each in existing.endpoint.versions
        )
        if not (overwrite or never_came_up):
            raise AlreadyExists("endpoint", name, hint="Add a version to it, or delete it first.")
        return existing.endpoint

    def _never_came_up(self, version: EndpointVersion) -> bool:
        with suppress(NotFound):
            return self._services.get(version.service).never_came_up
        return True

    # -- versions -------------------------------------------------------------------------------------

    def create_version(
        self,
        name: str,
        version_name: str,
        wanted: VersionRequest | None = None,
        marks: Marks = NO_MARKS,
        *,
        notify: Notify = silent,
    ) -> Webservice:
        """Record a new version and deploy its service; returns that while it is Transitioning.

        It gets no requests without a percentage. What ``wanted`` does not name is as in the
        endpoint's default version.
        """
        wanted = wanted or VersionRequest()
        endpoint = self._traffic.endpoint(name)
        service = core.service_name(name, version_name, self._services.names())
        version = EndpointVersion(version_name, service, **marks.given)
        check_changeable(endpoint)
        endpoint.with_version(version, version_limit())
        target = self._targets.usable(self._services.get(endpoint.default.service).target)
        check_reachable_by([self._services.get(name)], self._targets, target, service)

        def also(tx: Connection, _deployed: Webservice) -> None:
            now = services.get(tx, name)
            assert now.endpoint is not None
            after = now.endpoint.with_version(version, version_limit())
            message = f"{version_name} was created, and gets {after.shares[version_name]:g} % of the requests"
            services.route(tx, now, after, EventKind.VERSION_CREATED, message)

        return self._services.carry_out(lambda: self._version_plan(endpoint, service, wanted, notify), also)

    def attach(self, name: str, version_name: str, service: str, marks: Marks = NO_MARKS) -> Webservice:
        """Make a service that exists a version of an endpoint; returns the endpoint.

        The service is not deleted with the endpoint.
        """
        self._check_attachable(service)
        self._traffic.endpoint(name)  # raises for what is no endpoint
        router = router_network(self._targets, self._services.get(name))
        if router is not None:
            check_reachable(router, network_of(self._targets, self._services.get(service)), service)
        version = EndpointVersion(version_name, service, is_owned=False, **marks.given)
        return self._traffic.change(
            name,
            EventKind.VERSION_CREATED,
            lambda now: now.with_version(version, version_limit()),
            f"the service {service} is version {version_name}",
        )

    def update_version(
        self,
        name: str,
        version_name: str,
        wanted: VersionRequest | None = None,
        marks: Marks = NO_MARKS,
        *,
        notify: Notify = silent,
    ) -> Webservice:
        """Change a version: what it serves, its settings, its share of the requests; returns its service."""
        wanted = wanted or VersionRequest()
        endpoint = self._traffic.endpoint(name)
        version = endpoint.version(version_name)
        if not marks.given and not wanted.is_any:
            raise UsageError(
                f"nothing to update in version {version_name!r}",
                hint="Name models, a script, settings, a percentage, or a mark to change.",
            )
        if marks.given:  # all is checked before the first of both is recorded
            check_changeable(endpoint)
            endpoint.changed(version_name, **marks.given)
        updated = self._services.get(version.service)
        if wanted.is_any:
            current = self._services.revision(updated).config
            updated = self._services.update(
                version.service,
                model_names=wanted.models,
                inference=wanted.inference,
                config_changes=changes_for(current, wanted),
                environment=wanted.environment,
                nearest=wanted.nearest,
                notify=notify,
            )
        if marks.given:
            self._traffic.change(
                name,
                EventKind.VERSION_CHANGED,
                lambda now: now.changed(version_name, **marks.given),
                f"{version_name}: {marks.words}",
            )
        return updated

    def delete_version(self, name: str, version_name: str) -> Webservice:
        """Take a version out of the endpoint and delete its service, if that is the endpoint's own.

        Its share of the requests goes to the default version. Returns the endpoint.
        """
        version = self._traffic.endpoint(name).version(version_name)
        service = self._traffic.change(
            name,
            EventKind.VERSION_DELETED,
            lambda now: now.without(version_name),
            f"{version_name} was deleted",
        )
        if version.is_owned:
            with suppress(NotFound):
                self._services.delete(version.service, of_endpoint=True)
        return service

    def _version_plan(
        self, endpoint: Endpoint, service: str, wanted: VersionRequest, notify: Notify
    ) -> DeploymentPlan:
        """The plan of a new version, on the basis of the default one."""
        default = self._services.get(endpoint.default.service)
        current = self._services.revision(default)
        config = replace(config_for(current.config, wanted), port=None)
        check_version(service, config)
        keeps_script = wanted.inference is None and not (
            current.inference.no_code and wanted.models is not None
        )
        inference = wanted.inference or (current.inference if keeps_script else None)
        environment = wanted.environment if wanted.environment is not None else current.inference.environment
        request = DeployRequest.of(
            service,
            inference,
            environment,
            models=current.models if wanted.models is None else wanted.models,
            config=config,
            nearest=wanted.nearest,
        )
        plan = self._deployments.plan(request, notify)
        return replace(plan, keeps_files=current.files) if keeps_script else plan

    def _check_attachable(self, service: str) -> None:
        """Raises `UsageError` for a service that a router cannot call."""
        record = owned_here(self._services.get(service), "make a version of")
        if record.endpoint is not None:
            raise UsageError(f"{service!r} is an endpoint itself, and cannot be a version of another")
        check_version(service, self._services.revision(record).config)

    def list(self) -> list[Webservice]:
        """All endpoints, by name."""
        return [each for each in self._services.list() if each.endpoint is not None]

    def figures(self, name: str) -> dict[str, Any]:
        """What each version has answered in the last five minutes, as JSON values by name."""
        self.endpoint(name)
        return {key: asdict(value) for key, value in self._services.get(name).version_figures.items()}

    def version_of(self, service: str) -> EndpointVersion | None:
        """The version that a service is of an endpoint; None for any other service."""
        found = (each.endpoint.version_of(service) for each in self.list() if each.endpoint)
        return next(filter(None, found), None)

    def owned_services(self) -> set[str]:
        """The names of the services that were deployed as versions."""
        return {name for each in self.list() if each.endpoint for name in each.endpoint.owned_services}

    def endpoint(self, name: str) -> Endpoint:
        """The versions and the traffic of an endpoint. Raises `NotFound`; `UsageError` for a service."""
        return self._traffic.endpoint(name)
