"""Cards of profiles: a finished profile, a table of profiles, and the progress of a running one."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from traitlets import Dict

from mlmagic.core.advice import FIRST
from mlmagic.core.profile import Load, Profile, ProfileState, SizeResult, size_in_words
from mlmagic.engine.profiles.profiles import Progress
from mlmagic.errors import Advice
from mlmagic.visible_text import visible
from mlmagic.widgets import charts, html
from mlmagic.widgets.cards import Card, Listing
from mlmagic.widgets.component import source
from mlmagic.widgets.data_card import DataCard, DataOutput
from mlmagic.widgets.figures import rounded
from mlmagic.widgets.html import escape

MB_PER_GB = 1024
_HEADINGS = ("Cores", "GB", "Requests/s", "p50 ms", "p99 ms", "Peak MB", "Cold start s", "Errors")


class ProfileCard(DataCard):
    """A profile: its progress, and then its result."""

    _esm = source("profile_view", "profileCard")
    mime = "application/vnd.mlmagic.profile+json"
    shows = "profile"
    profile = Dict().tag(sync=True)
    """A `progress_view` or a `profile_view`."""


class ProfileOutput(DataOutput):
    """The progress of a profile in the cell, and then the profile."""

    def __init__(self) -> None:
        super().__init__(ProfileCard)

    def draw(self, progress: Progress, profile: Profile) -> None:
        """Show the progress in place of the last one."""
        if profile.state is ProfileState.RUNNING:
            self.show(progress_card(progress, profile), progress_view(progress, profile), ended=False)
        else:
            self.draw_result(profile)

    def draw_result(self, profile: Profile) -> None:
        """Show a finished profile."""
        self.show(profile_card(profile), profile_view(profile), ended=True)


def profile_card(profile: Profile) -> Card:
    """The recommendation, a row for each CPU and memory setting, and the charts."""
    rows = [size_row(size) for size in profile.sizes]
    head = headline(profile)
    notes = [*_notes(profile)]
    markup = (
        f'<div style="{html.FONT};max-width:900px"><div><strong>{escape(profile.name)}</strong> '
        f"{escape(head)}</div>"
        + "".join(f"<div>{escape(note)}</div>" for note in notes)
        + (html.table(_HEADINGS, [[escape(cell) for cell in row] for row in rows], "") if rows else "")
        + _picture(profile)
        + "</div>"
    )
    text = "\n".join(
        [f"{profile.name}: {head}", *notes, *([html.plain_table(_HEADINGS, rows)] if rows else [])]
    )
    return Card(markup, text)


def progress_card(progress: Progress, profile: Profile) -> Card:
    """The progress in percent, and the time left."""
    percent = round(100 * progress.done)
    left = f", about {progress.seconds_left:.0f} s left" if progress.seconds_left >= 1 else ""
    text = f"{profile.name}: {percent} %, {progress.words}{left}"
    markup = (
        f'<div style="{html.FONT}" role="status"><progress max="100" value="{percent}" '
        f'aria-label="Profile {escape(profile.name)}"></progress> {escape(text)}</div>'
    )
    return Card(markup, text)


def progress_view(progress: Progress, profile: Profile) -> dict[str, Any]:
    """The progress of a profile, for its component."""
    return {
        "name": profile.name,
        "running": True,
        "percent": round(100 * progress.done),
        "words": visible(progress.words),
        "seconds_left": round(progress.seconds_left),
    }


def profile_view(profile: Profile) -> dict[str, Any]:
    """A finished profile, for its component: texts, a table, and the data of its charts."""
    sizes = [size for size in profile.sizes if size.loads]
    chosen = profile.chosen
    return {
        "name": profile.name,
        "running": False,
        "headline": visible(headline(profile)),
        "notes": [visible(note) for note in _notes(profile)],
        "headings": list(_HEADINGS),
        "rows": [[visible(cell) for cell in size_row(size)] for size in profile.sizes],
        "chosen": charts.name_of(chosen) if chosen is not None else "",
        "goal": profile.plan.goal.requests_per_second,
        "goal_ms": profile.plan.goal.latency_ms,
        "latency": _latency_data(chosen),
        "curves": [
            {
                "name": charts.name_of(size),
                "points": [
                    [load.requests_per_second, load.percentiles_ms["99"]]
                    for load in size.loads
                    if load.kind == "closed" and load.percentiles_ms
                ],
            }
            for size in sizes
        ],
        "capacity": [[charts.name_of(size), size.capacity, size is chosen] for size in sizes],
        "use": [
            [sample.at, sample.cores, sample.memory_gb * MB_PER_GB]
            for sample in (chosen.samples if chosen is not None else ())
        ],
    }


def profiles_listing(profiles: Sequence[Profile], handles: Sequence[object]) -> Listing:
    """``%profiles``: a row for each profile."""
    rows = [
        [
            profile.name,
            str(profile.state),
            ", ".join(profile.models),
            *(_chosen_figures(profile)),
            html.ago(profile.created_time),
        ]
        for profile in profiles
    ]
    headings = ["Name", "State", "Models", "Recommended", "Requests/s", "p50 ms", "p99 ms", "Created"]
    none = Advice("No profiles. Create one with: {first}", first=FIRST["profile"])
    caption = html.count(len(rows), "profile") if rows else none
    return Listing(handles, headings, rows, caption, "mlmagic-static-profiles")


def headline(profile: Profile) -> str:
    """The result of a profile in one line: the recommendation, or the error."""
    advice = profile.recommendation
    if advice is None:
        return f"{profile.state}. {profile.error}".strip()
    size = f"{size_in_words(advice.cpu, advice.memory_gb, ' and ')} recommended: {advice.why}"
    if advice.cost_per_1000 is not None:
        size += f"; {rounded(advice.cost_per_1000)} per 1,000 predictions at capacity"
    done = "" if profile.state is ProfileState.SUCCEEDED else f"{profile.state} ({profile.error}). "
    return f"{done}{size}."


def size_row(size: SizeResult) -> list[str]:
    """The measurements of one CPU and memory setting, with 95 % confidence intervals.

    Latencies are those of the open load (random arrivals), if there was one.
    """
    load = size.load("open") or size.load("closed")
    failed = sum(failure.count for failure in size.failures)
    return [
        f"{size.cpu:g}",
        f"{size.memory_gb:g}",
        _known(size.capacity, size.fastest.rate_interval) if size.fastest else "–",
        *_latencies(load, with_intervals=True),
        f"{MB_PER_GB * size.peak_memory_gb:.0f}" if size.peak_memory_gb else "–",
        f"{size.cold_start_s:.2f}" if size.cold_start_s is not None else "–",
        " ".join(size.error.split())[:120] or (f"{failed}" if failed else "none"),
    ]


def _latencies(load: Load | None, *, with_intervals: bool = False) -> list[str]:
    if load is None or not load.percentiles_ms:
        return ["–", "–"]
    return [
        _known(load.percentiles_ms[percent], load.intervals_ms[percent])
        if with_intervals
        else rounded(load.percentiles_ms[percent])
        for percent in ("50", "99")
    ]


def _known(value: float, interval: tuple[float, float | None]) -> str:
    """A value and its interval; without an upper bound where there are too few measurements."""
    low, high = interval
    within = f"{rounded(low)} to {rounded(high)}" if high is not None else f"from {rounded(low)}"
    return f"{rounded(value)} ({within})"


def _latency_data(size: SizeResult | None) -> dict[str, Any]:
    """Bars (upper bound in milliseconds, count), the percentiles, and the requests per second they are of."""
    load = size and (size.load("open") or size.load("closed"))
    if not load or not load.histogram:
        return {}
    return {
        "bars": [list(bar) for bar in load.histogram],
        "marks": [[f"p{percent}", load.percentiles_ms[percent]] for percent in ("50", "90", "99")],
        "rate": load.requests_per_second,
    }


def _chosen_figures(profile: Profile) -> list[str]:
    size, advice = profile.chosen, profile.recommendation
    if size is None:
        return ["–", "–", "–", "–"]
    wanted = size_in_words(advice.cpu, advice.memory_gb) if advice else "–"
    return [wanted, rounded(size.capacity), *_latencies(size.load("open") or size.load("closed"))]


def _notes(profile: Profile) -> list[str]:
    held = {size.held_by for size in profile.sizes if size.held_by}
    notes = []
    if held:
        rows = html.count(profile.rows, "row")
        notes.append(f"{rows}; CPU and memory limited with {', '.join(sorted(held))}.")
    if any(load.client_cores > 0.9 for size in profile.sizes for load in size.loads):
        notes.append("The load generator used a full CPU core: the service may be faster than measured.")
    for size in profile.sizes:
        for failure in size.failures[:1]:
            body = " ".join(failure.body.split())[:200]
            notes.append(
                f"{charts.name_of(size)}: row {failure.row} returned status {failure.status}: {body}"
            )
    return notes


def _picture(profile: Profile) -> str:
    if profile.chosen is None or not charts.can_draw():
        return ""
    data = base64.b64encode(charts.profile_png(profile)).decode("ascii")
    alt = escape(charts.alt_text(profile), quote=True)
    return f'<img alt="{alt}" style="max-width:100%" src="data:image/png;base64,{data}">'
