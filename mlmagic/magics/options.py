"""The options of a magic: how they are declared, parsed, and shown by ``--help``."""

from __future__ import annotations

import argparse
import inspect
import keyword
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from IPython.core import magic_arguments
from IPython.core.magic_arguments import MagicArgumentParser

from mlmagic.core.decimals import with_a_point
from mlmagic.core.model import parse_labels
from mlmagic.core.option_rows import OptionRow
from mlmagic.errors import InvalidConfig, UsageError, nearest_option
from mlmagic.magics.line import VALUE_MARK, split_line, with_values

ARGUMENTS, OPTIONS = "Arguments", "Options"
"""The groups of what is declared without one."""


class argument(magic_arguments.argument):
    """A decorator that gives a magic an argument or an option.

    ``help`` is plain text, not the %-format that argparse expects; ``group`` is the heading above it.
    """

    def __init__(self, *names: str, help: str, group: str = OPTIONS, **settings: Any) -> None:
        super().__init__(*names, help=help.replace("%", "%%"), **settings)
        self.group = group if names[0].startswith("-") else ARGUMENTS

    def add_to_parser(self, parser: MagicArgumentParser, group: Any) -> None:
        """Called by IPython for each decorator of a magic."""
        known = {each.title: each for each in parser._action_groups}
        section = known.get(self.group) or parser.add_argument_group(self.group)
        section.add_argument(*self.args, **self.kwds)


