"""Filters by tags and properties as Azure ML v1 writes them: ``['area', ['stage', 'prod']]``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlmagic.errors import InvalidConfig


def label_filter(given: Iterable[Any] | None) -> tuple[str, ...]:
    """The filter as `ModelFilter` takes it: ``key`` or ``key=value``. Raises `InvalidConfig`."""
    if given is None:
        return ()
    if isinstance(given, str) or not isinstance(given, list | tuple):
        raise InvalidConfig("tags", given, "must be a list of 'key' or ['key', 'value']")
    found = []
    for each in given:
        if isinstance(each, str):
            found.append(each)
        elif (
            isinstance(each, list | tuple) and len(each) == 2 and all(isinstance(part, str) for part in each)
        ):
            found.append("=".join(each))
        else:
            raise InvalidConfig("tags", each, "must be 'key' or ['key', 'value']")
    return tuple(found)
