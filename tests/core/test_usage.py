from __future__ import annotations

import pytest

from mlmagic.core.usage import Reading, rate


@pytest.mark.parametrize(
    ("before", "now", "per_second"),
    [
        (None, Reading(1.0, 5.0), None),
        (Reading(1.0, 5.0), Reading(1.0, 6.0), None),
        (Reading(1.0, 5.0), Reading(3.0, 5.0), 0.0),
        (Reading(1.0, 5.0), Reading(3.0, 25.0), 10.0),
        (Reading(1.0, 500.0), Reading(3.0, 4.0), 2.0),  # the service was restarted
        (Reading(1.0, 500.0), Reading(3.0, 0.0), 0.0),
    ],
)
def test_a_rate_of_two_readings(before: Reading | None, now: Reading, per_second: float | None) -> None:
    assert rate(before, now) == per_second
