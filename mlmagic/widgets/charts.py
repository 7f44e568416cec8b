"""The charts of a profile, drawn with matplotlib: dark on white, so that they are legible on any page.

The palette is colour-blind safe (Okabe and Ito), and each line also has its own marker.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from mlmagic.core.profile import Load, Profile, SizeResult, size_in_words
from mlmagic.widgets.figures import rounded

INK = "#333333"
"""Text and axes: 12.6 to 1 on the picture's own white."""
PAPER = "#ffffff"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKS = ("o", "s", "^", "D", "v", "P")
_FULL = 0.65
"""From here on, a label stands left of its line: right of it there is no room."""
WIDTH_INCHES, HEIGHT_INCHES, DPI = 8.2, 6.2, 110


def can_draw() -> bool:
    """Whether matplotlib is installed; does not import it."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def profile_png(profile: Profile) -> bytes:
    """Four charts as PNG: latencies, latency by throughput, CPU and memory over time, capacity."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.patch.set_facecolor(PAPER)
    (top_left, top_right), (low_left, low_right) = figure.subplots(2, 2)
    sizes = [size for size in profile.sizes if size.loads]
    _latencies(top_left, profile.chosen)
    _curve(top_right, sizes)
    _use(low_left, profile.chosen)
    _capacity(low_right, sizes, profile)
    for axes in (top_left, top_right, low_left, low_right):
        quiet(axes)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def alt_text(profile: Profile) -> str:
    """The alternative text of the charts: the main results."""
    size = profile.chosen
    if size is None:
        return f"Profile {profile.name}: no CPU and memory setting could be measured."
    load = size.load("open") or size.loads[0]
    parts = [
        f"Profile {profile.name}: with {name_of(size)} the service handles up to {rounded(size.capacity)} "
        f"requests per second; at {rounded(load.requests_per_second)} requests per second the median latency "
        f"is {_ms(load, '50')} and the 99th percentile is {_ms(load, '99')}."
    ]
    advice = profile.recommendation
    if advice is not None:
        wanted = size_in_words(advice.cpu, advice.memory_gb, " and ")
        parts.append(f"Recommended: {wanted}, {advice.why}.")
    return " ".join(parts)


def name_of(size: SizeResult) -> str:
    """CPU and memory as text."""
    return size_in_words(size.cpu, size.memory_gb)


def _latencies(axes: Any, size: SizeResult | None) -> None:
    axes.set_title("Latency under load")
    load = size and (size.load("open") or size.loads[0])
    if not load or not load.histogram:
        return
    bounds = [bound for bound, _ in load.histogram]
    counts = [count for _, count in load.histogram]
    ratio = bounds[1] / bounds[0] if len(bounds) > 1 else 1.1
    axes.bar(
        [bound / ratio for bound in bounds],
        counts,
        width=[bound - bound / ratio for bound in bounds],
        align="edge",
        color=COLOURS[0],
        alpha=0.75,
    )
    axes.set_xscale("log")
    _plain_ticks(axes.xaxis)
    top = max(counts)
    for number, percent in enumerate(("50", "90", "99")):
        value = load.percentiles_ms[percent]
        axes.axvline(value, color=COLOURS[1], linewidth=1.2, linestyle=("-", "--", ":")[number])
        # Each on a line of its own, above the bars, on the side that has room.
        is_right = math.log(value / bounds[0]) > _FULL * math.log(bounds[-1] / bounds[0])
        axes.annotate(
            f"p{percent} {rounded(value)} ms",
            (value, top * (1.42 - 0.14 * number)),
            xytext=(-4 if is_right else 4, 0),
            textcoords="offset points",
            horizontalalignment="right" if is_right else "left",
            color=INK,
            fontsize=9,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5},
        )
    axes.set_ylim(0, top * 1.55)
    axes.set_xlabel(f"milliseconds, at {rounded(load.requests_per_second)} requests/s")
    axes.set_ylabel("requests")


