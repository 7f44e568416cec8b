"""The base of all commands: the workspace, output, errors, help texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import IO, TYPE_CHECKING, Any

import click

from mlmagic.core.decimals import with_a_point
from mlmagic.errors import Front, InvalidConfig, MLMagicError, nearest, nearest_option, written_for
from mlmagic.visible_text import visible

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine
    from mlmagic.workspace.location import Location

WORKSPACE = "mlmagic.workspace"
FORMS = ("json", "table", "tsv")


class Option(click.Option):
    """An option under the heading ``group`` of its command's help text."""

    def __init__(self, *names: Any, group: str = "", **settings: Any) -> None:
        super().__init__(*names, **settings)
        self.group = group


class Decimal(click.types.FloatParamType):
    """A number; the error says what to write instead of a decimal comma."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} must be a number{with_a_point(value)}.", param, ctx)


class Quantity(click.ParamType):  # type: ignore[type-arg]
    """A number that may have a unit, such as 10m; ``read`` converts it, and raises `InvalidConfig`."""

    name = "quantity"

    def __init__(self, read: Callable[[str], Any]) -> None:
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._read(value)
        except InvalidConfig as error:
            self.fail(f"{error.message}.", param, ctx)


def option(
    *names: str, group: str = "", **settings: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """As `click.option`, under the heading ``group``."""
    if settings.get("type") is float:
        settings["type"] = Decimal()
    return click.option(*names, cls=Option, group=group, **settings)


class Command(click.Command):
    """A command with ``--workspace-name``. Its help text shows the options in groups.

    ``elsewhere`` says which command has an option that this one does not have, by option.
    """

    def __init__(self, *args: Any, elsewhere: Mapping[str, str] | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.elsewhere = elsewhere or {}
        self.params.append(
            click.Option(
                ["-w", "--workspace-name"],
                metavar="NAME",
                expose_value=False,
                callback=_remember,
                help="The workspace. Default: the one of the current folder, or the user's.",
            )
        )
        self.params.append(
            click.Option(["-g", "--resource-group"], expose_value=False, hidden=True)
        )  # of az ml: there are none here

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # `-ic FILE` of the first Azure ML command line would be read as `-i c`, or refused as `-i`.
        known = {each for option in self.params for each in option.opts if each.startswith("--")}
        for word in args:
            if len(word) > 2 and word[0] == "-" != word[1] and f"-{word}" in known:
                raise click.NoSuchOption(word, ctx=ctx)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Called by click to write the options."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is not None:
                groups.setdefault(getattr(parameter, "group", "") or "Options", []).append(record)
        groups["Options"] = groups.pop("Options")  # last: every command has these
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)


class Commands(click.Group):
    """A group of commands. Errors are one line: exit code 1 for ours, 2 for a wrong command line."""

    command_class = Command
    group_class = type

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MLMagicError as error:
            error.write_for(Front.COMMAND)
            echo(f"{error.kind_of_error}: {error}", err=True)
            ctx.exit(1)
        except click.UsageError as error:
            raise WrongLine.of(error) from None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise WrongLine.of(error) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0].isidentifier() and self.get_command(ctx, args[0]) is None:
            match = nearest(args[0], self.list_commands(ctx))
            hint = f"Did you mean {match!r}?" if match else f"See {ctx.command_path} --help."
            raise WrongLine(f"{ctx.command_path} has no command {args[0]!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)


class WrongLine(click.UsageError):
    """A command line that cannot be read. It is reported in one line, without the usage."""

    @classmethod
    def of(cls, error: click.UsageError) -> click.UsageError:
        """``error`` in one line; a request for help stays what it is."""
        if isinstance(error, cls) or error.ctx is None or type(error).__name__ == "NoArgsIsHelpError":
            return error
        path = error.ctx.command_path
        if isinstance(error, click.NoSuchOption):
            known = [
                each for option in error.ctx.command.params for each in (*option.opts, *option.secondary_opts)
            ]
            match = nearest_option(error.option_name, known)
            hint = f"Did you mean {match!r}?" if match else f"See {path} --help."
            if other := getattr(error.ctx.command, "elsewhere", {}).get(error.option_name):
                hint = f"Use: {other}"
            return cls(f"{path} has no option {error.option_name!r}. {hint}", error.ctx)
        missing = error.param if isinstance(error, click.MissingParameter) else None
        if isinstance(missing, click.Option):
            what = (missing.help or "").partition(". ")[0].rstrip(".")
            text = f"{missing.opts[0]} {missing.metavar or 'NAME'} ({what[:1].lower()}{what[1:]})"
            return cls(f"{path} needs {text}. See {path} --help.", error.ctx)
        message = " ".join(error.format_message().split())
        return cls(f"{path}: {message.rstrip('.')}. See {path} --help.", error.ctx)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line to standard error."""
        click.echo(visible(self.message), file=file, err=file is None)


