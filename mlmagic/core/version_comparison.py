"""Whether versions of an endpoint differ by more than chance: in how often they fail, and how long they take.

Failures: a test of two proportions. Latencies: Mann and Whitney's test, on the histograms of both. A
difference counts if chance alone would show as large a one in fewer than one of a hundred comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlmagic.core.endpoint import Endpoint, VersionFigures
from mlmagic.core.webservice import Webservice

FEWEST = 30
"""Of fewer requests to either version nothing is concluded."""
CHANCE = 0.01


def comparison(service: Webservice) -> str:
    """What is said of the versions of an endpoint; empty without a second version."""
    endpoint = service.endpoint
    if endpoint is None or len(endpoint.versions) < 2:
        return ""
    control = endpoint.control.name
    sentences = _differences(endpoint, service, control)
    if sentences is None:
        return f"Too few requests yet to compare the versions: at least {FEWEST} to each."
    return " ".join(sentences) or f"No version differs from {control} by more than chance."


def _differences(endpoint: Endpoint, service: Webservice, control: str) -> list[str] | None:
    """A sentence for each difference from the control; None if no version can be compared."""
    base = service.version_figures.get(control, VersionFigures())
    others = [
        (each.name, service.version_figures.get(each.name, VersionFigures()))
        for each in endpoint.versions
        if each.name != control
    ]
    comparable = [(name, each) for name, each in others if min(each.requests, base.requests) >= FEWEST]
    if not comparable:
        return None
    level = CHANCE / len(comparable)  # of many comparisons, one is likely to be an accident
    found = []
    for name, each in comparable:
        if chance_of_errors(each, base) < level:
            verb = "more" if (each.error_rate or 0) > (base.error_rate or 0) else "less"
            found.append(
                f"{name} fails {verb} often than {control}: "
                f"{_percent(each.error_rate)} of its requests against {_percent(base.error_rate)}."
            )
        if chance_of_latencies(each.latencies, base.latencies) < level:
            verb = "slower" if (each.p50_ms or 0) > (base.p50_ms or 0) else "faster"
            found.append(
                f"{name} is {verb} than {control}: p50 {each.p50_ms:.3g} ms against {base.p50_ms:.3g} ms."
            )
    return found


def chance_of_errors(one: VersionFigures, other: VersionFigures) -> float:
    """How likely chance alone makes the error rates differ as much."""
    if not (one.requests and other.requests):
        return 1.0
    pooled = (one.errors + other.errors) / (one.requests + other.requests)
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / one.requests + 1 / other.requests))
    if deviation == 0:
        return 1.0
    return _two_sided((one.errors / one.requests - other.errors / other.requests) / deviation)


Buckets = Sequence[tuple[float, float | None, float]]


def chance_of_latencies(one: Buckets, other: Buckets) -> float:
    """How likely chance alone makes the latencies differ as much."""
    first = {low: count for low, _, count in one}
    second = {low: count for low, _, count in other}
    n, m = sum(first.values()), sum(second.values())
    if not (n and m):
        return 1.0
    total, below, ties, ranks = n + m, 0.0, 0.0, 0.0
    for low in sorted({*first, *second}):
        count = first.get(low, 0.0) + second.get(low, 0.0)
        ranks += first.get(low, 0.0) * (below + (count + 1) / 2)
        ties += count**3 - count
        below += count
    statistic = ranks - n * (n + 1) / 2
    variance = n * m / 12 * ((total + 1) - ties / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    return _two_sided((statistic - n * m / 2) / math.sqrt(variance))


def _two_sided(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2))


def _percent(rate: float | None) -> str:
    return f"{100 * (rate or 0):.3g} %"
