"""What commands print: data to standard output, messages and progress to standard error.

Data has the keys that ``az ml`` prints: Azure ML v1's where it has them, else our own fields in camelCase.
Times are ISO 8601.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mlmagic.errors import Front, written_for
from mlmagic.visible_text import visible

if TYPE_CHECKING:
    from mlmagic.widgets.cards import Listing

FORMS = ("json", "jsonc", "yaml", "table", "tsv", "none")
"""The output formats of ``az``."""
FORM, QUERY, QUIET = "mlmagic.form", "mlmagic.query", "mlmagic.quiet"
_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+(\+00:00|Z)?")


# -- options ------------------------------------------------------------------------------------------------


def output(default: str = "json") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``-o FORM``, passed to the command as ``form``."""
    return click.option(*_NAMES, **_settings(default))


def output_option() -> click.Option:
    """``-o FORM`` of a command that prints data only where it is asked to; see `result`."""
    return click.Option(list(_NAMES), expose_value=False, **_settings(None))


def query_option() -> click.Option:
    """``--query``, which selects what is printed."""
    return click.Option(
        ["--query", "of_all_query"],
        metavar="JMESPATH",
        expose_value=False,
        callback=_remember_query,
        help="Print only this part of the data (https://jmespath.org).",
    )


_NAMES = ("-o", "--output", "form")


def _settings(default: str | None) -> dict[str, Any]:
    return {
        "type": click.Choice(FORMS),
        "default": default,
        "show_default": True,
        "callback": _remember_form,
        "help": "Output format.",
    }


def _remember_form(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    if value is not None and _is_given(ctx, option):
        ctx.meta[FORM] = value
    return value


def _is_given(ctx: click.Context, option: click.Parameter) -> bool:
    assert option.name is not None
    return ctx.get_parameter_source(option.name) is click.core.ParameterSource.COMMANDLINE


def _remember_query(ctx: click.Context, option: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    import jmespath

    try:
        ctx.meta[QUERY] = jmespath.compile(value)
    except jmespath.exceptions.JMESPathError as error:
        words = " ".join(str(error).split())
        raise click.UsageError(f"--query {value!r} is not JMESPath: {words}", ctx) from None


def _meta() -> dict[str, Any]:
    context = click.get_current_context(silent=True)  # the shell that completes a line has none
    return context.meta if context else {}


# -- printing -----------------------------------------------------------------------------------------------


def echo(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Print to the terminal, with control characters written out."""
    click.echo(visible(str(text)), err=err, nl=nl)


def say(text: str) -> None:
    """Print a message to standard error, unless only errors are to be shown."""
    if not _meta().get(QUIET):
        echo(written_for(Front.COMMAND, text), err=True)


def show(value: Any, form: str = "json") -> None:
    """Print data: a list of records as rows, one record as rows of key and value; see `plain`."""
    value = plain(value)
    if (query := _meta().get(QUERY)) is not None:
        value = query.search(value)
        form = _meta().get(FORM, "json")
    if form in ("json", "jsonc"):
        echo(json.dumps(value, indent=2, default=str).replace("\x7f", "\\u007f"))
    elif form == "yaml":
        import yaml

        echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), nl=False)
    elif form != "none":
        head, rows = _rows(value, short=form == "table")
        echo(_table(head, rows) if form == "table" else _tsv(rows), nl=False)


def show_listing(listing: Listing, records: Callable[[], Any], form: str) -> None:
    """Print a table that is made for people, or else the ``records`` as data."""
    if form == "table" and QUERY not in _meta():
        echo(listing.text_for(Front.COMMAND))
    else:
        show(records(), form)


def result(text: str | None, record: Any) -> None:
    """Print what a command has made: ``text``, or the ``record`` where -o or --query asks for data."""
    if FORM in _meta() or QUERY in _meta():
        show(record, _meta().get(FORM, "json"))
    elif text is not None:
        echo(text)


def done(message: str, record: Any) -> None:
    """Print what a command has done: a message, and the ``record`` where -o or --query asks for data."""
    say(message)
    result(None, record)


def write_metadata(file: str | None, record: Any) -> None:
    """Write the result of a command to the file of ``--output-metadata-file``, if one is named."""
    if file:
        Path(file).write_text(json.dumps(record, indent=2, default=str) + "\n", encoding="utf-8")


def end_with(status: int) -> NoReturn:
    """End the command with an exit code."""
    click.get_current_context().exit(status)


# -- data ---------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """``value`` as JSON values. The fields of dataclasses are in camelCase, and their times ISO 8601."""
    if is_dataclass(value) and not isinstance(value, type):
        return {camel(each.name): _field(each.name, getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return value


def _field(name: str, value: Any) -> Any:
    if (name == "time" or name.endswith("_time")) and isinstance(value, int | float):
        return time_text(value)
    return plain(value)


def time_text(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def camel(name: str) -> str:
    """``created_time`` as ``createdTime``."""
    first, *others = name.split("_")
    return first + "".join(each[:1].upper() + each[1:] for each in others)


# -- tables -------------------------------------------------------------------------------------------------


def _rows(value: Any, *, short: bool) -> tuple[Sequence[str], list[list[str]]]:
    """Headings and rows; a scalar is one cell."""
    if isinstance(value, Mapping):
        return (), [[str(key), _cell(each, short=short)] for key, each in value.items()]
    if not isinstance(value, list):
        return (), [] if value is None else [[_cell(value, short=short)]]
    if not all(isinstance(each, Mapping) for each in value):
        lines = [each if isinstance(each, list) else [each] for each in value]
        return (), [[_cell(cell, short=short) for cell in line] for line in lines]
    head = list(dict.fromkeys(key for record in value for key in record))
    return head, [[_cell(record.get(key), short=short) for key in head] for record in value]


def _tsv(rows: Iterable[Sequence[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [*([head] if head else []), *rows]
    if not lines:
        return ""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    if head:
        lines.insert(1, ["-" * width for width in widths])
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )


def _cell(value: Any, *, short: bool) -> str:
    """On one line. ``short``: for people, without the end of a digest, parts of a second, and brackets."""
    if value is None:
        return ""
    if short and isinstance(value, Mapping):
        return ", ".join(f"{key}={_cell(each, short=True)}" for key, each in value.items())
    if short and isinstance(value, list):
        return ", ".join(_cell(each, short=True) for each in value)
    text = " ".join((value if isinstance(value, str) else json.dumps(value, default=str)).split())
    return _TIME.sub(r"\1\2", _DIGEST.sub(r"\1", text)) if short else text
