"""How commands fail: one line on standard error, or one line of JSON with ``-o json``, and an exit code.

1  the operation failed
2  the command line is wrong: an option, or a value that breaks its rule; nothing was changed
3  what was named does not exist, as with ``az``
4  data drift was found (``mlmagic drift run``)
130  it was interrupted
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Sequence
from itertools import pairwise
from typing import IO, Any

import click

from mlmagic.cli.output import echo
from mlmagic.errors import (
    Front,
    Interrupted,
    InvalidConfig,
    InvalidConfigs,
    MLMagicError,
    NotFound,
    UsageError,
    nearest_option,
)
from mlmagic.visible_text import visible

FAILED, WRONG_LINE, ABSENT, DRIFTED, INTERRUPTED = 1, 2, 3, 4, 130
AS_JSON, DEBUG = "mlmagic.errors_as_json", "mlmagic.debug"
_JSON = ("json", "jsonc")
_NAMES = ("argument of ", "key of ")
"""What is looked up by a name that the user has misspelt, and is no thing in the workspace."""


def exit_code(error: MLMagicError) -> int:
    """The exit code that stands for an error."""
    if isinstance(error, NotFound):
        return WRONG_LINE if error.kind.startswith(_NAMES) else ABSENT
    if isinstance(error, InvalidConfig | InvalidConfigs) or type(error) is UsageError:
        return WRONG_LINE
    return INTERRUPTED if isinstance(error, Interrupted) else FAILED


def asks_for_json(words: Sequence[str]) -> bool:
    """Whether a command line has ``-o json``, also where it cannot be read."""
    pairs = set(pairwise(words))
    return any(
        (name, form) in pairs or f"{name}{joint}{form}" in words
        for name, joint in (("-o", ""), ("--output", "="))
        for form in _JSON
    )


def report(ctx: click.Context, error: MLMagicError) -> int:
    """Print an error; returns the exit code."""
    error.write_for(Front.COMMAND)
    if ctx.meta.get(DEBUG):
        echo("".join(traceback.format_exception(error)).rstrip(), err=True)
    if ctx.meta.get(AS_JSON):
        details = str(error).removeprefix(str(MLMagicError(error.message, hint=error.hint))).strip()
        _print_json(error.kind_of_error, error.message, error.hint, details)
    else:
        echo(f"{error.kind_of_error}: {error}", err=True)
    return exit_code(error)


def _print_json(code: str, message: str, hint: str, details: str = "") -> None:
    """On one line: messages may precede it on standard error."""
    record = {"code": code, "message": message, "hint": hint, **({"details": details} if details else {})}
    echo(json.dumps(record, ensure_ascii=False), err=True)


class WrongLine(click.UsageError):
    """An invalid command line. It is reported in one line, without the usage."""

    def __init__(self, message: str, ctx: click.Context | None = None, *, hint: str = "") -> None:
        super().__init__(message, ctx)
        self.hint = hint

    @classmethod
    def of(cls, error: click.UsageError) -> click.UsageError:
        """``error`` in one line; a request for help stays what it is."""
        if isinstance(error, cls) or error.ctx is None or type(error).__name__ == "NoArgsIsHelpError":
            return error
        path = error.ctx.command_path
        see = f"See {path} --help."
        if isinstance(error, click.NoSuchOption):
            options = error.ctx.command.params
            known = [each for option in options for each in (*option.opts, *option.secondary_opts)]
            match = nearest_option(error.option_name, known)
            hint = f"Did you mean {match!r}?" if match else see
            if other := getattr(error.ctx.command, "elsewhere", {}).get(error.option_name):
                hint = f"Use: {other}"
            return cls(f"{path} has no option {error.option_name!r}.", error.ctx, hint=hint)
        missing = error.param if isinstance(error, click.MissingParameter) else None
        if isinstance(missing, click.Option):
            what = (missing.help or "").partition(". ")[0].rstrip(".")
            text = f"{missing.opts[0]} {missing.metavar or 'NAME'} ({what[:1].lower()}{what[1:]})"
            return cls(f"{path} needs {text}.", error.ctx, hint=see)
        message = " ".join(error.format_message().split())
        return cls(f"{path}: {message.rstrip('.')}.", error.ctx, hint=see)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line to standard error."""
        if self.ctx is not None and self.ctx.meta.get(AS_JSON):
            _print_json("UsageError", self.message, self.hint)
            return
        text = f"{self.message} {self.hint}".rstrip()
        click.echo(visible(text), file=file, err=file is None)
