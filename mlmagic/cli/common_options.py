"""The options that all commands have: those for people, and those of ``az`` that change nothing here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from mlmagic.cli.completion import FOLDER, WORKSPACE, complete_workspaces
from mlmagic.cli.failures import DEBUG
from mlmagic.cli.output import QUIET, output_option, query_option

_WITHOUT_EFFECT = (
    ("-g", "--resource-group"),
    ("--subscription-id",),
    ("--subscription",),
)
"""Options of ``az ml`` with a value: there are no resource groups and subscriptions here."""
_FLAGS_WITHOUT_EFFECT = (("-v",), ("--verbose",), ("-y", "--yes"))
_ON, _OFF = ("true", "yes", "1"), ("false", "no", "0")


def options_of_all(taken: Collection[str]) -> list[click.Option]:
    """The options that a command has besides its own, whose names are ``taken``."""
    return list(_free([*_for_people(), *_of_az()], taken))


def _free(options: Sequence[click.Option], taken: Collection[str]) -> Iterator[click.Option]:
    for option in options:
        option.opts = [each for each in option.opts if each not in taken]
        if option.opts:
            yield option


def _for_people() -> list[click.Option]:
    return [
        output_option(),
        query_option(),
        _option(
            *("-w", "--workspace-name"),
            metavar="NAME",
            callback=_remember(WORKSPACE),
            shell_complete=complete_workspaces,
            help="The workspace. Default: the one of the current folder, or the user's.",
        ),
        _option(
            "--only-show-errors",
            is_flag=True,
            callback=_remember(QUIET),
            help="Print no messages and no progress.",
        ),
        _option(
            "--debug",
            is_flag=True,
            callback=_debug,
            help="Print the log of mlmagic, and errors with their traceback.",
        ),
    ]


def _of_az() -> list[click.Option]:
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    return [
        _option("--path", type=folder, hidden=True, callback=_remember(FOLDER)),
        *(_option(*names, hidden=True) for names in _WITHOUT_EFFECT),
        *(_option(*names, is_flag=True, hidden=True) for names in _FLAGS_WITHOUT_EFFECT),
    ]


def _option(*names: str, **settings: Any) -> click.Option:
    """Its parameter has a name of its own: the parser keeps the values of a command by these names."""
    parameter = "of_all_" + names[-1].lstrip("-").replace("-", "_")
    return click.Option([*names, parameter], expose_value=False, **settings)


def _remember(key: str) -> Any:
    def keep(ctx: click.Context, option: click.Parameter, value: Any) -> None:
        if value:
            ctx.meta[key] = value

    return keep


def _debug(ctx: click.Context, option: click.Parameter, value: bool) -> None:
    if value:
        import logging

        ctx.meta[DEBUG] = True
        logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s: %(message)s")
        logging.getLogger("mlmagic").setLevel(logging.DEBUG)


def as_flags(options: Sequence[click.Parameter], words: Sequence[str]) -> list[str]:
    """``words`` with ``--auth-enabled false`` of ``az ml`` written as a flag has it, ``--no-auth``."""
    flags = [option for option in options if option.secondary_opts]
    switches = {name: flag for flag in flags for name in flag.opts if name[:2] == "--"}
    written: list[str] = []
    for word in words:
        switch = switches.get(written[-1]) if written else None
        if switch is not None and word.lower() in _OFF:
            written[-1] = switch.secondary_opts[0]
        elif switch is None or word.lower() not in _ON:
            name, _, value = word.partition("=")
            if name in switches and value.lower() in (*_ON, *_OFF):
                word = name if value.lower() in _ON else switches[name].secondary_opts[0]
            written.append(word)
    return written
