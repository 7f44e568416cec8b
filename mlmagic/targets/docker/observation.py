"""A container, as the engine describes it, as an `Observation` or `Usage`: pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping
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


def running(container: Mapping[str, Any], *, serves: bool, url: str | None) -> Observation:
    """A running container. ``url`` is None if its port is gone."""
    name = _name(container)
    if url is None:
        return Observation(Phase.EXITED, words=f"the port of container {name} is gone")
    if serves:
        return Observation(Phase.RUNNING, url=url, ready=1, words=f"container {name}")
    return Observation(Phase.STARTING, words="running init()")


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


def out_of_memory(container: Mapping[str, Any]) -> bool:
    return bool(container["State"].get("OOMKilled"))


def _name(container: Mapping[str, Any]) -> str:
    return str(container["Name"]).lstrip("/")
