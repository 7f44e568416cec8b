"""Services: deploy, update, roll back, list, wait, stop, start, delete.

A method checks first, then records what is wanted and returns; a supervisor brings it about. `wait` waits
for that, and reports a failure with the script's own traceback.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from mlmagic.core import advice
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.events import EventKind
from mlmagic.core.log_lines import TimedLine
from mlmagic.core.model import Model, ModelDescription, check_labels
from mlmagic.core.names import ModelReference
from mlmagic.core.notify import Notify, silent
from mlmagic.core.revisions import RESTART, RevisionSummary
from mlmagic.core.traffic_history import TrafficHistory
from mlmagic.core.webservice import Desired, Revision, State, Webservice
from mlmagic.engine.events.bus import Bus
from mlmagic.engine.models.models import Models
from mlmagic.engine.services.deployment import (
    Also,
    DeploymentPlan,
    Deployments,
    DeployRequest,
)
from mlmagic.engine.services.failures import failure_of, still_waiting
from mlmagic.engine.services.keys import Keys
from mlmagic.engine.services.new_replacements import NewReplacements
from mlmagic.engine.services.ownership import is_owned_here, owned_here
from mlmagic.engine.services.reconcile.planner import superseded
from mlmagic.engine.services.revisions import StalePlan, renew
from mlmagic.engine.services.rollback import Rollback, Rollbacks
from mlmagic.engine.services.supervision import Supervision
from mlmagic.engine.targets import Targets
from mlmagic.errors import (
    Advice,
    Interrupted,
    MLMagicError,
    NotFound,
    UsageError,
    WaitTimeout,
    WrongState,
)
from mlmagic.workspace import services, traffic_history
from mlmagic.workspace.memory import Memory

DEPLOY_TIMEOUT_SECONDS = 600.0
DELETE_TIMEOUT_SECONDS = 60.0

Numbers = list[int]
Names = list[str]
Revisions = list[RevisionSummary]
"""Names for them, because `Services.list` hides the built-in one in its class."""
Watch = Callable[[Webservice], None]
"""Called with the record of a service whenever it may have changed."""


def ignore(_service: Webservice) -> None:
    """Watch nothing."""


class Services:
    """The services of one workspace."""

    def __init__(
        self,
        memory: Memory,
        targets: Targets,
        bus: Bus,
        models: Models,
        keys: Keys,
        supervision: Supervision,
    ) -> None:
        self._memory, self._targets, self._bus = memory, targets, bus
        self._models, self._keys, self._supervision = models, keys, supervision
        self._deployments = Deployments(memory, targets, models, keys)
        self._rollbacks = Rollbacks(memory, targets, models)

    # -- deploy and update ----------------------------------------------------------------------------

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
        nearest: bool = False,
    ) -> Webservice:
        """Record a new service; returns while it is Transitioning. Without ``inference``, serve the models.

        ``environment``, as the JSON of Azure ML v1, replaces that of ``inference``; ``nearest`` accepts the
        nearest versions where its Python or its pins cannot be installed, unless ``config`` says.

        A service that never started is replaced. Any other is replaced only with ``overwrite``; if it serves,
        it does so until its successor answers. When this raises, nothing was recorded.
        """
        request = DeployRequest.of(
            name,
            inference,
            environment,
            models=model_names,
            config=config,
            overwrite=overwrite,
            nearest=nearest,
        )
        return self.carry_out(lambda: self._deployments.plan(request, notify))

    def deploy_object(
        self,
        name: str,
        model: object,
        details: ModelDescription,
        inference: InferenceConfig | None = None,
        config: DeploymentConfig | None = None,
        *,
        notify: Notify = silent,
        **options: Any,
    ) -> tuple[Webservice, Model]:
        """Register ``model`` (an object or a path) and deploy it, with the ``options`` of `deploy`.

        If the deploy is refused, the model is deleted again.
        """
        registered = self._models.register(model, details, notify=notify)
        try:
            service = self.deploy(name, [registered.id], inference, config, notify=notify, **options)
        except MLMagicError:
            with suppress(MLMagicError):
                self._models.delete(registered.id)
            raise
        return service, registered

    def update(
        self,
        name: str,
        *,
        model_names: Sequence[str | ModelReference] | None = None,
        inference: InferenceConfig | None = None,
        config_changes: Mapping[str, Any] | None = None,
        notify: Notify = silent,
        environment: Mapping[str, Any] | None = None,
        nearest: bool = False,
    ) -> Webservice:
        """Record a new revision of a service; what is not named stays as it is.

        The old revision serves until the new one answers, and goes on serving if it never does.
        ``environment`` and ``nearest`` are as for `deploy`.
        """
        request = DeployRequest.of(
            name,
            inference,
            environment,
            models=model_names,
            changes=config_changes,
            nearest=nearest,
        )
        return self.carry_out(lambda: self._deployments.plan_update(request, notify))

    def rollback(self, name: str, revision: int | None = None, *, notify: Notify = silent) -> Rollback:
        """Record a new revision with models, script, environment and settings of an earlier one.

        Without ``revision``, that is the last one before the present revision that was Healthy and differs
        from it. Tags, properties, description, keys and the number of replicas stay. The serving revision
        serves until the new one answers, and goes on serving if it never does. If an update is under way and
        the earlier one serves still, the update is cancelled, and nothing is started. ``notify`` gets a line
        about the choice.
        """
        # Chosen once: if another process changes the service meanwhile, the user still means that one.
        choice = self._rollbacks.choose(name, revision)
        done = Rollback(self.carry_out(lambda: self._rollbacks.plan(name, choice, notify)), choice.number)
        notify(done.sentence)
        return done

    def revisions(self, name: str) -> Revisions:
        """The revisions of a service, the newest first; of those that were replaced, the last ones."""
        return self._rollbacks.summaries(name)

    def revision_numbers(self, name: str) -> Numbers:
        """The numbers of `revisions`."""
        return self._rollbacks.numbers(name)

    def carry_out(self, plan: Callable[[], DeploymentPlan], also: Also | None = None) -> Webservice:
        """Record what ``plan`` returns; it is planned again if something else was recorded meanwhile.

        ``also`` is called in the same transaction. Ctrl-C takes back what was recorded.
        """
        service: Webservice | None = None
        try:
            while service is None:
                with suppress(StalePlan):
                    wanted = plan()
                    if wanted.follows_deletion:
                        with suppress(NotFound):
                            self.delete(wanted.name)
                    service = self._deployments.record(wanted, self._supervision.lease_holder, also=also)
            self._supervision.ensure()
        except KeyboardInterrupt:
            if service is None:
                raise
            raise Interrupted(self.withdraw(service)) from None
        return service

    def withdraw(self, service: Webservice) -> str:
        """Undo a deploy or an update that the user interrupted; returns a sentence about the outcome.

        Only what a deploy has created is deleted; an update leaves what was there before it.
        """
        name = service.name
        if service.serving == service.revision:  # such as after a rollback that only cancelled an update
            return _was_complete(service)
        with self._memory.reading() as tx:
            newer = name in services.names(tx) and services.get(tx, name).revision > service.revision
        if newer:
            return f"{name!r} was updated by somebody else before the interrupt, and nothing was taken back"
        if service.revision == 1:
            self._take_out(name)
            with suppress(NotFound):
                self.delete(name)
            return f"the deploy of {name!r} was interrupted, and the service was deleted"
        with self._memory.writing() as tx:
            now = services.get(tx, name)
            if now.revision != service.revision or now.serving == service.revision:
                return _was_complete(now)
            if now.serving is not None:
                services.take_back(tx, now, superseded(now, services.revision_numbers(tx, now.id)))
                return f"the update of {name!r} was interrupted: revision {now.serving} keeps serving"
            services.want(tx, now, Desired.STOPPED)
        self._supervision.ensure()
        return f"the update of {name!r} was interrupted: it is stopped, as nothing served before"

    def _take_out(self, name: str) -> None:
        """Take a version whose deploy was interrupted out of its endpoint."""
        with self._memory.writing() as tx:
            for each in services.endpoints_over(tx, name):
                version = each.endpoint.version_of(name) if each.endpoint else None
                if each.endpoint and version and not version.is_default:
                    after = each.endpoint.without(version.name)
                    words = f"{version.name} was deleted, as its deploy was interrupted"
                    services.route(tx, each, after, EventKind.VERSION_DELETED, words)

    def restart(self, name: str) -> Webservice:
        """Start a service again, as it is; returns while it is Transitioning.

        It is an update to the same revision, so callers get answers all the while. A Stopped or Failed
        service is started.
        """
        service = owned_here(self.get(name), "restart")
        if service.state in (State.STOPPED, State.FAILED):
            return self.start(name)
        self._targets.usable(self.revision(service).config.target)
        with self._memory.writing() as tx:
            renewed = renew(tx, name, "restart", change=RESTART)
        self._keys.deliver(renewed)
        self._supervision.ensure()
        return renewed

    # -- look and wait --------------------------------------------------------------------------------

    def get(self, name: str) -> Webservice:
        """The record of a service; raises `NotFound` with the names there are."""
        with self._memory.reading() as tx:
            return services.get(tx, name)

    def names(self) -> list[str]:
        """The names of all services."""
        with self._memory.reading() as tx:
            return services.names(tx)

    def revision(self, service: Webservice) -> Revision:
        """The revision of a service that its owner wants."""
        with self._memory.reading() as tx:
            return services.get_revision(tx, service.id, service.revision)

    def traffic_history(self, name: str) -> TrafficHistory:
        """The request rates, error rates and latencies of a service over the last 15 minutes.

        A supervisor measures them, whether or not a notebook is open; raises `NotFound`.
        """
        with self._memory.reading() as tx:
            return traffic_history.get(tx, services.get(tx, name).id)

    def wait(
        self,
        service: Webservice,
        timeout: float = DEPLOY_TIMEOUT_SECONDS,
        *,
        watching: Watch = ignore,
        notify: Notify = silent,
    ) -> Webservice:
        """Wait until a deploy, update or start is complete; returns the Healthy service.

        If another update replaces it meanwhile, that one is waited for. ``timeout`` is in seconds.
        ``watching`` is called in this thread with the record at each change, ``notify`` with a line for each
        version that the build replaces.
        Raises `ScriptError` with the script's own traceback, `LaunchFailed`, `WaitTimeout`, or `WrongState`
        for a service that was stopped meanwhile.
        """
        self._supervision.ensure_for_services()  # a killed process may have left it without a supervisor
        started = time.monotonic()
        for version in self._versions(service):
            left = max(0.0, timeout - (time.monotonic() - started))
            self.wait(self.get(version), left, watching=watching, notify=notify)
        new = NewReplacements(service, notify)

        def watch(now: Webservice) -> None:
            new.report(now)
            watching(now)

        if not self._bus.wait_until(lambda: self._is_complete(service, watch), timeout):
            raise still_waiting(self.get(service.name), timeout)
        now = self.get(service.name)
        if now.id != service.id:
            raise NotFound("service", service.name, hint="It was replaced meanwhile.")
        if now.state is State.STOPPED:
            raise WrongState(service.name, now.state, "wait for", hint="It was stopped meanwhile; start it.")
        if now.state is State.FAILED or (now.revision < service.revision and now.error):
            raise failure_of(now, lambda: self.logs(now.name, tail=20))
        return now

    def wait_or_withdraw(
        self,
        service: Webservice,
        timeout: float = DEPLOY_TIMEOUT_SECONDS,
        *,
        watching: Watch = ignore,
        notify: Notify = silent,
    ) -> Webservice:
        """`wait`; on Ctrl-C withdraw the deploy or update, and raise `Interrupted` with the outcome."""
        try:
            return self.wait(service, timeout, watching=watching, notify=notify)
        except KeyboardInterrupt:
            raise Interrupted(self.withdraw(service)) from None

    def _is_complete(self, service: Webservice, watching: Watch) -> bool:
        try:
            now = self.get(service.name)
        except NotFound as error:
            raise NotFound("service", service.name, hint="It was deleted meanwhile.") from error
        watching(now)
        if now.id != service.id or now.revision < service.revision:
            return True  # replaced by a deploy, or rolled back
        ended = now.state in (State.FAILED, State.STOPPED)
        return ended or (now.state is State.HEALTHY and now.serving == now.revision)

    def logs(self, name: str, *, tail: int = 200, follow: bool = False) -> Iterator[str]:
        """The last ``tail`` lines of a service's log (of what failed last, if it never started)."""
        return (line.text for line in self.timed_logs(name, tail=tail, follow=follow))

    def timed_logs(self, name: str, *, tail: int = 200, follow: bool = False) -> Iterator[TimedLine]:
        """The lines of `logs` with their times, which are None if the target does not know them."""
        service = owned_here(self.get(name), "read the logs of")
        found = self._launched(service)
        if found is None:
            return iter(())
        target = self._targets.get(found[0])
        handle = target.unpack(found[1])
        if target.capabilities.times_logs:
            return target.timed_logs(handle, tail=tail, follow=follow)
        return (TimedLine(None, line) for line in target.logs(handle, tail=tail, follow=follow))

    def log_mark(self, service: Webservice) -> Hashable:
        """A value that changes when the log of ``service`` may have grown; the log is not read for it."""
        found = self._launched(service)
        target = self._targets.of(service) if found and found[0] == service.target else None
        if found and target and target.capabilities.sizes_logs and is_owned_here(service):
            return repr(found), target.log_size(target.unpack(found[1]))
        return repr(found), service.state, service.words, service.stats.get("requests")

    def _launched(self, service: Webservice) -> tuple[str, Mapping[str, Any]] | None:
        """The target and the handle of what serves or failed last, else of what starts; None before that."""
        if service.handle is not None:
            return service.target, service.handle
        if service.candidate is None or service.candidate_handle is None:
            return None
        with suppress(NotFound), self._memory.reading() as tx:
            return services.target_of(tx, service, service.candidate), service.candidate_handle
        return None

    # -- change ---------------------------------------------------------------------------------------

    def label(self, name: str, **labels: Mapping[str, str]) -> Webservice:
        """Replace ``tags`` or ``properties`` of a service, which goes on serving."""
        for field, given in labels.items():
            check_labels(field, given)
        with self._memory.writing() as tx:
            return services.label(
                tx, services.get(tx, name), **{key: dict(value) for key, value in labels.items()}
            )

    def _versions(self, service: Webservice) -> Names:
        """The services that belong to an endpoint; none to any other service."""
        if service.endpoint is None:
            return []
        there = self.names()
        return [name for name in service.endpoint.owned_services if name in there]

    def stop(self, name: str, *, timeout: float = DELETE_TIMEOUT_SECONDS) -> Webservice:
        """Stop a service without deleting it, an endpoint with its versions; returns when it is Stopped."""
        self._want(name, Desired.STOPPED)
        for version in self._versions(self.get(name)):
            self.stop(version, timeout=timeout)
        if not self._bus.wait_until(lambda: self.get(name).state is State.STOPPED, timeout):
            raise WaitTimeout(name, "being stopped", timeout, last_seen=self.get(name).words)
        return self.get(name)

    def start(self, name: str) -> Webservice:
        """Start a service that is Stopped, being stopped or Failed; returns while it is Transitioning.

        The versions of an endpoint are started with it.
        """
        service = self.get(name)
        for version in self._versions(service):
            if self.get(version).state in (State.STOPPED, State.FAILED):
                self.start(version)
        if service.state not in (State.STOPPED, State.FAILED) and service.desired is Desired.RUNNING:
            if service.is_under_way:
                return service
            raise WrongState(name, service.state, "start")
        return self._want(name, Desired.RUNNING)

    def delete(
        self, name: str, *, timeout: float = DELETE_TIMEOUT_SECONDS, of_endpoint: bool = False
    ) -> None:
        """Stop a service and delete its record; returns when it is deleted.

        The versions of an endpoint are deleted with it. A version alone is deleted ``of_endpoint``, once that
        gives it no requests any more; otherwise this raises `UsageError`.

        A service of another machine is stopped there. If nobody has supervised it for a minute, that machine
        is gone, and the record alone is deleted.
        """
        if not of_endpoint:
            self._check_no_version(name)
        versions = self._versions(self.get(name))
        if self._delete_abandoned(name):
            return
        service = self._want(name, Desired.DELETED)
        if not self._bus.wait_until(lambda: not self._is_there(service), timeout):
            raise WaitTimeout(name, "being deleted", timeout, last_seen=self.get(name).words)
        for version in versions:
            with suppress(NotFound):
                self.delete(version, timeout=timeout, of_endpoint=True)
        self._memory.remove_unreferenced()  # the supervisor may be at it still

    def _check_no_version(self, name: str) -> None:
        """Raises `UsageError` for a service that an endpoint gives requests to."""
        with self._memory.reading() as tx:
            found = services.endpoints_over(tx, name)
        for each in found:
            if each.endpoint and (version := each.endpoint.version_of(name)):
                raise UsageError(
                    f"{name!r} is version {version.name!r} of the endpoint {each.name!r}",
                    hint=Advice("Delete it there: {way}", way=advice.delete_version(each.name, version.name)),
                )

    def _want(self, name: str, desired: Desired) -> Webservice:
        with self._memory.writing() as tx:
            now = services.get(tx, name)
            if now.desired is Desired.DELETED and desired is not Desired.DELETED:
                raise WrongState(name, now.state, "start" if desired is Desired.RUNNING else "stop")
            service = services.want(tx, now, desired)
        self._supervision.ensure()
        return service

    def _delete_abandoned(self, name: str) -> bool:
        with self._memory.reading() as tx:
            if not services.is_abandoned(tx, services.get(tx, name)):
                return False
        with self._memory.writing() as tx:
            service = services.get(tx, name)
            if not services.is_abandoned(tx, service):
                return False
            message = f"deleted {name}, whose machine {service.machine} was gone"
            services.remove(tx, service, message)
        return True

    def _is_there(self, service: Webservice) -> bool:
        with suppress(NotFound):
            return self.get(service.name).id == service.id
        return False

    def list(self) -> list[Webservice]:
        """All services, sorted by name."""
        with self._memory.reading() as tx:
            return services.list_services(tx)


def _was_complete(service: Webservice) -> str:
    serves = f"revision {service.serving} serves"
    return f"the update of {service.name!r} was complete before the interrupt: {serves}"
