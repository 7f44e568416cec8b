"""The tables of the traffic history: points of the last 15 minutes, and the counters to go on from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select

from mlmagic.core.request_counts import RequestCounts, histogram
from mlmagic.core.traffic_history import WINDOW_SECONDS, TrafficHistory, TrafficPoint, history, is_old
from mlmagic.workspace.database import now, traffic_counts, traffic_points


@dataclass(frozen=True, slots=True)
class Measured:
    """A point of a service, ``age`` seconds after its end, and the counters of the server at that time."""

    service_id: str
    point: TrafficPoint
    """Its own time does not count: it is written by the clock of the database."""
    counts: RequestCounts
    age: float


def add(tx: Connection, measured: Sequence[Measured]) -> None:
    """Add points, and delete the old ones of all services."""
    if not measured:
        return
    time = now(tx)
    rows = [(each, time - each.age) for each in measured]
    latest = {each.service_id: (each.counts, end) for each, end in rows}
    tx.execute(
        delete(traffic_points).where(
            or_(traffic_points.c.time < time - WINDOW_SECONDS, traffic_points.c.time > time + WINDOW_SECONDS)
        )
    )
    tx.execute(delete(traffic_counts).where(traffic_counts.c.service_id.in_(list(latest))))
    tx.execute(insert(traffic_points), [_values(each, end) for each, end in rows])
    tx.execute(
        insert(traffic_counts),
        [
            {"service_id": service_id, "time": end, "counts": counts.to_record()}
            for service_id, (counts, end) in latest.items()
        ],
    )


def get(tx: Connection, service_id: str, seconds: float = WINDOW_SECONDS) -> TrafficHistory:
    """The history of a service until now; only the points of the last ``seconds`` are read."""
    time = now(tx)
    query = select(traffic_points).where(
        traffic_points.c.service_id == service_id, traffic_points.c.time > time - seconds
    )
    rows = tx.execute(query.order_by(traffic_points.c.id))
    return history(map(_point, rows), time)


@dataclass(frozen=True, slots=True)
class CountedPoint:
    """What a point has counted; ``id`` and ``time`` together tell it from all others of its service."""

    service_id: str
    id: int
    time: float
    requests: float
    errors: float


def counted(tx: Connection) -> list[CountedPoint]:
    """The requests of all services in the last 15 minutes."""
    columns = (traffic_points.c[name] for name in ("service_id", "id", "time", "requests", "errors"))
    return [CountedPoint(*row) for row in tx.execute(select(*columns).order_by(traffic_points.c.id))]


def last_counts(tx: Connection, service_id: str) -> tuple[RequestCounts, float] | None:
    """The counters of a service's server at its last point, and that point's age; None if it is too old."""
    row = tx.execute(select(traffic_counts).where(traffic_counts.c.service_id == service_id)).first()
    if row is None or is_old(row.time, now(tx)):
        return None
    counts = RequestCounts.of_record(row.counts)
    return None if counts is None else (counts, max(0.0, now(tx) - row.time))


def forget(tx: Connection, service_id: str) -> None:
    """Delete the history of a service."""
    for table in (traffic_points, traffic_counts):
        tx.execute(delete(table).where(table.c.service_id == service_id))


def _values(measured: Measured, time: float) -> Mapping[str, Any]:
    point = measured.point
    return {
        "service_id": measured.service_id,
        "time": time,
        "seconds": point.seconds,
        "requests": point.requests,
        "errors": point.errors,
        "latencies": [[*bucket] for bucket in point.latencies],
        "cpu_cores": point.cpu_cores,
        "memory_bytes": point.memory_bytes,
    }


def _point(row: Any) -> TrafficPoint:
    return TrafficPoint(
        row.time,
        row.seconds,
        row.requests,
        row.errors,
        histogram(row.latencies),
        row.cpu_cores,
        row.memory_bytes,
    )
