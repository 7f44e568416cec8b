"""Values of the data libraries as JSON knows them; none of these libraries is imported."""

from __future__ import annotations

from typing import Any


def plain(value: Any) -> Any:
    """A table as records, an array or a scalar of numpy as lists and numbers, a set as a sorted list.

    Raises `TypeError` for any other object.
    """
    if hasattr(value, "to_dict"):
        try:
            return value.to_dict(orient="records")
        except TypeError:
            return value.to_dict()
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"it holds an object of type {type(value).__name__}")
