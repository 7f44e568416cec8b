"""The chart of a drift check: the PSI of the features, and the distributions of those that differ most."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from mlmagic.core.drift import DriftReport, FeatureDrift
from mlmagic.visible_text import visible
from mlmagic.widgets.charts import COLOURS, DPI, HEIGHT_INCHES, INK, PAPER, WIDTH_INCHES, quiet
from mlmagic.widgets.figures import rounded

_MOST_BARS, _DISTRIBUTIONS, _LONGEST = 12, 3, 18


def drift_png(report: DriftReport) -> bytes:
    """The charts as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.patch.set_facecolor(PAPER)
    by_size = _by_size(report)
    first, *others = figure.subplots(2, 2).flat
    _sizes(first, by_size[:_MOST_BARS], report.rule.threshold)
    quiet(first)
    for axes, feature in zip(others, by_size[:_DISTRIBUTIONS], strict=False):
        _distribution(axes, feature)
        quiet(axes)
    for axes in others[len(by_size) :]:
        axes.set_axis_off()
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def alt_text(report: DriftReport) -> str:
    """The alternative text of the charts: the main results."""
    sizes = ", ".join(f"{feature.name} {rounded(feature.psi)}" for feature in _by_size(report)[:_MOST_BARS])
    drifted = ", ".join(report.drifted_features) or "none"
    return (
        f"Data drift of {report.service} from {report.baseline}. Drifted features: {drifted}. "
        f"PSI by feature, with a threshold of {report.rule.threshold:g}: {sizes or 'none was measured'}."
    )


def _by_size(report: DriftReport) -> list[FeatureDrift]:
    """The features that were tested, those that have drifted first."""
    tested = [feature for feature in report.features if feature.test]
    return sorted(tested, key=lambda feature: (feature.drifted, feature.psi), reverse=True)


def _sizes(axes: Any, features: Sequence[FeatureDrift], threshold: float) -> None:
    axes.set_title("PSI by feature (hatched: drift)")
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
