"""The metrics of a service as text, for cards and tables.

``stats`` are those of `mlmagic.core.webservice.Webservice`; an unknown metric is a dash.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from mlmagic.widgets import html

NOT_KNOWN = "–"
_DIGITS = 3


def rounded(value: float) -> str:
    """Three significant digits, with commas and without an exponent: ``24,300``, ``0.052``."""
    if not math.isfinite(value):
        return NOT_KNOWN
    if value == 0:
        return "0"
    after = _DIGITS - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, after):,.{max(0, after)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def latency(stats: Mapping[str, float]) -> str:
    """Median and 99th percentile latency of the latest requests, for a table column."""
    if not stats.get("requests") or "p50_ms" not in stats or "p99_ms" not in stats:
        return NOT_KNOWN
    return f"{rounded(stats['p50_ms'])} / {rounded(stats['p99_ms'])} ms"


def per_second(stats: Mapping[str, float]) -> str:
    """Requests per second since the previous reading."""
    return f"{rounded(stats['requests_per_second'])}/s" if "requests_per_second" in stats else NOT_KNOWN


def errors(stats: Mapping[str, float]) -> str:
    """Failed requests since the service started."""
    return f"{stats['errors']:.0f}" if "errors" in stats else NOT_KNOWN


def cpu(stats: Mapping[str, float]) -> str:
    """Cores in use."""
    return f"{stats['cpu_cores']:.2f} cores" if "cpu_cores" in stats else NOT_KNOWN


def memory(stats: Mapping[str, float]) -> str:
    """Memory in use."""
    return html.size_text(round(stats["memory_bytes"])) if "memory_bytes" in stats else NOT_KNOWN


def replicas(stats: Mapping[str, float], wanted: int | None = None) -> str:
    """How many replicas answer, of those that are ``wanted`` (None: not known)."""
    if "replicas" not in stats:
        return NOT_KNOWN
    ready = round(stats["replicas"])
    if not ready:
        return "0, until the next request"
    return f"{ready} of {wanted}" if wanted is not None and wanted != ready else str(ready)


def pairs(stats: Mapping[str, float], wanted: int | None = None) -> list[tuple[str, str]]:
    """All known metrics, each with its name, for a card; ``wanted`` is as for `replicas`."""
    rows = [("Requests", f"{stats['requests']:,.0f}" if stats.get("requests") else NOT_KNOWN)]
    rows.append(("Errors", f"{stats['errors']:,.0f}" if stats.get("errors") else NOT_KNOWN))
    rows.append(("Rate", per_second(stats)))
    rows.append(("p50 / p99", latency(stats)))
    rows += [("CPU", cpu(stats)), ("Memory", memory(stats))]
    rows.append(("Replicas", replicas(stats, wanted)))
    return [(name, text) for name, text in rows if text != NOT_KNOWN]
