"""``mlmagic service metrics``: the traffic of a service over the last 15 minutes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from mlmagic.cli.base import engine, option, output, service_name, show
from mlmagic.core.traffic_history import MOST_BUCKETS


@click.command("metrics")
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
    return {**record, "time": datetime.fromtimestamp(record["time"], UTC).isoformat(timespec="seconds")}
