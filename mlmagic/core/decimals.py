"""Numbers that are written with a comma, as in most of Europe: refused, with what to write instead."""

from __future__ import annotations

import re

_WITH_COMMA = re.compile(r"\s*([-+]?[0-9]+),([0-9]+)\s*").fullmatch


def with_a_point(value: object) -> str:
    """A sentence that follows "must be a number" where ``value`` has a decimal comma; else nothing."""
    found = _WITH_COMMA(value) if isinstance(value, str) else None
    return f". Write {found[1]}.{found[2]}, with a point" if found else ""
