"""The versions of an endpoint, for people: a table, and the rows of the live card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlmagic.core import advice
from mlmagic.core.endpoint import Endpoint, EndpointVersion, VersionFigures
from mlmagic.core.version_comparison import comparison
from mlmagic.core.webservice import Webservice
from mlmagic.errors import Advice
from mlmagic.sdk.webservice import Webservice as WebserviceHandle
from mlmagic.widgets import figures, html
from mlmagic.widgets.cards import Listing

_ENDPOINTS = ("Name", "State", "Address", "Versions", "Traffic")
HEADINGS = ("Version", "Share", "Marks", "Service", "Traffic", "p50/p99", "Errors", "As a shadow")


def versions_listing(service: Webservice) -> Listing:
    """Share, marks and figures of each version; as a list, the versions."""
    endpoint = service.endpoint
    assert endpoint is not None
    rows = [
        [
            each.name,
            f"{endpoint.shares[each.name]:.6g} %",
            ", ".join(marks(each)),
            each.service,
            *_figures(service.version_figures.get(each.name, VersionFigures())),
            shadow_words(each, service.version_figures.get(each.name)),
        ]
        for each in endpoint.versions
    ]
    words = [f"The versions of {service.name}.", comparison(service), rollout_words(endpoint)]
    return Listing(endpoint.versions, HEADINGS, rows, " ".join(filter(None, words)))


def endpoints_listing(
    endpoints: Sequence[Webservice], handle: Callable[[Webservice], WebserviceHandle]
) -> Listing:
    """Name, state, address and shares of each endpoint; as a list, their handles."""
    rows = [
        [
            each.name,
            str(each.state),
            each.scoring_uri or figures.NOT_KNOWN,
            ", ".join(f"{name} {percent:.6g} %" for name, percent in each.endpoint.shares.items()),
            figures.per_second(each.stats),
        ]
        for each in endpoints
        if each.endpoint is not None
    ]
    count = html.count(len(rows), "endpoint")
    none = Advice("No endpoints. Create one with: {first}", first=advice.FIRST["endpoint"])
    caption = count if rows else none
    return Listing([handle(each) for each in endpoints], _ENDPOINTS, rows, caption)


def marks(version: EndpointVersion) -> list[str]:
    """What a version is: the default one, the control or a treatment."""
    return [*(["default"] if version.is_default else []), str(version.version_type).lower()]


def shadow_words(version: EndpointVersion, found: VersionFigures | None) -> str:
    """What came of the copies that a version got; empty if it gets none."""
    shadow: Mapping[str, Any] = found.shadow if found else {}
    if not version.shadow_percentile and not shadow:
        return ""
    parts = [f"{version.shadow_percentile:g} %"]
    for name in ("same", "different", "failed"):
        if shadow.get(name):
            parts.append(f"{shadow[name]} {name}")
    return ", ".join(parts)


def rollout_words(endpoint: Endpoint) -> str:
    """How far the rollout is, or how the last one ended; empty without one."""
    rollout = endpoint.rollout
    if rollout is None:
        return ""
    state = {
        "running": f"{rollout.version} is being rolled out",
        "paused": f"The rollout of {rollout.version} is paused",
        "done": f"The rollout of {rollout.version} is complete",
        "reverted": f"The rollout of {rollout.version} went back",
        "stopped": f"The rollout of {rollout.version} was stopped",
    }[str(rollout.state)]
    return f"{state}: {rollout.reason}." if rollout.reason else f"{state}."


def version_row(endpoint: Endpoint, version: EndpointVersion, found: VersionFigures | None) -> dict[str, Any]:
    """A version as the component ``endpoint_traffic.js`` draws it."""
    rate, latency, errors = _figures(found or VersionFigures())
    return {
        "name": version.name,
        "percent": version.traffic_percentile,
        "share": endpoint.shares[version.name],
        "role": str(version.version_type).lower(),
        "isDefault": version.is_default,
        "rate": [rate, found.requests_per_second if found else None],
        "latency": [latency, found.p50_ms if found else None],
        "errors": [errors, found.error_rate if found else None],
        "shadow": shadow_words(version, found),
    }


def _figures(found: VersionFigures) -> list[str]:
    if not found.requests:
        return [figures.NOT_KNOWN] * 3
    stats = {
        "requests_per_second": found.requests_per_second,
        "requests": float(found.requests),
        "p50_ms": found.p50_ms or 0.0,
        "p99_ms": found.p99_ms or 0.0,
    }
    failed = f"{found.errors} ({100 * (found.error_rate or 0):.3g} %)" if found.errors else "0"
    return [figures.per_second(stats), figures.latency(stats), failed]
