"""Guarded rollouts: carries out what `mlmagic.core.rollout.next_move` decides."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from mlmagic.core.endpoint import Endpoint
from mlmagic.core.events import EventKind
from mlmagic.core.rollout import Decision, Move, RolloutState, ended, next_move
from mlmagic.core.webservice import Desired, State, Webservice
from mlmagic.engine.endpoints import routes
from mlmagic.engine.endpoints.meter import VersionMeter
from mlmagic.errors import NotFound
from mlmagic.workspace import services
from mlmagic.workspace.memory import Memory

if TYPE_CHECKING:
    from sqlalchemy import Connection

_KINDS = {
    Move.STEP: EventKind.ROLLOUT_STEPPED,
    Move.FINISH: EventKind.ROLLOUT_FINISHED,
    Move.REVERT: EventKind.ROLLOUT_REVERTED,
}


def advance(memory: Memory, service: Webservice, meter: VersionMeter) -> None:
    """Take the next move of an endpoint's rollout, if one is under way and a move is due."""
    with memory.reading() as tx:
        endpoint = services.get(tx, service.name).endpoint
        if endpoint is None or (rollout := endpoint.rollout_under_way) is None:
            return
        refusal = _refusal(tx, endpoint)
    meter.begin_step(rollout.step_began)
    decision = next_move(
        rollout,
        endpoint.shares[rollout.version],
        time.time(),
        meter.window(rollout.version),
        meter.window(_compared_with(endpoint)),
        is_available=not refusal,
        refusal=refusal,
    )
    if decision.move is Move.WAIT and decision.reason == rollout.reason:
        return
    with memory.writing() as tx:
        now = services.get(tx, service.name)
        if now.endpoint is None or now.endpoint.rollout != rollout:
            return  # somebody has changed it meanwhile
        after = moved(now.endpoint, decision, time.time())
        if decision.move is Move.WAIT:
            services.note_endpoint(tx, now, after)
        else:
            services.route(tx, now, after, _KINDS[decision.move], message_of(rollout.version, decision))
    routes.deliver(memory, service)


def moved(endpoint: Endpoint, decision: Decision, now: float) -> Endpoint:
    """The endpoint after a move of its rollout."""
    rollout = endpoint.rollout
    assert rollout is not None
    match decision.move:
        case Move.WAIT:
            return replace(endpoint, rollout=replace(rollout, reason=decision.reason))
        case Move.STEP:
            shared = endpoint.with_traffic(rollout.shares(decision.percent))
            return replace(shared, rollout=replace(rollout, step_began=now, reason=decision.reason))
        case Move.FINISH:
            done = endpoint.changed(rollout.version, is_default=True)
            return replace(done, rollout=ended(rollout, RolloutState.DONE, decision.reason))
    back = endpoint.with_traffic({name: rollout.before.get(name, 0.0) for name in endpoint.names})
    return replace(back, rollout=ended(rollout, RolloutState.REVERTED, decision.reason))


def message_of(version: str, decision: Decision) -> str:
    """The sentence of the event."""
    match decision.move:
        case Move.STEP:
            return f"{version} gets {decision.percent:g} %: {decision.reason}"
        case Move.FINISH:
            return f"{version} gets all requests, and is the default version: {decision.reason}"
    return f"{version} is back at {decision.percent:g} %: {decision.reason}"


def _compared_with(endpoint: Endpoint) -> str:
    """The version that the one of the rollout is compared with."""
    assert endpoint.rollout is not None
    if endpoint.control.name != endpoint.rollout.version:
        return endpoint.control.name
    return endpoint.default.name


def _refusal(tx: Connection, endpoint: Endpoint) -> str:
    """Why the version's service does not serve; empty if it does."""
    assert endpoint.rollout is not None
    name = endpoint.version(endpoint.rollout.version).service
    try:
        service = services.get(tx, name)
    except NotFound:
        return f"its service {name!r} was deleted"
    if service.desired is not Desired.RUNNING:
        return f"its service {name!r} was stopped"
    if service.state in (State.FAILED, State.UNHEALTHY):
        return f"its service {name!r} is {service.state}"
    return ""
