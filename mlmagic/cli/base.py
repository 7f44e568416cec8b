"""The base of all commands: options, help texts, errors, and the workspace's engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.common_options import as_flags, options_of_all
from mlmagic.cli.completion import FOLDER, WORKSPACE, complete_services
from mlmagic.cli.failures import AS_JSON, WrongLine, asks_for_json, report
from mlmagic.cli.output import FORM, QUERY
from mlmagic.core.decimals import with_a_point
from mlmagic.core.missing_packages import missing_package
from mlmagic.errors import InvalidConfig, MLMagicError, nearest

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine
    from mlmagic.workspace.location import Location


class Option(click.Option):
    """An option under the heading ``group`` of its command's help text.

    ``also`` are more names, those of ``az ml``, which the help text leaves out.
    """

    def __init__(
        self, names: Sequence[str], *, group: str = "", also: Sequence[str] = (), **settings: Any
    ) -> None:
        super().__init__([*names, *also], **settings)
        self.group, self._also = group, also

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Called by click to write the option."""
        opts = self.opts
        self.opts = [each for each in opts if each not in self._also]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = opts


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
    """As `click.option`, under the heading ``group``. Of a file or folder the shell completes the name."""
    if settings.get("type") is float:
        settings["type"] = Decimal()
    if settings.get("metavar") in ("FILE", "DIR", "PATH"):
        settings.setdefault("type", click.Path(file_okay=settings["metavar"] != "DIR"))
    return click.option(*names, cls=Option, group=group, **settings)


class Command(click.Command):
    """A command with the options that all commands have. Its help text shows the options in groups.

    ``elsewhere`` says which command has an option that this one does not have, by option.
    """

    def __init__(self, *args: Any, elsewhere: Mapping[str, str] | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.elsewhere = elsewhere or {}
        self.params += options_of_all({each for option in self.params for each in option.opts})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # `-ic FILE` of the first Azure ML command line would be read as `-i c`, or refused as `-i`.
        known = {each for option in self.params for each in option.opts if each.startswith("--")}
        for word in args:
            if len(word) > 2 and word[0] == "-" != word[1] and f"-{word}" in known:
                raise click.NoSuchOption(word, ctx=ctx)
        try:
            return super().parse_args(ctx, as_flags(self.params, args))
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # click leaves it out where an option has no value
            raise

    def invoke(self, ctx: click.Context) -> Any:
        if QUERY in ctx.meta and "form" in ctx.params:
            ctx.params["form"] = ctx.meta.get(FORM, "json")
        return super().invoke(ctx)

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
    """A group of commands. Errors are one line, and have the exit codes of `mlmagic.cli.failures`.

    ``lazy_subcommands`` has ``module:command`` by name: a module is imported when its command is used, so
    that every command starts fast.
    """

    command_class = Command
    group_class = type

    def __init__(
        self, *args: Any, lazy_subcommands: Mapping[str, str] | None = None, **settings: Any
    ) -> None:
        super().__init__(*args, **settings)
        self._lazy = lazy_subcommands or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self.commands, *self._lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands and cmd_name in self._lazy:
            module, _, command = self._lazy[cmd_name].partition(":")
            self.add_command(getattr(import_module(f"mlmagic.cli.{module}"), command), cmd_name)
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MLMagicError as error:
            ctx.exit(report(ctx, error))
        except ModuleNotFoundError as error:
            if (missing := missing_package(error)) is None:
                raise
            ctx.exit(report(ctx, missing))
        except click.UsageError as error:
            raise WrongLine.of(error) from None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.parent is None:
            ctx.meta[AS_JSON] = asks_for_json(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise WrongLine.of(error) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0][:1] != "-" and self.get_command(ctx, args[0]) is None:
            match = nearest(args[0], self.list_commands(ctx))
            hint = f"Did you mean {match!r}?" if match else f"See {ctx.command_path} --help."
            raise WrongLine(f"{ctx.command_path} has no command {args[0]!r}.", ctx, hint=hint)
        return super().resolve_command(ctx, args)


def location() -> Location:
    """The location of the command's workspace. Raises `NotFound`."""
    from mlmagic.workspace.location import existing, locate

    context = click.get_current_context(silent=True)  # the shell that completes a line has none
    meta = context.meta if context else {}
    return existing(meta[WORKSPACE]) if WORKSPACE in meta else locate(start=meta.get(FOLDER))


def engine() -> closing[Engine]:
    """The engine without a supervisor: a command ends soon, so the daemon supervises services."""
    from mlmagic.engine.engine import Engine
    from mlmagic.workspace.known_workspaces import remember

    opened = Engine(location(), supervise=False)
    remember(opened.location)
    return closing(opened)


def pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    """``KEY=VALUE`` words as a dict. Raises `InvalidConfig`."""
    from mlmagic.core.model import parse_labels

    return parse_labels(option, given)


def labels(given: Sequence[str]) -> list[str | list[str]]:
    """``KEY`` and ``KEY=VALUE`` words as Azure ML v1's lists have them: keys, and pairs of key and value."""
    return [each.split("=", 1) if "=" in each else each for each in given]


service_name = option(
    *("-n", "--name"), required=True, shell_complete=complete_services, help="Its name.", group="Service"
)
"""The option that names a service."""
