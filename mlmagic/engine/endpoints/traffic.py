"""The traffic of endpoints: the share of each version, the switch from one to another, guarded rollouts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from mlmagic.core import advice
from mlmagic.core import endpoint as core
from mlmagic.core.endpoint import Endpoint
from mlmagic.core.events import EventKind
from mlmagic.core.rollout import Rollout, RolloutState, ended, parse_guard
from mlmagic.core.webservice import State, Webservice
from mlmagic.engine.endpoints import routes
from mlmagic.engine.http.client import Client
from mlmagic.engine.services.callers import caller_of
from mlmagic.engine.services.ownership import owned_here
from mlmagic.engine.services.services import Services
from mlmagic.engine.services.supervision import Supervision
from mlmagic.engine.targets import Targets
from mlmagic.errors import Advice, InvalidConfig, LaunchFailed, TargetUnavailable, UsageError, WrongState
from mlmagic.workspace import services
from mlmagic.workspace.memory import Memory


class Traffic:
    """Changes the traffic of endpoints. A change holds within a moment, and drops no request."""

    def __init__(
        self,
        memory: Memory,
        targets: Targets,
        services: Services,
        supervision: Supervision,
        client: Client,
    ) -> None:
        self._memory, self._targets, self._services = memory, targets, services
        self._supervision, self._client = supervision, client

    def set(self, name: str, percents: Mapping[str, float]) -> Webservice:
        """Change the percentages of several versions at once; a version not named keeps its own."""
        return self.change(
            name,
            EventKind.TRAFFIC_CHANGED,
            lambda now: now.with_traffic(percents),
            "traffic: " + ", ".join(f"{version} {percent:g} %" for version, percent in percents.items()),
        )

    def switch(self, name: str, version_name: str) -> Webservice:
        """Give all requests to a version at once, which becomes the default one (blue-green).

        Raises `WrongState` unless its service is Healthy.
        """
        service = self._services.get(self.endpoint(name).version(version_name).service)
        if service.state is not State.HEALTHY:
            raise WrongState(
                service.name,
                service.state,
                "switch to",
                hint="Wait until it is Healthy. The traffic has not changed.",
            )

        def switched(now: Endpoint) -> Endpoint:
            shared = now.with_traffic(dict.fromkeys(now.names, 0.0))
            return shared.changed(version_name, traffic_percentile=100.0, is_default=True)

        return self.change(
            name, EventKind.TRAFFIC_CHANGED, switched, f"all requests go to {version_name} from now on"
        )

    def stick(self, name: str, sticky_by: str | None) -> Webservice:
        """Keep requests at one version by ``client``, ``body`` or ``header:NAME``; None: do not."""
        wanted = core.check_sticky_by(sticky_by)
        words = "requests are not kept at a version" if wanted is None else f"requests are kept by {wanted}"
        return self.change(name, EventKind.TRAFFIC_CHANGED, lambda now: replace(now, sticky_by=wanted), words)

    def overview(self, name: str) -> dict[str, Any]:
        """What the router knows of its versions now, as JSON values; with answers of shadows that differ."""
        service = self._services.get(name)
        with self._memory.reading() as tx:
            if service.url is None or service.serving is None:
                raise WrongState(name, service.state, "read", hint="It does not serve yet.")
            caller = caller_of(tx, service)
        found: dict[str, Any] = json.loads(self._client.read(name, f"{service.url}/versions", caller))
        return found

    # -- rollouts -------------------------------------------------------------------------------------

    def roll_out(self, name: str, version_name: str, *, step: float, every: float, guard: str) -> Webservice:
        """Begin a guarded rollout of a version; a supervisor carries it on. Returns the endpoint.

        ``step`` is in percent, ``every`` in seconds. The first step is taken at once. Raises `InvalidConfig`,
        `WrongState` unless the version is Healthy or a rollout is under way.
        """
        parse_guard(guard)
        if not 0 < step <= 100:
            raise InvalidConfig("--step", step, "must be above 0 and at most 100")
        if not every > 0:
            raise InvalidConfig("--every", every, "must be above 0")
        endpoint = self.endpoint(name)
        service = self._services.get(endpoint.version(version_name).service)
        if len(endpoint.versions) == 1:
            raise UsageError(f"{version_name!r} is the only version, and gets all requests already")
        if service.state is not State.HEALTHY:
            raise WrongState(service.name, service.state, "roll out", hint="Wait until it is Healthy.")
        if endpoint.shares[version_name] >= 100:
            raise UsageError(f"{version_name!r} gets all requests already")

        def begun(now: Endpoint) -> Endpoint:
            before = now.shares
            at = time.time()
            rollout = Rollout(version_name, step, every, guard, at, at, before)
            percent = min(100.0, before[version_name] + step)
            return replace(now.with_traffic(rollout.shares(percent)), rollout=rollout)

        first = min(100.0, endpoint.shares[version_name] + step)
        return self.change(
            name,
            EventKind.ROLLOUT_STARTED,
            begun,
            f"{version_name} gets {first:g} %, and {step:g} % more every {every:g} s while {guard}",
        )

    def newest_treatment(self, name: str) -> str:
        """The version that a rollout means without a name: the last one created that is not the default."""
        endpoint = self.endpoint(name)
        others = [each.name for each in endpoint.versions if not each.is_default]
        if not others:
            raise UsageError(f"{name!r} has one version only", hint="Add the one that is to be rolled out.")
        return others[-1]

    def stop_rollout(self, name: str, *, revert: bool = False) -> Webservice:
        """End a rollout; the traffic stays, or goes back to what it was before with ``revert``."""
        rollout = _under_way(name, self.endpoint(name))
        words = "stopped by request"

        def stopped(now: Endpoint) -> Endpoint:
            rollout = _under_way(name, now)
            before = {each: rollout.before.get(each, 0.0) for each in now.names}
            kept = now.with_traffic(before) if revert else now
            return replace(kept, rollout=ended(rollout, RolloutState.STOPPED, words))

        where = "the traffic is as before it" if revert else "the traffic stays as it is"
        return self.change(
            name,
            EventKind.ROLLOUT_STOPPED,
            stopped,
            f"the rollout of {rollout.version} was {words}: {where}",
            of_rollout=True,
        )

    def pause_rollout(self, name: str) -> Webservice:
        """Begin no more steps until `resume_rollout`. Where its condition fails, the traffic goes back."""

        def paused(now: Endpoint) -> Endpoint:
            rollout = _under_way(name, now)
            if rollout.is_paused:
                raise UsageError(f"the rollout of {name!r} is paused already")
            return replace(now, rollout=replace(rollout, state=RolloutState.PAUSED))

        words = f"the rollout of {_under_way(name, self.endpoint(name)).version} is paused"
        return self.change(name, EventKind.ROLLOUT_PAUSED, paused, words, of_rollout=True)

    def resume_rollout(self, name: str) -> Webservice:
        """Go on with a rollout that is paused; the step that it was in begins anew."""

        def resumed(now: Endpoint) -> Endpoint:
            rollout = _under_way(name, now)
            if not rollout.is_paused:
                raise UsageError(f"the rollout of {name!r} is not paused")
            return replace(now, rollout=rollout.resumed(time.time()))

        words = f"the rollout of {_under_way(name, self.endpoint(name)).version} goes on"
        return self.change(name, EventKind.ROLLOUT_RESUMED, resumed, words, of_rollout=True)

    def endpoint(self, name: str) -> Endpoint:
        """The versions and the traffic of an endpoint. Raises `NotFound`; `UsageError` for a service."""
        service = self._services.get(name)
        if service.endpoint is None:
            raise UsageError(
                f"{name!r} is a service, and no endpoint with versions",
                hint=Advice("Make it a version of one: {way}", way=advice.create_endpoint(name)),
            )
        return service.endpoint

    def change(
        self,
        name: str,
        kind: EventKind,
        change: Callable[[Endpoint], Endpoint],
        message: str,
        *,
        of_rollout: bool = False,
    ) -> Webservice:
        """Record a change of an endpoint, and write its routes; refused while a rollout has the traffic."""
        self.endpoint(name)
        with self._memory.writing() as tx:
            now = owned_here(services.get(tx, name), "change the traffic of")
            assert now.endpoint is not None
            if not of_rollout:
                check_changeable(now.endpoint)
            after = services.route(tx, now, change(now.endpoint), kind, message)
        routes.deliver(self._memory, after)
        with suppress(TargetUnavailable, LaunchFailed):  # its supervisor tries again
            routes.send(self._memory, self._targets, after)
        self._supervision.ensure()
        return after


def _under_way(name: str, endpoint: Endpoint) -> Rollout:
    """The rollout of an endpoint. Raises `UsageError` unless one is under way."""
    if endpoint.rollout_under_way is None:
        raise UsageError(f"no rollout of {name!r} is under way")
    return endpoint.rollout_under_way


def check_changeable(endpoint: Endpoint) -> None:
    """Raises `UsageError` while a rollout has the traffic."""
    if endpoint.rollout_under_way is not None:
        raise UsageError(
            f"{endpoint.rollout_under_way.version!r} is being rolled out, which decides about the traffic",
            hint="Wait for its end, or stop it first.",
        )
