"""The deployment arguments as options of a line: the same for `%deploy` and `%update`."""

from __future__ import annotations

from argparse import BooleanOptionalAction
from collections.abc import Callable
from typing import Any

from mlmagic.core.arguments import OPTIONS, Argument
from mlmagic.magics.options import Arguments, argument, labels, number, pairs


def deployment_options(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``magic`` an option for each row of the table; read them with `given_arguments`."""
    for row in reversed(OPTIONS):
        magic = _option(row)(magic)
    return magic


def given_arguments(args: Arguments) -> dict[str, Any]:
    """The deployment arguments that the line gives, by name."""
    given = {row.name: getattr(args, row.name) for row in OPTIONS}
    for row in OPTIONS:
        if row.kind is dict and given[row.name]:
            given[row.name] = pairs(row.option, given[row.name])
    return {name: value for name, value in given.items() if value is not None}


def _option(row: Argument) -> Any:
    more: dict[str, Any] = {"dest": row.name, "group": row.group}
    if row.kind is bool:
        return argument(*row.options, action=BooleanOptionalAction, help=row.option_help, **more)
    if row.kind is dict:
        return labels(*row.options, help=f"{row.option_help} A {{dict}} too; may repeat.", **more)
    if row.kind is not str:
        more["type"] = number(row.option.lstrip("-"), row.kind)
    return argument(*row.options, metavar=row.value_name, help=row.option_help, **more)
