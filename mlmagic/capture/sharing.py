"""Objects that several values of the notebook have in common: ``b = a``, ``both = {"one": a, "two": a}``.

A change through one of the names is seen through the others, in the service as in the notebook.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_MUTABLE = frozenset(
    (list, dict, set, bytearray, collections.OrderedDict, collections.defaultdict, collections.Counter)
)


@dataclass
class Shared:
    """An object that can change, how often it is met, and the names through whose values."""

    value: object
    times: int = 0
    names: dict[str, None] = field(default_factory=dict)


def shared_objects(values: Mapping[str, object]) -> list[Shared]:
    """The objects that ``values`` contain, or are, more than once, in the order in which they are met."""
    found: dict[int, Shared] = {}
    for name, value in values.items():
        for item in _mutable_in(value):
            each = found.setdefault(id(item), Shared(item))
            each.times += 1
            each.names[name] = None
    return [each for each in found.values() if each.times > 1]


def _mutable_in(value: object) -> Iterator[object]:
    """The objects in ``value`` that can change, each as often as it is there."""
    waiting, seen = [value], set[int]()
    while waiting:
        item = waiting.pop()
        is_record = dataclasses.is_dataclass(item) and not isinstance(item, type)
        if type(item) in _MUTABLE or is_record:
            yield item
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, dict):
            waiting += reversed([*item.keys(), *item.values()])
        elif isinstance(item, list | tuple | set | frozenset):
            waiting += reversed(list(item))
        elif is_record:
            waiting += reversed([getattr(item, each.name, None) for each in dataclasses.fields(item)])  # type: ignore[arg-type]