def with_parser(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``magic`` the parser of the arguments below it; its docstring becomes the help text.

    IPython's own ``magic_arguments`` would format each help text twice while the extension loads.
    """
    cell = inspect.signature(magic).parameters.get("cell")
    percents = "%%" if cell is not None and cell.default is cell.empty else "%"
    parser = MagicArgumentParser(
        f"{percents}{magic.__name__}", description=inspect.cleandoc(magic.__doc__ or "")
    )
    for decorator in reversed(getattr(magic, "decorators", ())):
        decorator.add_to_parser(parser, None)
    magic.parser = parser  # type: ignore[attr-defined]
    magic.__doc__ = help_text(parser)
    return magic


class Arguments:
    """The values of a line's arguments and options, as attributes."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:  # for the type checker: the parser knows the names
        raise AttributeError(name)


class Help(Exception):
    """The line has ``--help``; the text is to be printed, or shown as what the parser knows."""

    def __init__(self, parser: MagicArgumentParser) -> None:
        super().__init__(help_text(parser))
        self.parser = parser


def parse_line(parser: MagicArgumentParser, line: str, namespace: Mapping[str, Any]) -> Arguments:
    """Parse a line with a magic's parser. Raises `Help` for ``--help`` and `UsageError` for a wrong line."""
    words = split_line(line)
    if "-h" in words or "--help" in words:
        raise Help(parser)

    def refuse(message: str) -> NoReturn:
        words = message.replace(VALUE_MARK, "")
        raise UsageError(f"{parser.prog}: {words}", hint=f"Usage: {usage(parser)}")

    parser.error = refuse
    parser.allow_abbrev = False
    _check_options(parser, words)
    parser.register("type", None, text)
    return Arguments(
        vars(parser.parse_args([part for word in words for part in with_values(word, namespace)]))
    )


def _check_options(parser: MagicArgumentParser, words: Iterable[str]) -> None:
    """Raises `UsageError` for a word that looks like an option and is none, abbreviations included."""
    for word in words:
        option = word.partition("=")[0]
        if option == "--":
            return
        known = parser._option_string_actions
        one_dash = (
            option.startswith("-") and f"-{option}" in known
        )  # argparse reads -overwrite as -o verwrite
        if one_dash or (option.startswith("--") and option not in known):
            match = nearest_option(option, known)
            raise UsageError(
                f"{parser.prog} has no option {option!r}",
                hint=f"Did you mean {match!r}?" if match else f"{parser.prog} --help lists the options.",
            )


def usage(parser: MagicArgumentParser) -> str:
    """The positional arguments and the required options of a magic, in one line."""
    shown, has_options = [parser.prog], False
    for action in parser._actions:
        name = action.metavar or action.dest.upper()
        if not action.option_strings:
            shown.append(
                {"?": f"[{name}]", "*": f"[{name} ...]", "...": f"{name} ..."}.get(action.nargs, name)
            )
        elif action.required:
            shown.append(f"{action.option_strings[0]} {name}")
        else:
            has_options = True
    return " ".join([*shown, *(["[OPTIONS]"] if has_options else [])])


def help_text(parser: MagicArgumentParser) -> str:
    """The usage, the description with its examples, and the options in groups."""
    formatter = _HelpFormatter(parser.prog)
    for group in parser._action_groups:
        formatter.start_section(group.title)
        formatter.add_arguments(group._group_actions)
        formatter.end_section()
    return f"usage: {usage(parser)}\n\n{parser.description}\n\n{formatter.format_help()}"


def help_sections(parser: MagicArgumentParser) -> list[tuple[str, list[tuple[str, str]]]]:
    """The groups of options: for each its title, and pairs of an option's names and what it does."""
    formatter = _HelpFormatter(parser.prog)
    return [
        (
            str(group.title),
            [
                (formatter._format_action_invocation(action), formatter._expand_help(action))
                for action in group._group_actions
                if action.help
            ],
        )
        for group in parser._action_groups
        if any(action.help for action in group._group_actions)
    ]


class _HelpFormatter(argparse.HelpFormatter):
    """One line for the names of an option, with its value once."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=100)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return str(action.metavar or action.dest.upper())
        value = "" if action.nargs == 0 else f" {self._format_args(action, action.dest.upper())}"
        return f"{', '.join(action.option_strings)}{value}"


def pairs(option: str, given: Iterable[Any] | None) -> dict[str, str]:
    """The KEY=VALUE words or dicts given for an option; empty if it was not given."""
    return parse_labels(option, given or ())


# -- kinds of values -----------------------------------------------------------------------------------


def text(word: str) -> str:
    """Text, also from the notebook; numbers and paths are converted. The kind of an option without one."""
    held = getattr(word, "held", word)
    if isinstance(held, Path):
        return str(held)
    if not isinstance(held, str | int | float) or isinstance(held, bool):
        raise ArgumentTypeError(f"must be text, not a {type(held).__name__}")
    return str(held)


def thing(word: str) -> Any:
    """Text or an object."""
    return getattr(word, "held", word)


def data(word: str) -> str:
    """The input of `read_data`."""
    return word


def variable(word: str) -> str:
    """A valid name for a variable of the notebook."""
    name = text(word)
    if not name.isidentifier() or keyword.iskeyword(name):
        raise InvalidConfig("--out", name, "cannot be the name of a variable")
    return name


def number(
    option: str, convert: Callable[[str], float] = float, *, above: float | None = None
) -> Callable[[str], Any]:
    """A number; the error names the option, the value and the rule."""

    def read(word: str) -> Any:
        held = getattr(word, "held", word)
        try:
            value = convert(held)
        except (TypeError, ValueError):
            words = "a whole number" if convert is int else f"a number{with_a_point(held)}"
            raise InvalidConfig(option, held, f"must be {words}") from None
        if above is not None and not value > above:
            raise InvalidConfig(option, value, f"must be above {above:g}")
        return value

    return read


# -- options that several magics have ------------------------------------------------------------------


def out(what: str, group: str = OPTIONS) -> Any:
    """``-o NAME``."""
    return argument(
        "-o", "--out", type=variable, metavar="NAME", group=group, help=f"Assign {what} to this variable."
    )


def with_rows(rows: Sequence[OptionRow], group: str) -> Callable[[Any], Any]:
    """The options of a table, for a magic."""

    def add(magic: Any) -> Any:
        for row in reversed(rows):
            more: dict[str, Any] = {"metavar": row.metavar} if row.metavar else {"action": "store_true"}
            if row.metavar == "DATA":
                more["type"] = data
            magic = argument(*row.in_magic, *row.options, dest=row.name, help=row.help, group=group, **more)(
                magic
            )
        return magic

    return add


def models(help: str, group: str = OPTIONS) -> Any:
    """``-m NAME:VERSION``, which may repeat."""
    return argument(
        *("-m", "--model"),
        action="append",
        default=[],
        type=thing,
        metavar="MODEL",
        group=group,
        help=help,
    )


def labels(*options: str, help: str, metavar: str = "KEY=VALUE", **settings: Any) -> Any:
    """KEY=VALUE or a dict, which may repeat; read with `pairs`."""
    return argument(*options, action="append", type=thing, metavar=metavar, help=help, **settings)
