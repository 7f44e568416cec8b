"""What all commands share: the workspace they are about, how they print, how they fail."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from mlmagic.errors import MLMagicError

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine
    from mlmagic.workspace.location import Location

WORKSPACE = "mlmagic.workspace"
FORMS = ("json", "table", "tsv")


class Command(click.Command):
    """A command that may be told which workspace it is about."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.params.append(
            click.Option(
                ["-w", "--workspace-name"],
                metavar="NAME",
                expose_value=False,
                callback=_remember,
                help="The user's workspace of that name (default: the one found from here).",
            )
        )
        self.params.append(
            click.Option(["-g", "--resource-group"], expose_value=False, hidden=True)
        )  # of az ml: there are none here


class Commands(click.Group):
    """Turns our errors into one line and exit code 1; anything else is a fault of ours and shows itself."""

    command_class = Command
    group_class = type

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MLMagicError as error:
            click.echo(f"{error.kind_of_error}: {error}", err=True)
            ctx.exit(1)


def _remember(ctx: click.Context, option: click.Parameter, value: str | None) -> None:
    if value:
        ctx.meta[WORKSPACE] = value


def location() -> Location:
    """Where the workspace lies that this command is about. Raises `NotFound`."""
    from mlmagic.workspace.location import existing, locate

    context = click.get_current_context(silent=True)  # the shell that completes a line has none
    name = context.meta.get(WORKSPACE) if context else None
    return existing(name) if name else locate()


def engine() -> closing[Engine]:
    """A command ends soon: the keeper looks after the services, not this process."""
    from mlmagic.engine.engine import Engine

    return closing(Engine(location(), supervise=False))


def say(text: str) -> None:
    """Words: to standard error."""
    click.echo(text, err=True)


def output(default: str = "json") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``-o json|table|tsv``, given to the command as ``form``."""
    return click.option(
        "-o", "--output", "form", type=click.Choice(FORMS), default=default, show_default=True
    )


def show(value: Any, form: str = "json") -> None:
    """Data: to standard output. A list of records becomes rows, one record becomes rows of key and value."""
    if form == "json":
        click.echo(json.dumps(value, indent=2, default=str))
        return
    head: Sequence[str] = ()
    if isinstance(value, Mapping):
        rows = [[str(key), _cell(each)] for key, each in value.items()]
    else:
        records = list(value)
        head = list(dict.fromkeys(key for record in records for key in record))
        rows = [[_cell(record.get(key)) for key in head] for record in records]
    if form == "tsv":
        sys.stdout.write("".join("\t".join(row) + "\n" for row in rows))
    else:
        click.echo(_table(head, rows), nl=False)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [*([head] if head else []), *rows]
    if not lines:
        return ""
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    if head:
        lines.insert(1, ["-" * width for width in widths])
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return " ".join(text.split())  # a cell is on one line


def pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    """``KEY=VALUE`` words as a dict. Raises `InvalidConfig`."""
    from mlmagic.core.model import parse_labels

    return parse_labels(option, given)


def complete_services(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Names of services, for the shell."""
    return _complete(lambda open_engine: open_engine.services.names(), begun)


def complete_models(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Ids of models, for the shell."""
    return _complete(lambda open_engine: [model.id for model in open_engine.models.list()], begun)


def _complete(names: Callable[[Engine], list[str]], begun: str) -> list[str]:
    try:
        with engine() as opened:
            return [name for name in names(opened) if name.startswith(begun)]
    except MLMagicError:  # the shell is no place to say so
        return []
