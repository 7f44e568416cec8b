"""The frame of every magic: parsing, help, short errors, and ``-o NAME``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from IPython.core.magic import Magics, no_var_expand

from mlmagic.core.missing_packages import missing_package
from mlmagic.errors import Front, MLMagicError
from mlmagic.magics.messages import show_help
from mlmagic.magics.options import Arguments, Help, parse_line, with_parser
from mlmagic.magics.session import MLMagic


class SessionMagics(Magics):
    """Magics over the session they share."""

    def __init__(self, session: MLMagic) -> None:
        super().__init__(shell=session.shell)
        self.session = session

    def assign(self, name: str | None, value: Any) -> Any:
        """``-o NAME``: assign the value to a variable of the notebook too."""
        if name:
            self.session.namespace[name] = value
        return value


def parsed(method: Callable[..., Any]) -> Callable[..., Any]:
    """Turn a method of parsed arguments into a magic of a line; ``--help`` prints the help text."""
    method = with_parser(method)
    parser = method.parser  # type: ignore[attr-defined]

    @no_var_expand  # braces in a line are ours to read, and those in a cell are the user's
    @functools.wraps(method)
    def magic(self: SessionMagics, line: str, cell: str | None = None) -> Any:
        try:
            arguments: Arguments = parse_line(parser, line, self.session.namespace)
        except Help as wanted:
            show_help(wanted, in_notebook=self.session.has_kernel)
            return None
        try:
            return method(self, arguments) if cell is None else method(self, arguments, cell)
        except MLMagicError as error:
            error.write_for(Front.MAGIC)  # the SDK's objects have written it for the SDK
            raise
        except ModuleNotFoundError as error:
            raise missing_package(error) or error from None

    return cast("Callable[..., Any]", magic)
