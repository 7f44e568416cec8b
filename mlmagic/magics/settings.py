"""The settings of a service as options of a line: `%deploy` and `%update` take the same."""

from __future__ import annotations

from argparse import BooleanOptionalAction
from collections.abc import Callable
from typing import Any

from IPython.core.magic_arguments import argument

from mlmagic.core.settings import FLAGS, LABELS, NUMBERS, attribute
from mlmagic.magics.arguments import Arguments, labels, number, pairs


def settings(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``magic`` the options; read them with `settings_of`."""
    options = [
        argument(each.option, type=number(each.option.lstrip("-"), each.convert), help=each.help)
        for each in NUMBERS
    ]
    options += [argument(each.option, action=BooleanOptionalAction, help=each.help) for each in FLAGS]
    options += [labels(each.option, f"{each.help[:-1]}, or {{dict}}.") for each in LABELS]
    options.append(argument("--description", help="What it is."))
    for option in reversed(options):
        magic = option(magic)
    return magic


def settings_of(args: Arguments) -> dict[str, Any]:
    """What the line sets, by the names of `DeploymentConfig`; what it leaves out is not in it."""
    given = {each.field: getattr(args, attribute(each.option)) for each in NUMBERS}
    given |= {each.field: getattr(args, each.field) for each in FLAGS} | {"description": args.description}
    for label in LABELS:
        words = getattr(args, attribute(label.option))
        given[label.field] = pairs(label.option, words) if words else None
    return {field: value for field, value in given.items() if value is not None}
