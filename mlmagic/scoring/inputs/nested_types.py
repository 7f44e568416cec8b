"""The types in an annotation, as msgspec sees them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec


def nested_types(annotation: Any) -> Iterator[msgspec.inspect.Type | msgspec.inspect.Field]:
    """The type and all types and fields in it, each once.

    Raises TypeError, ValueError or RecursionError for what msgspec cannot describe.
    """
    waiting: list[Any] = [msgspec.inspect.type_info(annotation)]
    seen: set[int] = set()
    while waiting:
        found = waiting.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, tuple):
            waiting += found
        elif isinstance(found, msgspec.inspect.Type | msgspec.inspect.Field):
            yield found
            waiting += [getattr(found, name) for name in found.__struct_fields__]
