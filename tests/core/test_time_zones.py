from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from mlmagic.core.time_zones import TimeZone
from mlmagic.errors import InvalidConfig


@pytest.mark.parametrize("zone", TimeZone)
def test_each_has_its_rules(zone: TimeZone) -> None:
    assert zone.rules.utcoffset(datetime(2026, 1, 1)) is not None
    assert zone.name == "".join(letter for letter in zone.value if letter.isalnum())


@pytest.mark.parametrize(
    ("zone", "winter", "summer"),
    [
        (TimeZone.UTC, 0, 0),
        (TimeZone.GMTStandardTime, 0, 1),
        (TimeZone.WEuropeStandardTime, 1, 2),
        (TimeZone.FLEStandardTime, 2, 3),
        (TimeZone.IndiaStandardTime, 5.5, 5.5),
        (TimeZone.TokyoStandardTime, 9, 9),
        (TimeZone.AUSEasternStandardTime, 11, 10),
        (TimeZone.EasternStandardTime, -5, -4),
        (TimeZone.PacificStandardTime, -8, -7),
        (TimeZone.USMountainStandardTime, -7, -7),
        (TimeZone.UTC11, -11, -11),
        (TimeZone.UTC12, 12, 12),
    ],
)
def test_their_hours(zone: TimeZone, winter: float, summer: float) -> None:
    assert zone.rules.utcoffset(datetime(2026, 1, 15)) == timedelta(hours=winter)
    assert zone.rules.utcoffset(datetime(2026, 7, 15)) == timedelta(hours=summer)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Pacific Standart Time", "Did you mean 'Pacific Standard Time'?"),
        ("Europe/Berlin", "Did you mean 'W. Europe Standard Time'?"),
        ("nowhere", "For example TimeZone.UTC"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(InvalidConfig, match="must be the Windows name of a time zone") as caught:
        TimeZone.parse(name)
    assert hint in str(caught.value)


@pytest.mark.parametrize("name", ["UTC", "utc", " w. europe standard time ", TimeZone.SamoaStandardTime])
def test_names_are_found(name: str) -> None:
    assert TimeZone.parse(name) in (TimeZone.UTC, TimeZone.WEuropeStandardTime, TimeZone.SamoaStandardTime)
