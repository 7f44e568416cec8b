from __future__ import annotations

import math
from typing import Any

import pytest

from mlmagic.core.request_counts import Bucket, Histogram, RequestCounts, difference, quantile, share, total

FAST, SLOW, BEYOND = Bucket(1.0, 2.0, 10), Bucket(100.0, 200.0, 10), Bucket(60000.0, None, 1)


@pytest.mark.parametrize(
    ("buckets", "q", "milliseconds"),
    [
        ((), 0.5, None),
        ((FAST,), 0.5, 1.5),
        ((FAST,), 1.0, 2.0),
        ((FAST, SLOW), 0.5, 2.0),
        ((FAST, SLOW), 0.75, 150.0),
        ((Bucket(1.0, 2.0, 99), BEYOND), 0.99, 2.0),
        ((Bucket(1.0, 2.0, 9), BEYOND), 0.99, 60000.0),
        ((Bucket(1.0, 2.0, 0.25),), 0.5, 1.5),
    ],
)
def test_a_quantile_is_interpolated_within_its_bucket(
    buckets: Histogram, q: float, milliseconds: float | None
) -> None:
    assert quantile(buckets, q) == pytest.approx(milliseconds)


def test_histograms_are_added_and_subtracted_by_bucket() -> None:
    both = total([(SLOW, BEYOND), (FAST, SLOW)])
    assert both == (FAST, Bucket(100.0, 200.0, 20), BEYOND)
    assert difference(both, (FAST, SLOW)) == (SLOW, BEYOND)
    assert difference((FAST,), both) == ()
    assert share((FAST,), 0.25) == (Bucket(1.0, 2.0, 2.5),)


BEFORE = RequestCounts("a", 50.0, 100, 3, (Bucket(1.0, 2.0, 100),))


@pytest.mark.parametrize(
    ("now", "requests", "errors", "latencies"),
    [
        (BEFORE, 0, 0, ()),
        (RequestCounts("a", 60.0, 110, 4, (Bucket(1.0, 2.0, 100), SLOW)), 10, 1, (SLOW,)),
        (RequestCounts("b", 60.0, 110, 4, (Bucket(1.0, 2.0, 110),)), 110, 4, (Bucket(1.0, 2.0, 110),)),
        (RequestCounts("a", 1.0, 10, 2, (FAST,)), 10, 2, (FAST,)),  # a server that has no instance
        (RequestCounts("a", 60.0, 101, 0, (Bucket(1.0, 2.0, 101),)), 1, 0, (Bucket(1.0, 2.0, 1),)),
    ],
)
def test_what_was_counted_since_a_reading(
    now: RequestCounts, requests: int, errors: int, latencies: Histogram
) -> None:
    more = now.since(BEFORE)
    assert (more.requests, more.errors, more.latencies) == (requests, errors, latencies)


@pytest.mark.parametrize(
    ("record", "counts"),
    [
        ({}, None),
        ({"requests": None}, None),
        ({"requests": 1, "latencies_ms": [[1]]}, None),
        ({"requests": 1, "latencies_ms": 5}, None),
        ({"requests": 3}, RequestCounts("", math.inf, 3)),
        (
            {
                "requests": 11, "errors": 2, "instance": "a", "uptime_s": 1.5,
                "latencies_ms": [[60000.0, None, 1], [1, 2, 10]],
            },
            RequestCounts("a", 1.5, 11, 2, (FAST, BEYOND)),
        ),
    ],
)  # fmt: skip
def test_the_counters_of_a_server_are_read(record: dict[str, Any], counts: RequestCounts | None) -> None:
    assert RequestCounts.of_record(record) == counts


def test_the_counters_are_written_and_read_again() -> None:
    read = RequestCounts.of_record(BEFORE.to_record())
    assert read is not None
    assert read.since(BEFORE).requests == 0
    assert (read.requests, read.errors, read.latencies) == (100, 3, BEFORE.latencies)


def test_counters_that_did_not_change_keep_their_histogram() -> None:
    record = {"instance": "a", "uptime_s": 70.0, "requests": 100}
    assert RequestCounts.of_record(record, BEFORE) == RequestCounts("a", 70.0, 100, 3, BEFORE.latencies)
