"""Redaction: the values of named columns are replaced before anything is written.

Where it is not certain that a column can be found, nothing of it is recorded: values without names are
replaced by `WITHHELD`, and so is text that mentions a redacted column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

MARK, HASH = MODES = ("mark", "hash")
REDACTED = "[redacted]"
WITHHELD = "[not recorded: it may contain a redacted column]"
_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Redaction:
    """The columns to redact, in any case, and the key of their hashes; without a key, a fixed mark."""

    columns: tuple[str, ...] = ()
    key: bytes | None = None

    @property
    def is_on(self) -> bool:
        return bool(self.columns)

    def covers(self, name: str) -> bool:
        """Whether the column ``name`` is redacted."""
        return name.strip().casefold() in self._names

    def covers_all_in(self, names: Iterable[str]) -> bool:
        """Whether each redacted column is one of ``names``."""
        return self._names <= {name.strip().casefold() for name in names}

    def replacement(self, value: Any) -> Any:
        """What is recorded instead of ``value``: equal values have equal hashes; no value stays none."""
        if value is None:
            return None
        if self.key is None:
            return REDACTED
        import hmac

        return hmac.new(self.key, str(value).encode("utf-8", "replace"), "sha256").hexdigest()[:_DIGITS]

    def row(self, names: Sequence[str], row: Sequence[Any], *, named: bool) -> list[Any]:
        """A row of a table; ``named``: its names are those of the data, not ours."""
        if not self.is_on:
            return list(row)
        if not named and not self.covers_all_in(names):
            return [WITHHELD] * len(row)
        return [
            self.replacement(value) if self.covers(name) else self.text(value)
            for name, value in zip(names, row, strict=False)
        ]

    def text(self, value: Any) -> Any:
        """``value`` of another column, unless it is not a plain value or mentions a redacted column."""
        if value is None or isinstance(value, bool | int | float):
            return value
        return WITHHELD if _mentions(self.columns).search(str(value)) else value

    def document(self, value: Any) -> Any:
        """JSON that is no table, with the redacted keys replaced at any depth.

        `WITHHELD` unless each redacted column is a key in it.
        """
        if not self.is_on:
            return value
        found: set[str] = set()
        replaced = self._replaced(value, found)
        return replaced if self.covers_all_in(found) else WITHHELD

    def records(self, value: Any) -> Any:
        """Records with the redacted keys replaced, where there are any; other JSON as `document`."""
        if isinstance(value, list) and all(isinstance(each, dict) for each in value):
            return self._replaced(value, set())
        return self.document(value)

    @property
    def _names(self) -> frozenset[str]:
        return _folded(self.columns)

    def _replaced(self, value: Any, found: set[str]) -> Any:
        if isinstance(value, dict):
            replaced = {}
            for key, each in value.items():
                if self.covers(str(key)):
                    found.add(str(key))
                    replaced[key] = self.replacement(each)
                else:
                    replaced[key] = self._replaced(each, found)
            return replaced
        if isinstance(value, list):
            return [self._replaced(each, found) for each in value]
        return self.text(value)


@cache
def _folded(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.strip().casefold() for name in names)


@cache
def _mentions(names: tuple[str, ...]) -> re.Pattern[str]:
    words = "|".join(re.escape(name.strip()) for name in names)
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
