"""The types of columns: what is written is read back the same, whichever database holds it.

SQLite keeps any text as it is, sorts it by its bytes and knows no lengths. PostgreSQL sorts by the server's
language, refuses what is too long, and accepts neither NUL in text nor NaN in its own JSON type.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import JSON, Dialect, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

_NUL_SHOWN = "\ufffd"


class _PlainText(TypeDecorator[str]):
    """Prose for a database that takes no NUL: a script's message may hold one, and is shown all the same."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value.replace("\0", _NUL_SHOWN) if value else value


class _JsonText(TypeDecorator[Any]):
    """JSON as Python writes it, so that samples may hold NaN; None is NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def name(length: int) -> TypeEngine[str]:
    """Short text that rows are found and sorted by, in the order of its code points."""
    return String(length).with_variant(Text(collation="C"), "postgresql")


def prose() -> TypeEngine[str]:
    """Text for people."""
    return Text().with_variant(_PlainText(), "postgresql")


def record() -> TypeEngine[Any]:
    """A JSON value; None is NULL."""
    return JSON(none_as_null=True).with_variant(_JsonText(), "postgresql")
