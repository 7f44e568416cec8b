"""The picture: requests per second and cold start of every server, with one model."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.peers.figures import Results

OURS, OTHERS = "#d9572b", "#8a9bb0"
PANELS = (
    ("rps_32", "requests/s, 32 connections", "{:,.0f}"),
    ("p50_ms_1", "p50, 1 connection, ms", "{:.2f}"),
    ("cold_s", "launch to first 200, s", "{:.2f}"),
    ("pss_mb", "memory (PSS), MB", "{:.0f}"),
)


def draw(results: Results, model: str, file: Path) -> None:
    """Bars, sorted by requests per second; a server without figures is left out."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    speeds = {name: results.median(model, name, "rps_32") for name in results.servers(model)}
    names = sorted((name for name in speeds if speeds[name] is not None), key=lambda name: speeds[name] or 0)
    size = (15, 1.2 + 0.34 * len(names))
    figure, axes = plt.subplots(1, len(PANELS), figsize=size, sharey=True, layout="constrained")
    colours = [OURS if name.startswith("mlmagic") else OTHERS for name in names]
    for axis, (what, title, form) in zip(axes, PANELS, strict=True):
        values = [results.median(model, name, what) or 0.0 for name in names]
        bars = axis.barh(names, values, color=colours)
        axis.bar_label(bars, [form.format(value) for value in values], padding=3, fontsize=8)
        axis.set_title(title, fontsize=10)
        axis.margins(x=0.2)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(axis="x", labelsize=8)
        axis.locator_params(axis="x", nbins=4)
    figure.suptitle(f"{model}: one worker on one core, one row a request")
    # No date and no version of the program that drew it: the same figures give the same file.
    figure.savefig(file, dpi=110, metadata={"Software": None})
    plt.close(figure)
