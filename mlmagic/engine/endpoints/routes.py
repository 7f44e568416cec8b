"""Writes the routes file of an endpoint: where its versions are, and what share of the requests each gets."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.endpoint import Endpoint, EndpointVersion
from mlmagic.core.webservice import Desired, Webservice
from mlmagic.engine import staging
from mlmagic.engine.services.callers import caller_of
from mlmagic.engine.targets import Targets
from mlmagic.errors import LaunchFailed, NotFound, TargetUnavailable
from mlmagic.scoring.router.routes import LOOK_S
from mlmagic.workspace import services
from mlmagic.workspace.atomic_writes import OWNER_ONLY, write_atomically
from mlmagic.workspace.memory import Memory

if TYPE_CHECKING:
    from sqlalchemy import Connection

SPARE_SECONDS = 5.0
"""How much longer the router waits than a version's own limits allow."""


def deliver(memory: Memory, service: Webservice) -> None:
    """Write the routes of an endpoint into the folders of its revisions, where they are not the same already.

    When this returns, they hold for every new request.
    """
    with memory.reading() as tx:
        if not _to_write(memory, tx, service):
            return
    # Under the write lock: of two writers, the second has the newer routes.
    with memory.writing_quietly() as tx:
        _deliver(memory, tx, service)


def deliver_to_endpoints_of(memory: Memory, tx: Connection, service: str) -> None:
    """The same for the endpoints of which ``service`` is a version, which is elsewhere now.

    It is called in the transaction that says so: who sees the version there finds that requests reach it.
    """
    for endpoint in services.endpoints_over(tx, service):
        _deliver(memory, tx, endpoint)


def send(memory: Memory, targets: Targets, service: Webservice, before: str = "") -> str:
    """Copy the routes of an endpoint to a router that cannot read this disk, unless it has them ``before``.

    Returns what it has now; empty where the router reads the file itself. Raises `TargetUnavailable` and
    `LaunchFailed`.
    """
    target = targets.of(service)
    if target is None or service.serving is None or service.handle is None:
        return ""
    file = staging.run_folder(memory, service, service.serving) / staging.ROUTES_FILE
    if not target.capabilities.delivers_routes:
        return ""
    handle = target.unpack(service.handle)
    sent = before
    # Again until nothing is new: of two senders, the one that began first must not have the last word.
    while file.is_file():
        # The same versions may be at other addresses by now, so the router's own routes are compared.
        now = f"{service.serving} {target.routes_at(handle, file.read_text(encoding='utf-8'))}"
        if now == sent:
            break
        target.deliver_routes(handle, str(file))
        sent = now
    return sent


def send_to_endpoints_of(memory: Memory, targets: Targets, service: str) -> None:
    """The same for the endpoints of which ``service`` is a version; what fails, their supervisors try again.

    So they need not wait for the next step of these supervisors.
    """
    with memory.reading() as tx:
        endpoints = services.endpoints_over(tx, service)
    for endpoint in endpoints:
        with suppress(TargetUnavailable, LaunchFailed):
            send(memory, targets, endpoint)


def _deliver(memory: Memory, tx: Connection, service: Webservice) -> None:
    changed = _to_write(memory, tx, service)
    for file, text in changed.items():
        write_atomically(file, text, mode=OWNER_ONLY)
    if changed:
        time.sleep(LOOK_S)


def _to_write(memory: Memory, tx: Connection, service: Webservice) -> dict[Path, str]:
    """The routes files of an endpoint that have other routes than they should, with these."""
    now = services.get(tx, service.name)
    if now.endpoint is None:
        return {}
    text = json.dumps(routes_of(tx, now))
    folders = [staging.run_folder(memory, now, number) for number in services.revision_numbers(tx, now.id)]
    files = [folder / staging.ROUTES_FILE for folder in folders if folder.is_dir()]
    return {file: text for file in files if not file.is_file() or file.read_text(encoding="utf-8") != text}


def routes_of(tx: Connection, service: Webservice) -> dict[str, Any]:
    """The routes of an endpoint, as `mlmagic.scoring.router.routes` reads them."""
    endpoint = service.endpoint
    assert endpoint is not None
    return {
        "default": endpoint.default.name,
        "sticky_by": endpoint.sticky_by,
        # Only targets read this and "service", where something else than the router can send requests.
        "has_rollout": endpoint.rollout_under_way is not None,
        "versions": [_route(tx, endpoint, version) for version in endpoint.versions],
    }


def _route(tx: Connection, endpoint: Endpoint, version: EndpointVersion) -> dict[str, Any]:
    route: dict[str, Any] = {
        "name": version.name,
        "url": None,
        "percent": endpoint.shares[version.name],
        "shadow_percent": version.shadow_percentile,
    }
    try:
        service = services.get(tx, version.service)
    except NotFound:
        return route
    if service.serving is None or service.url is None or service.desired is not Desired.RUNNING:
        return route
    config = services.get_revision(tx, service.id, service.serving).config
    return {
        **route,
        "url": service.url,
        # With allowed hosts, it answers to other names than its callers use elsewhere.
        "service": None if config.allowed_hosts else service.name,
        "credential": caller_of(tx, service).credential,
        "timeout_s": _timeout(config),
    }


def _timeout(config: DeploymentConfig) -> float:
    """How long a request to a version may take, by its own limits."""
    waking = config.init_timeout_seconds if config.idle_timeout_seconds else 0
    return (config.scoring_timeout_ms + config.max_request_wait_time) / 1000 + waking + SPARE_SECONDS
