"""The deployment arguments as options of a line: the same for `%deploy` and `%update`."""

from __future__ import annotations

from argparse import BooleanOptionalAction
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from mlmagic.core.arguments import ARGUMENTS, OPTIONS, Argument
from mlmagic.core.package_arguments import DEPLOYMENT, GROUP, TABLE
from mlmagic.magics.options import Arguments, argument, labels, pairs, with_rows


def deployment_options(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``magic`` an option for each row of the table; read them with `given_arguments`."""
    for row in reversed(OPTIONS):
        magic = _option(row)(magic)
    return magic


def package_options(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``magic`` the options of a package, those of `mlmagic.core.package_arguments`."""
    for deployment in reversed(DEPLOYMENT):
        magic = _option(deployment)(magic)
    return with_rows(TABLE, GROUP)(magic)  # type: ignore[no-any-return]


def given_arguments(args: Arguments, rows: Sequence[Argument] = OPTIONS) -> dict[str, Any]:
    """The deployment arguments of ``rows`` that the line gives, by name."""
    given = {row.name: getattr(args, row.name) for row in rows}
    for row in rows:
        if row.kind is dict and given[row.name]:
            given[row.name] = pairs(row.option, given[row.name])
    return {name: value for name, value in given.items() if value is not None}


def nearest_option(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``magic`` the option ``--nearest`` of the table, and its opposite."""
    return _option(ARGUMENTS["nearest"])(magic)  # type: ignore[no-any-return]


class _Switch(BooleanOptionalAction):
    """A flag whose opposite has a name of its own."""

    def __init__(self, option_strings: list[str], dest: str, *, opposite: str, **settings: Any) -> None:
        super().__init__(option_strings, dest, **settings)
        self._yes = tuple(option_strings)
        self.option_strings = [*option_strings, opposite]

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        setattr(namespace, self.dest, option_string in self._yes)


def _read(row: Argument, word: str) -> Any:
    return row.read(getattr(word, "held", word))


def _option(row: Argument) -> Any:
    more: dict[str, Any] = {"dest": row.name, "group": row.group}
    if row.kind is bool:
        action = partial(_Switch, opposite=row.opposite)
        return argument(*row.options, action=action, help=row.option_help, **more)
    if row.kind is dict:
        return labels(*row.options, help=f"{row.option_help} A {{dict}} too; may repeat.", **more)
    if row.kind is not str:
        more["type"] = partial(_read, row)
    return argument(*row.options, metavar=row.value_name, help=row.option_help, **more)
