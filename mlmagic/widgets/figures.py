"""The metrics of a service as text and as a sparkline, for cards and tables.

``stats`` are those of `mlmagic.core.webservice.Webservice`; an unknown metric is a dash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlmagic.widgets import html

NOT_KNOWN = "–"


def traffic(stats: Mapping[str, float]) -> str:
    """Requests, failures and latencies, in words."""
    if not stats.get("requests"):
        return "no requests yet"
    text = html.count(round(stats["requests"]), "request")
    if stats.get("errors"):
        text += f", {stats['errors']:.0f} failed"
    if "p50_ms" in stats and "p99_ms" in stats:
        text += f", p50 {stats['p50_ms']:.3g} ms, p99 {stats['p99_ms']:.3g} ms"
    return text


def latency(stats: Mapping[str, float]) -> str:
    """Median and 99th percentile latency of the latest requests, for a table column."""
    if not stats.get("requests") or "p50_ms" not in stats or "p99_ms" not in stats:
        return NOT_KNOWN
    return f"{stats['p50_ms']:.3g} / {stats['p99_ms']:.3g} ms"


def per_second(stats: Mapping[str, float]) -> str:
    """Requests per second since the previous reading."""
    return f"{stats['requests_per_second']:.3g}/s" if "requests_per_second" in stats else NOT_KNOWN


def errors(stats: Mapping[str, float]) -> str:
    """Failed requests since the service started."""
    return f"{stats['errors']:.0f}" if "errors" in stats else NOT_KNOWN


def cpu(stats: Mapping[str, float]) -> str:
    """Cores in use."""
    return f"{stats['cpu_cores']:.2f} cores" if "cpu_cores" in stats else NOT_KNOWN


def memory(stats: Mapping[str, float]) -> str:
    """Memory in use."""
    return html.size_text(round(stats["memory_bytes"])) if "memory_bytes" in stats else NOT_KNOWN


def in_words(stats: Mapping[str, float]) -> str:
    """All known metrics in one line."""
    parts = [traffic(stats), per_second(stats)]
    parts += [f"CPU {cpu(stats)}", f"memory {memory(stats)}"]
    if "replicas" in stats:
        parts.append(html.count(round(stats["replicas"]), "replica"))
    return " · ".join(part for part in parts if not part.endswith(NOT_KNOWN))


def sparkline(latencies: Sequence[tuple[float, float]], width: int = 160, height: int = 24) -> str:
    """Pairs of p50 and p99 (milliseconds) as a small SVG; empty for fewer than two.

    p50 is the filled line, p99 the dashed one.
    """
    if len(latencies) < 2:
        return ""
    top = max(max(pair) for pair in latencies) or 1.0
    step = width / (len(latencies) - 1)
    p50, p99 = (
        " ".join(
            f"{i * step:.1f},{height - 2 - (height - 4) * pair[which] / top:.1f}"
            for i, pair in enumerate(latencies)
        )
        for which in (0, 1)
    )
    now = latencies[-1]
    label = (
        f"latency, last {len(latencies)} readings: p50 now {now[0]:.3g} ms, p99 now {now[1]:.3g} ms, "
        f"highest {top:.3g} ms"
    )
    colour = "var(--jp-info-color0,#0072b2)"
    return (
        f'<svg role="img" aria-label="{label}" width="{width}" height="{height}" '
        f'style="vertical-align:middle;stroke:{colour};fill:{colour}">'
        f'<polygon points="0,{height} {p50} {width},{height}" stroke="none" fill-opacity="0.2"/>'
        f'<polyline points="{p50}" fill="none" stroke-width="1.5"/>'
        f'<polyline points="{p99}" fill="none" stroke-width="1" stroke-dasharray="3 2"/></svg>'
    )