def _curve(axes: Any, sizes: Sequence[SizeResult]) -> None:
    axes.set_title("Latency by throughput")
    for number, size in enumerate(sizes):
        closed = [load for load in size.loads if load.kind == "closed" and load.percentiles_ms]
        axes.plot(
            [load.requests_per_second for load in closed],
            [load.percentiles_ms["99"] for load in closed],
            color=COLOURS[number % len(COLOURS)],
            marker=MARKS[number % len(MARKS)],
            markersize=5,
            label=name_of(size),
        )
    axes.set_yscale("log")
    _plain_ticks(axes.yaxis)
    axes.set_xlabel("requests per second")
    _few_ticks(axes.xaxis)
    axes.set_ylabel("p99 in ms")
    if sizes:
        axes.legend(fontsize=9, frameon=False, labelcolor=INK)


def _use(axes: Any, size: SizeResult | None) -> None:
    axes.set_title(f"CPU and memory, {name_of(size)}" if size else "CPU and memory")
    if size is None or not size.samples:
        return
    times = [sample.at for sample in size.samples]
    axes.plot(times, [sample.cores for sample in size.samples], color=COLOURS[0], linewidth=1.2)
    axes.axhline(size.cpu, color=COLOURS[0], linewidth=0.8, linestyle=":")
    axes.set_ylim(0, max(size.cpu, *(sample.cores for sample in size.samples)) * 1.1)
    axes.set_ylabel("cores (limit dotted)", color=COLOURS[0])
    axes.set_xlabel("seconds")
    memory = axes.twinx()
    memory.plot(
        times,
        [sample.memory_gb * 1024 for sample in size.samples],
        color=COLOURS[1],
        linewidth=1.2,
        linestyle="--",
    )
    memory.set_ylim(0, max(size.peak_memory_gb * 1024, 1) * 1.3)
    memory.set_ylabel("MB (dashed)", color=COLOURS[1])
    quiet(memory)


def _capacity(axes: Any, sizes: Sequence[SizeResult], profile: Profile) -> None:
    axes.set_title("Capacity by CPU and memory")
    if not sizes:
        return
    chosen = profile.chosen
    bars = axes.bar(
        range(len(sizes)),
        [size.capacity for size in sizes],
        color=[COLOURS[2] if size is chosen else COLOURS[5] for size in sizes],
        hatch=["//" if size is chosen else "" for size in sizes],
        edgecolor=INK,
    )
    axes.bar_label(bars, labels=[rounded(size.capacity) for size in sizes], color=INK, fontsize=9)
    axes.set_xticks(range(len(sizes)), [size_in_words(size.cpu, size.memory_gb, "\n") for size in sizes])
    axes.set_ylabel("requests per second")
    _few_ticks(axes.yaxis)
    wanted = profile.plan.goal.requests_per_second
    if wanted:
        axes.axhline(wanted, color=COLOURS[1], linestyle="--", linewidth=1)
    axes.set_ylim(0, max(*(size.capacity for size in sizes), wanted or 0, 1) * 1.18)
    if chosen is not None:
        axes.set_xlabel(
            "hatched: recommended" if profile.recommendation else "hatched: shown in the other charts"
        )


def _plain_ticks(axis: Any) -> None:
    """1, 2, 5, 10 in plain numbers: most latencies span less than two powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _few_ticks(axis: Any) -> None:
    """At most five, with commas: one more would stand on another."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def quiet(axes: Any) -> None:
    """Plain axes, without a frame."""
    axes.patch.set_alpha(0)  # a second axis lies over the first
    axes.title.set_color(INK)
    axes.title.set_fontsize(10)
    for side, spine in axes.spines.items():
        spine.set_color(INK)
        spine.set_visible(side in ("left", "bottom"))
    axes.tick_params(colors=INK, which="both", labelsize=9)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_fontsize(9)
        if label.get_color() in ("black", "k"):
            label.set_color(INK)


def _ms(load: Load, percent: str) -> str:
    value = load.percentiles_ms.get(percent, math.nan)
    return f"{rounded(value)} ms"