def _remember(ctx: click.Context, option: click.Parameter, value: str | None) -> None:
    if value:
        ctx.meta[WORKSPACE] = value


def location() -> Location:
    """The location of the command's workspace. Raises `NotFound`."""
    from mlmagic.workspace.location import existing, locate

    context = click.get_current_context(silent=True)  # the shell that completes a line has none
    name = context.meta.get(WORKSPACE) if context else None
    return existing(name) if name else locate()


def engine() -> closing[Engine]:
    """The engine without a supervisor: a command ends soon, so the daemon supervises services."""
    from mlmagic.engine.engine import Engine
    from mlmagic.workspace.known_workspaces import remember

    opened = Engine(location(), supervise=False)
    remember(opened.location)
    return closing(opened)


def say(text: str) -> None:
    """Print a message to standard error."""
    echo(written_for(Front.COMMAND, text), err=True)


def echo(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Print to the terminal, with control characters written out."""
    click.echo(visible(str(text)), err=err, nl=nl)


def output(default: str = "json") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``-o json|table|tsv``, passed to the command as ``form``."""
    return click.option(
        *("-o", "--output", "form"),
        type=click.Choice(FORMS),
        default=default,
        show_default=True,
        help="Output format.",
    )


def show(value: Any, form: str = "json") -> None:
    """Print data to standard output: a list of records as rows, one record as rows of key and value."""
    if form == "json":
        echo(json.dumps(value, indent=2, default=str).replace("\x7f", "\\u007f"))
        return
    head: Sequence[str] = ()
    if isinstance(value, Mapping):
        rows = [[str(key), _cell(each)] for key, each in value.items()]
    else:
        records = list(value)
        head = list(dict.fromkeys(key for record in records for key in record))
        rows = [[_cell(record.get(key)) for key in head] for record in records]
    if form == "tsv":
        echo("".join("\t".join(row) + "\n" for row in rows), nl=False)
    else:
        echo(_table(head, rows), nl=False)


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


def labels(given: Sequence[str]) -> list[str | list[str]]:
    """``KEY`` and ``KEY=VALUE`` words as Azure ML v1's lists have them: keys, and pairs of key and value."""
    return [each.split("=", 1) if "=" in each else each for each in given]


def complete_services(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Names of services, for completion."""
    return _complete(lambda open_engine: open_engine.services.names(), begun)


def complete_revisions(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Numbers of revisions of the service that the line names, for completion."""
    name = ctx.params.get("name") or ""
    return _complete(lambda opened: [str(each) for each in opened.services.revision_numbers(name)], begun)


def complete_models(ctx: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Ids of models, for completion."""
    return _complete(lambda open_engine: [model.id for model in open_engine.models.list()], begun)


def _complete(names: Callable[[Engine], list[str]], begun: str) -> list[str]:
    try:
        with engine() as opened:
            return [name for name in names(opened) if name.startswith(begun)]
    except MLMagicError:  # pressing Tab must not print an error
        return []


service_name = option(
    *("-n", "--name"), required=True, shell_complete=complete_services, help="Its name.", group="Service"
)
"""The option that names a service."""
