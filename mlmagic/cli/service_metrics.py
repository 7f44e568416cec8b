"""``mlmagic service metrics``: the traffic of a service over the last 15 minutes."""

from __future__ import annotations

from typing import Any

import click

from mlmagic.cli.base import Command, engine, option, service_name
from mlmagic.cli.output import camel, output, show, time_text
from mlmagic.core.traffic_history import MOST_BUCKETS


@click.command("metrics", cls=Command)
@service_name
@option(
    "--intervals",
    type=click.IntRange(1, MOST_BUCKETS),
    default=15,
    show_default=True,
    help="Number of equal intervals of the 15 minutes.",
)
@output("table")
def service_metrics(name: str, intervals: int, form: str) -> None:
    """Show request rates, error rates and latencies of a service over the last 15 minutes.

    \b
    Examples:
      mlmagic service metrics -n diabetes-svc
      mlmagic service metrics -n diabetes-svc --intervals 90 -o json
    """
    with engine() as opened:
        points = opened.services.traffic_history(name).resampled(intervals)
    show([_row(point.to_record()) for point in points], form)


def _row(record: dict[str, Any]) -> dict[str, Any]:
    """With the end of the interval as people and programs read it."""
    return {camel(key): value for key, value in {**record, "time": time_text(record["time"])}.items()}
