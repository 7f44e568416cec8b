"""Parity: compare a service's answers and packages on two compute targets. Pure rules."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TOLERANCE = 1e-6
"""Numbers with a smaller relative difference count as equal: processors round differently."""
SHOWN = 80


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a service to one request."""

    status: int
    body: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between two answers to one request."""

    row: int
    place: str
    """The path within the answer, such as ``[0].score``; empty for the whole answer."""
    what: str
    """status, type, keys, length or value."""
    here: str
    there: str

    def __str__(self) -> str:
        return (
            f"row {self.row}{' ' + self.place if self.place else ''}: {self.what} {self.here} / {self.there}"
        )


@dataclass(frozen=True, slots=True)
class Parity:
    """The result of comparing a service on two targets, or two services."""

    service: str
    """The service; empty if two were compared, which ``here`` and ``there`` are then."""
    here: str
    """The target of the service."""
    there: str
    rows: int
    differences: tuple[Difference, ...]
    milliseconds: tuple[float, float]
    """The median response times, here and there."""
    packages: tuple[tuple[str, str, str], ...]
    """Name, version here and version there of each package that differs; ``–`` if it is not installed."""
    requests: Mapping[int, str] = field(default_factory=dict)
    """Of a replay, the bodies of the requests whose answers differ, by row."""

    @property
    def same(self) -> bool:
        """Whether all answers were equal."""
        return not self.differences


def compare(row: int, here: Answer, there: Answer, tolerance: float = TOLERANCE) -> list[Difference]:
    """The differences between two answers."""
    if here.status != there.status:
        return [Difference(row, "", "status", _shown(here), _shown(there))]
    try:
        one, other = json.loads(here.body), json.loads(there.body)
    except ValueError:
        same = here.body == there.body
        return [] if same else [Difference(row, "", "value", shortened(here.body), shortened(there.body))]
    if here.status != 200:
        return []  # both failed: their tracebacks need not be equal
    return [Difference(row, *found) for found in _differences("", one, other, tolerance)]


def compare_all(
    answers: Sequence[tuple[Answer, Answer]], tolerance: float = TOLERANCE
) -> tuple[tuple[Difference, ...], tuple[float, float]]:
    """The differences between the two answers to each request, and both median response times."""
    from statistics import median

    differences = tuple(found for row, pair in enumerate(answers) for found in compare(row, *pair, tolerance))
    here, there = (median(pair[which].milliseconds for pair in answers) for which in (0, 1))
    return differences, (here, there)


def package_differences(
    here: Mapping[str, str], there: Mapping[str, str], needed: Sequence[str]
) -> tuple[tuple[str, str, str], ...]:
    """The ``needed`` packages whose versions differ."""
    return tuple(
        (name, here.get(name, "–"), there.get(name, "–"))
        for name in sorted(set(needed))
        if here.get(name) != there.get(name)
    )


def _differences(place: str, one: Any, other: Any, tolerance: float) -> Iterator[tuple[str, str, str, str]]:
    if _kind(one) != _kind(other):
        yield place, "type", _kind(one), _kind(other)
    elif isinstance(one, dict):
        if one.keys() != other.keys():
            yield place, "keys", shortened(sorted(one)), shortened(sorted(other))
            return
        for key, value in one.items():
            yield from _differences(f"{place}.{key}", value, other[key], tolerance)
    elif isinstance(one, list):
        if len(one) != len(other):
            yield place, "length", str(len(one)), str(len(other))
            return
        for at, value in enumerate(one):
            yield from _differences(f"{place}[{at}]", value, other[at], tolerance)
    elif isinstance(one, float):
        both_nan = math.isnan(one) and math.isnan(other)
        if not both_nan and not math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance):
            yield place, "value", f"{one!r}", f"{other!r}"
    elif one != other:
        yield place, "value", shortened(one), shortened(other)


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def _shown(answer: Answer) -> str:
    return f"{answer.status} ({shortened(answer.body)})"


def shortened(value: Any) -> str:
    """A value in one line, at most `SHOWN` characters of it."""
    text = " ".join((value if isinstance(value, str) else json.dumps(value)).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
