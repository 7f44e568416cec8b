"""The settings of a service as options of a line: `%deploy` and `%update` take the same."""

from __future__ import annotations

from argparse import BooleanOptionalAction
from collections.abc import Callable
from typing import Any

from IPython.core.magic_arguments import argument

from mlmagic.core.deployments import Argument
from mlmagic.core.settings import FLAGS, LABELS, NUMBERS, PLACES, TEXTS, attribute
from mlmagic.magics.arguments import Arguments, labels, number, pairs


def settings(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``magic`` the options; read them with `settings_of`."""
    options = [
        argument(each.option, type=number(each.option.lstrip("-"), each.convert), help=each.help)
        for each in NUMBERS
    ]
    options += [argument(each.option, action=BooleanOptionalAction, help=each.help) for each in FLAGS]
    options += [argument(each.option, metavar=each.metavar, help=each.help) for each in TEXTS]
    options += [labels(each.option, f"{each.help[:-1]}, or {{dict}}.") for each in LABELS]
    for option in reversed(options):
        magic = option(magic)
    return magic


def settings_of(args: Arguments) -> dict[str, Any]:
    """What the line sets, by the names of `DeploymentConfig`; what it leaves out is not in it."""
    given = {each.field: getattr(args, attribute(each.option)) for each in (*NUMBERS, *FLAGS, *TEXTS)}
    for label in LABELS:
        words = getattr(args, attribute(label.option))
        given[label.field] = pairs(label.option, words) if words else None
    return {field: value for field, value in given.items() if value is not None}


def settings_of_places(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``magic`` the options that only some places have; read them with `place_settings_of`."""
    for option, each in reversed(tuple(PLACES.items())):
        magic = _option_of_place(option, each)(magic)
    return magic


def place_settings_of(args: Arguments) -> dict[str, Any]:
    """What the line sets of them, by the documents' names."""
    return {each.name: value for each in PLACES.values() if (value := getattr(args, each.name)) is not None}


def _option_of_place(option: str, each: Argument) -> Any:
    if each.kind is bool:
        return argument(option, action=BooleanOptionalAction, help=each.means)
    if each.kind is int:
        return argument(option, type=number(option.lstrip("-"), int), metavar="NUMBER", help=each.means)
    return argument(option, metavar="TEXT", help=each.means)
