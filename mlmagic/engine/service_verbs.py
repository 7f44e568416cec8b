"""The engine's verbs for services that there are: look, wait, stop, start, delete, invoke, read the log.

`wait` waits for what a supervisor brings about, and tells a failure in the script's own words.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from mlmagic.core.model import check_labels
from mlmagic.core.webservice import Desired, Revision, State, Webservice
from mlmagic.engine.access_verbs import AccessVerbs
from mlmagic.engine.bus import Bus
from mlmagic.engine.client import Caller, Client
from mlmagic.engine.reach import is_within_reach, within_reach
from mlmagic.engine.steps.base import BUILD
from mlmagic.errors import (
    Interrupted,
    LaunchFailed,
    NotFound,
    ScriptError,
    TargetUnavailable,
    WaitTimeout,
    WrongState,
)
from mlmagic.targets.base import ComputeTarget, SizesLogs
from mlmagic.workspace import services

DEPLOY_TIMEOUT_SECONDS = 600.0
DELETE_TIMEOUT_SECONDS = 60.0


def _ignore(_service: Webservice) -> None:
    """Watch nothing."""


class ServiceVerbs(AccessVerbs):
    """What can be done with services."""

    bus: Bus
    client: Client

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

    def label_service(self, name: str, **labels: Mapping[str, str]) -> Webservice:
        """Replace ``tags`` or ``properties`` of a service, which serves on as it is."""
        for field, given in labels.items():
            check_labels(field, given)
        with self.memory.writing() as tx:
            return services.label(
                tx, services.get(tx, name), **{key: dict(value) for key, value in labels.items()}
            )

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
            services.remove(tx, service, message)
        return True

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


def _reason(service: Webservice) -> str:
    return f"Last seen: {service.words}." if service.words else ""
