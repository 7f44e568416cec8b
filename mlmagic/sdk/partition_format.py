"""``partition_format``: columns whose values are in the paths of a dataset's files.

``{user}/{date:yyyy/MM/dd}/{file}.csv`` describes the end of each path. Source: from_files and
from_delimited_files of the Azure ML SDK v1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from mlmagic.errors import InvalidConfig

_FIELD = re.compile(r"\{([^{}:]+)(?::([^{}]+))?\}")
_DATES = {"yyyy": r"\d{4}", "MM": r"\d{2}", "dd": r"\d{2}", "HH": r"\d{2}", "mm": r"\d{2}", "ss": r"\d{2}"}
_CODES = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
_DATE_PARTS = re.compile("|".join(_DATES))


def keys_of(form: str) -> list[str]:
    """The names in a partition format, in their order. Raises `InvalidConfig` for none, or one twice."""
    keys = [found[1] for found in _FIELD.finditer(form)]
    if not keys or len(set(keys)) < len(keys):
        rule = "must have a name in braces, each once, such as {user}/{file}.csv"
        raise InvalidConfig("partition_format", form, rule)
    return keys


def values_in(path: str, form: str) -> dict[str, str]:
    """The value of each name in ``path``; a date in ISO 8601. Raises `InvalidConfig` if it does not match."""
    keys_of(form)
    found = re.search("(?:^|/)" + "".join(_pattern(form.lstrip("/"))) + "$", path)
    if found is None:
        raise InvalidConfig(
            "partition_format",
            form,
            f"does not match the path {path}",
            hint="It describes the end of each path, from the first name on.",
        )
    dates = {name: date for name, date in _FIELD.findall(form) if date}
    values = {name: found[f"f{number}"] for number, name in enumerate(keys_of(form))}
    return {
        name: _date(value, dates[name], form) if name in dates else value for name, value in values.items()
    }


def _pattern(form: str) -> Iterator[str]:
    at = 0
    for number, field in enumerate(_FIELD.finditer(form)):
        yield re.escape(form[at : field.start()])
        at = field.end()
        value = _DATE_PARTS.sub(lambda part: _DATES[part[0]], field[2]) if field[2] else "[^/]+"
        yield f"(?P<f{number}>{value})"
    yield re.escape(form[at:])


def _date(text: str, form: str, whole: str) -> str:
    try:
        return datetime.strptime(text, _DATE_PARTS.sub(lambda part: _CODES[part[0]], form)).isoformat()
    except ValueError:
        raise InvalidConfig("partition_format", whole, f"has a date, and {text!r} is none") from None


def partitions_of(paths: list[str], form: str | None) -> dict[str, Mapping[str, str]]:
    """The values of each path; empty without a format."""
    return {path: values_in(path, form) for path in paths} if form else {}
