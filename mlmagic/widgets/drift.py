"""Cards of drift checks: one report with its table and chart, and a table of reports."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from mlmagic.core.advice import FIRST
from mlmagic.core.drift import INPUTS, PREDICTIONS, DriftReport, FeatureDrift
from mlmagic.core.schedule import Schedule
from mlmagic.errors import Advice
from mlmagic.widgets import charts, drift_charts, html
from mlmagic.widgets.cards import Card, Listing
from mlmagic.widgets.figures import NOT_KNOWN, rounded
from mlmagic.widgets.html import escape

_HEADINGS = ("Kind", "Test", "Statistic", "p (Holm)", "PSI", "Distance", "Missing", "Drift")
_SMALLEST_P = 0.0001


def drift_card(report: DriftReport) -> Card:
    """The result, tables with a row for each input and each prediction, and the chart."""
    head, notes = headline(report), _notes(report)
    tables, plain = "", []
    for caption, heading, features in (
        ("Inputs" if report.predictions else "", "Feature", report.features),
        ("Predictions", "Prediction", report.predictions),
    ):
        if features:
            headings, rows = (heading, *_HEADINGS), [_row(feature) for feature in features]
            tables += html.table(headings, [[escape(cell) for cell in row] for row in rows], caption)
            plain.append(html.plain_table(headings, rows))
    name = f"{report.service}, drift check {report.version}"
    markup = (
        f'<div style="{html.FONT};max-width:900px"><div role="status"><strong>{escape(name)}</strong> '
        f"{escape(head)}</div>"
        + "".join(f"<div>{escape(note)}</div>" for note in notes)
        + tables
        + _picture(report)
        + "</div>"
    )
    return Card(markup, "\n".join([f"{name}: {head}", *notes, *plain]))


def headline(report: DriftReport) -> str:
    """The result in a line."""
    if not report.drifted:
        return f"● No drift from {report.baseline}"
    groups = report.drifted_groups
    parts = []
    if report.drifted_features:
        parts.append(f"in {html.count(len(report.drifted_features), 'feature')}: {groups[INPUTS]}")
    elif INPUTS in groups:
        parts.append(f"in {groups[INPUTS]}, in no single feature")
    if PREDICTIONS in groups:
        parts.append(f"in the predictions: {groups[PREDICTIONS]}")
    return f"▲ Drift from {report.baseline} {'; '.join(parts)}"


def card_line(report: DriftReport | None, schedule: Schedule | None) -> str:
    """The drift of a service in its card: the result and the time of the last check; empty without checks."""
    parts = []
    if report is not None:
        groups = report.drifted_groups
        if PREDICTIONS in groups:
            groups[PREDICTIONS] = f"the predictions ({groups[PREDICTIONS]})"
        when = datetime.fromtimestamp(report.created_time, UTC)
        found = f"drift in {' and '.join(groups.values())}" if report.drifted else "none"
        parts.append(f"{found}, checked {when:%Y-%m-%d %H:%M} UTC")
    if schedule is not None:
        parts.append(f"checked every {schedule.drift_check['every']}")
        if schedule.error:
            parts.append(f"the last check failed: {schedule.error}")
    return "; ".join(parts)


def reports_listing(reports: Sequence[DriftReport], items: Sequence[Any]) -> Listing:
    """A row for each report; ``items`` are what the list has."""
    headings = (
        *("Service", "Check", "Drift", "Features", "Predictions"),
        *("Classifier AUC", "Baseline", "Rows", "Checked"),
    )
    rows = [
        [
            report.service,
            str(report.version),
            "yes" if report.drifted else "no",
            ", ".join(report.drifted_features) or NOT_KNOWN,
            ", ".join(report.drifted_predictions) or NOT_KNOWN,
            rounded(report.classifier.auc) if report.features else NOT_KNOWN,
            report.baseline,
            f"{report.rows:,}",
            html.ago(report.created_time),
        ]
        for report in reports
    ]
    none = Advice("No drift checks. Run one with: {first}", first=FIRST["drift check"])
    return Listing(items, headings, rows, html.count(len(rows), "drift check") if rows else none)


def _notes(report: DriftReport) -> list[str]:
    whole, rule = report.classifier, report.rule
    notes = [
        f"{report.rows:,} collected rows, {report.baseline_rows:,} rows of the baseline.",
        f"Domain classifier of the inputs: ROC AUC {rounded(whole.auc)} "
        f"({rounded(whole.low)} to {rounded(whole.high)}), p {p_text(whole.adjusted_p_value)}: "
        f"{'drift' if whole.drifted else 'no drift'}. 0.5 is chance."
        if report.features
        else "No inputs were compared.",
        f"Drift: p ≤ {rule.alpha:g} after Holm's correction and PSI ≥ {rule.threshold:g}. "
        f"False alarms: at most {100 * rule.alpha:g} % of checks without drift.",
    ]
    if report.left_out:
        columns = ", ".join(f"{name} ({why})" for name, why in report.left_out.items())
        notes.append(f"Not compared: {columns}.")
    return notes


def _row(feature: FeatureDrift) -> list[str]:
    return [
        feature.name,
        str(feature.kind),
        feature.test or NOT_KNOWN,
        _known(feature.statistic),
        p_text(feature.adjusted_p_value),
        _known(feature.psi) if feature.test else NOT_KNOWN,
        _known(feature.distance),
        f"{100 * feature.missing_before:.3g} % → {100 * feature.missing:.3g} %",
        "▲ yes" if feature.drifted else "no",
    ]


def p_text(value: float | None) -> str:
    """A p value for people."""
    if value is None:
        return NOT_KNOWN
    return f"< {_SMALLEST_P:g}" if value < _SMALLEST_P else rounded(value)


def _known(value: float | None) -> str:
    return NOT_KNOWN if value is None else rounded(value)


def _picture(report: DriftReport) -> str:
    if not charts.can_draw():
        return ""
    data = base64.b64encode(drift_charts.drift_png(report)).decode("ascii")
    alt = escape(drift_charts.alt_text(report), quote=True)
    return f'<img alt="{alt}" style="max-width:100%" src="data:image/png;base64,{data}">'
