"""The chart of a drift check: the PSI of features, and the distributions of those that differ most.

Predictions have a row of their own.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import islice
from typing import Any

from mlmagic.core.drift import DriftReport, FeatureDrift
from mlmagic.visible_text import visible
from mlmagic.widgets.charts import COLOURS, DPI, HEIGHT_INCHES, INK, PAPER, WIDTH_INCHES, quiet
from mlmagic.widgets.figures import rounded

_MOST_BARS, _LONGEST = 12, 18


def drift_png(report: DriftReport) -> bytes:
    """The charts as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups = _groups(report)
    rows = sum(count for _, _, count in groups) // 2
    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES * rows / 2), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.patch.set_facecolor(PAPER)
    axes = iter(figure.subplots(rows, 2).flat)
    for what, features, count in groups:
        _group([*islice(axes, count)], _by_size(features), what, report.rule.threshold)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def alt_text(report: DriftReport) -> str:
    """The alternative text of the charts: the main results."""
    text = f"Data drift of {report.service} from {report.baseline}."
    for what, features, _ in _groups(report):
        drifted = ", ".join(each.name for each in features if each.drifted)
        sizes = ", ".join(f"{each.name} {rounded(each.psi)}" for each in _by_size(features)[:_MOST_BARS])
        text += (
            f" Drifted {what}s: {drifted or 'none'}. "
            f"PSI by {what}, with a threshold of {report.rule.threshold:g}: {sizes or 'none was measured'}."
        )
    return text


def _groups(report: DriftReport) -> list[tuple[str, Sequence[FeatureDrift], int]]:
    """What is drawn apart, each with the number of its charts: the sizes, and distributions."""
    groups: list[tuple[str, Sequence[FeatureDrift], int]] = [
        ("feature", report.features, 4),
        ("prediction", report.predictions, 2),
    ]
    return [group for group in groups if group[1]] or groups[:1]


def _by_size(features: Sequence[FeatureDrift]) -> list[FeatureDrift]:
    """The features that were tested, those that have drifted first."""
    tested = [feature for feature in features if feature.test]
    return sorted(tested, key=lambda feature: (feature.drifted, feature.psi), reverse=True)


def _group(axes: Sequence[Any], by_size: Sequence[FeatureDrift], what: str, threshold: float) -> None:
    """The sizes, and as many distributions as there are axes."""
    first, *others = axes
    _sizes(first, by_size[:_MOST_BARS], what, threshold)
    quiet(first)
    for each, feature in zip(others, by_size, strict=False):
        _distribution(each, feature)
        quiet(each)
    for each in others[len(by_size) :]:
        each.set_axis_off()


def _sizes(axes: Any, features: Sequence[FeatureDrift], what: str, threshold: float) -> None:
    axes.set_title(f"PSI by {what} (hatched: drift)")
    shown = features[::-1]  # the first is on top
    axes.barh(
        range(len(shown)),
        [feature.psi for feature in shown],
        color=[COLOURS[1] if feature.drifted else COLOURS[5] for feature in shown],
        hatch=["//" if feature.drifted else "" for feature in shown],
        edgecolor=INK,
    )
    axes.set_yticks(range(len(shown)), [_short(feature.name) for feature in shown])
    axes.axvline(threshold, color=INK, linestyle="--", linewidth=1)
    axes.set_xlabel(f"PSI (dashed: threshold {threshold:g})")


def _distribution(axes: Any, feature: FeatureDrift) -> None:
    axes.set_title(f"{_short(feature.name)}{': drift' if feature.drifted else ''}")
    count = min(len(feature.labels), _MOST_BARS)
    for shares, offset, colour, name in (
        (feature.shares_before, -0.2, COLOURS[0], "baseline"),
        (feature.shares, 0.2, COLOURS[1], "collected"),
    ):
        axes.bar(
            [place + offset for place in range(count)],
            [100 * share for share in shares[:count]],
            width=0.4,
            color=colour,
            hatch="" if name == "baseline" else "//",
            edgecolor=PAPER,
            label=name,
        )
    labels = [_short(label) for label in feature.labels[:count]]
    axes.set_xticks(range(count), labels, rotation=35, horizontalalignment="right")
    axes.set_ylabel("% of rows")
    axes.legend(fontsize=8, frameon=False, labelcolor=INK)


def _short(text: str) -> str:
    """Without TeX, which matplotlib reads between dollars, and not longer than there is room."""
    plain = visible(text).replace("$", r"\$")
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
