"""A container, as the engine describes it, as an `Observation` or `Usage`: pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mlmagic.core.usage import Usage
from mlmagic.core.webservice import Observation, Phase
from mlmagic.targets import exits
from mlmagic.targets.images.dockerfile import PORT


def port_of(proxy: Mapping[str, Any] | None) -> int | None:
    """The port of the host that a proxy container publishes; None if it does not run."""
    if proxy is None or not proxy["State"]["Running"]:
        return None
    published = (proxy["NetworkSettings"].get("Ports") or {}).get(f"{PORT}/tcp") or []
    return int(published[0]["HostPort"]) if published else None


def record_of(report: bytes | None) -> Mapping[str, Any]:
    """The server's report as a record; empty if there is none."""
    try:
        found = json.loads(report or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def runs(container: Mapping[str, Any]) -> bool:
    """Whether it runs, and is not just being restarted."""
    state = container["State"]
    return bool(state["Running"]) and not state.get("Restarting")


def has_ended(container: Mapping[str, Any]) -> bool:
    """Whether it has run, and does not any more."""
    return not runs(container) and container["State"]["Status"] != "created"


def running(
    replicas: Mapping[int, Mapping[str, Any]],
    serving: Sequence[int],
    *,
    url: str | None,
    was_up: bool,
    idle: bool = False,
) -> Observation:
    """The replicas of a service, of which at least one runs, and those whose numbers are ``serving`` answer.

    ``url`` is None if the port is gone; ``was_up``: all have answered before.
    """
    name = _name(next(iter(replicas.values())))
    if url is None:
        return Observation(Phase.EXITED, words=f"the port of container {name} is gone")
    missing = len(replicas) - len(serving)
    words = f"{len(serving)} of {len(replicas)} replicas are ready"
    if idle:
        return Observation(Phase.RUNNING, url=url, words="idle: the next request starts it", idle=True)
    if missing and not was_up:
        return Observation(Phase.STARTING, words="running init()" if len(replicas) == 1 else words)
    if len(replicas) == 1:
        words = f"container {name}"
    elif not missing:
        words = f"{len(replicas)} replicas"
    return Observation(Phase.RUNNING, url=url, ready=len(serving), words=words)


def ended(container: Mapping[str, Any], report: Mapping[str, Any]) -> Observation:
    """A container that has ended, with the reason."""
    if out_of_memory(container):
        words = exits.out_of_memory(int(container["HostConfig"].get("Memory") or 0))
        error = {"message": words, "hint": exits.MEMORY_HINT}
        return Observation(Phase.EXITED, words=words, error=error)
    if failure := report.get("error"):
        return Observation(Phase.EXITED, words=str(failure.get("message", "")), error=failure)
    state = container["State"]
    if state.get("Error"):
        return Observation(Phase.EXITED, words=str(state["Error"]))
    return Observation(Phase.EXITED, words=exits.ended_with(int(state.get("ExitCode") or 0)))


def usage(stats: Mapping[str, Any]) -> Usage:
    """What the engine measured with cgroups, version 1 or 2; an empty `Usage` without ``stats``."""
    cpu, memory = stats.get("cpu_stats") or {}, stats.get("memory_stats") or {}
    details = memory.get("stats") or {}
    now = int(details.get("total_rss") or details.get("anon") or memory.get("usage") or 0)
    return Usage(
        int((cpu.get("cpu_usage") or {}).get("total_usage") or 0) / 1e9,
        now,
        int(memory.get("max_usage") or now),
        int((cpu.get("throttling_data") or {}).get("throttled_time") or 0) / 1e9,
    )


def usage_of_all(stats: Sequence[Mapping[str, Any]]) -> Usage:
    """The sum of what several containers use."""
    found = [usage(each) for each in stats]
    return Usage(
        sum(each.cpu_seconds for each in found),
        sum(each.memory_bytes for each in found),
        sum(each.peak_bytes for each in found),
        sum(each.throttled_seconds for each in found),
    )


def out_of_memory(container: Mapping[str, Any]) -> bool:
    return bool(container["State"].get("OOMKilled"))


def _name(container: Mapping[str, Any]) -> str:
    return str(container["Name"]).lstrip("/")
