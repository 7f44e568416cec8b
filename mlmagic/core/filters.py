"""Event filters: which notices a subscription receives, by type, subject and data.

The rules are Event Grid's ("Understand event filtering"): names and texts are compared without regard to
case; every part of a filter must match; one matching value of a condition is enough; a negated condition
matches if the key is missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlmagic.core.notices import Notice, full_type, published_kind
from mlmagic.errors import InvalidConfig, nearest

_COMPARE: Mapping[str, Callable[[str, str], bool]] = {
    "StringIn": str.__eq__,
    "StringBeginsWith": str.startswith,
    "StringEndsWith": str.endswith,
    "StringContains": str.__contains__,
}
OPERATORS = (*_COMPARE, *(name.replace("String", "StringNot", 1) for name in _COMPARE))
_ENVELOPE_KEYS = ("subject", "eventtype", "type")
_TEXT = r"'(?:[^']|'')*'|\"[^\"]*\""
_CONDITION = re.compile(
    rf"\s*(\S+)\s+(\w+)\s*(?:\(\s*((?:{_TEXT})(?:\s*,\s*(?:{_TEXT}))*)\s*\)|({_TEXT}))\s*"
)
_EXAMPLE = "For example data.ModelTags.stage StringIn ('prod', 'test')."


@dataclass(frozen=True, slots=True)
class Condition:
    """One advanced filter: a key, an operator, and values of which one must match."""

    key: str
    operator: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        head, _, rest = self.key.partition(".")
        if self.key.lower() not in _ENVELOPE_KEYS and not (head.lower() == "data" and rest):
            raise InvalidConfig("advanced filter key", self.key, "must be data.NAME, subject or eventType")
        if self.operator not in OPERATORS:
            match = nearest(self.operator, OPERATORS)
            raise InvalidConfig(
                "advanced filter operator",
                self.operator,
                f"must be one of {', '.join(OPERATORS)}",
                hint=f"Did you mean {match}?" if match else "",
            )
        if not self.values or not all(isinstance(value, str) for value in self.values):
            raise InvalidConfig(
                "advanced filter values", self.values, "must be texts, at least one", hint=_EXAMPLE
            )

    @classmethod
    def parse(cls, text: str) -> Condition:
        """``data.ModelTags.stage StringIn ('a', 'b')``; a quote in a value is written twice.

        Also Event Grid's JSON: ``{"operatorType": "StringIn", "key": ..., "values": [...]}``.
        """
        if text.lstrip().startswith("{"):
            try:
                return cls.of(json.loads(text))
            except ValueError as error:
                raise InvalidConfig("advanced filter", text, f"is not JSON: {error}") from None
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise InvalidConfig("advanced filter", text, "must be KEY OPERATOR ('VALUE', ...)", hint=_EXAMPLE)
        key, operator, several, one = found.groups()
        values = [
            word[1:-1].replace("''", "'") if word[0] == "'" else word[1:-1]
            for word in re.findall(_TEXT, several or one)
        ]
        return cls(key, _normalized_operator(operator), tuple(values))

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Condition:
        """A condition from Event Grid's JSON; the inverse of `plain`."""
        known = {"operatorType", "key", "values", "value"}
        values = given.get("values", [given["value"]] if "value" in given else [])
        if set(given) - known or not isinstance(values, list) or not isinstance(given.get("key"), str):
            raise InvalidConfig(
                "advanced filter",
                dict(given),
                "must have operatorType, key and values",
                hint='For example {"operatorType": "StringIn", "key": "data.ModelTags.a", "values": ["b"]}.',
            )
        return cls(given["key"], _normalized_operator(str(given.get("operatorType", ""))), tuple(values))

    def plain(self) -> dict[str, Any]:
        """The condition as Event Grid's JSON."""
        return {"operatorType": self.operator, "key": self.key, "values": list(self.values)}

    def accepts(self, notice: Notice) -> bool:
        """Whether the notice matches the condition."""
        found = _look_up(notice, self.key)
        negated = self.operator.startswith("StringNot")
        compare = _COMPARE[self.operator.replace("StringNot", "String", 1)]
        if not isinstance(found, str):
            return negated
        fits = any(compare(found.lower(), value.lower()) for value in self.values)
        return fits is not negated

    def __str__(self) -> str:
        values = ", ".join("'" + value.replace("'", "''") + "'" for value in self.values)
        return f"{self.key} {self.operator} ({values})"


@dataclass(frozen=True, slots=True)
class EventFilter:
    """The filter of a subscription; an empty filter accepts every notice."""

    event_types: tuple[str, ...] = ()
    """Event types without their namespace."""
    subject_begins_with: str = ""
    subject_ends_with: str = ""
    advanced: tuple[Condition, ...] = ()

    @classmethod
    def read(
        cls,
        event_types: Iterable[str] = (),
        subject_begins_with: str | None = None,
        subject_ends_with: str | None = None,
        advanced: Iterable[str] = (),
    ) -> EventFilter:
        """A filter from command-line values; raises `InvalidConfig` for an invalid one."""
        kinds = dict.fromkeys(str(published_kind(name)) for name in event_types)
        conditions = tuple(Condition.parse(text) for text in advanced)
        return cls(tuple(kinds), subject_begins_with or "", subject_ends_with or "", conditions)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> EventFilter:
        """A filter from Event Grid's JSON; the inverse of `plain`."""
        return cls(
            tuple(given.get("includedEventTypes") or ()),
            given.get("subjectBeginsWith") or "",
            given.get("subjectEndsWith") or "",
            tuple(Condition.of(one) for one in given.get("advancedFilters") or ()),
        )

    def plain(self) -> dict[str, Any]:
        """The filter as Event Grid's JSON."""
        return {
            "includedEventTypes": list(self.event_types),
            "subjectBeginsWith": self.subject_begins_with,
            "subjectEndsWith": self.subject_ends_with,
            "advancedFilters": [condition.plain() for condition in self.advanced],
        }

    def accepts(self, notice: Notice) -> bool:
        """Whether the notice matches every part of the filter."""
        types = {full_type(published_kind(name)) for name in self.event_types}
        subject = notice.subject.lower()
        return (
            (not types or notice.type in types)
            and subject.startswith(self.subject_begins_with.lower())
            and subject.endswith(self.subject_ends_with.lower())
            and all(condition.accepts(notice) for condition in self.advanced)
        )

    def __str__(self) -> str:
        begins, ends = self.subject_begins_with, self.subject_ends_with
        parts = [
            ", ".join(self.event_types),
            f"subject begins with {begins!r}" if begins else "",
            f"subject ends with {ends!r}" if ends else "",
            *map(str, self.advanced),
        ]
        return "; ".join(filter(None, parts)) or "everything"


def _normalized_operator(operator: str) -> str:
    """The operator in its usual case; an unknown one is returned unchanged, to be refused later."""
    return {name.lower(): name for name in OPERATORS}.get(operator.lower(), operator)


def _look_up(notice: Notice, key: str) -> Any:
    head, _, rest = key.partition(".")
    if head.lower() == "data":
        return _look_in(notice.data, rest.lower().split("."))
    return notice.subject if key.lower() == "subject" else notice.type


def _look_in(value: Any, path: list[str]) -> Any:
    """The value at ``path``; a key itself may contain dots, as tags may."""
    if not path:
        return value
    if not isinstance(value, Mapping):
        return None
    for length in range(len(path), 0, -1):
        name = ".".join(path[:length])
        for key, inner in value.items():
            if str(key).lower() == name:
                found = _look_in(inner, path[length:])
                if found is not None:
                    return found
    return None
