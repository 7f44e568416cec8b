"""What every magic does around its work: help, parsing, short errors, keeping the result."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from IPython.core.magic import Magics, no_var_expand

from mlmagic.magics.arguments import Arguments, Help, parse_line
from mlmagic.magics.session import MLMagic


class SessionMagics(Magics):
    """Magics over the session they share."""

    def __init__(self, session: MLMagic) -> None:
        super().__init__(shell=session.shell)
        self.session = session

    def keep_as(self, name: str | None, value: Any) -> Any:
        """``-o NAME``: the value as a variable of the notebook too."""
        if name:
            self.session.namespace[name] = value
        return value


def parsed(method: Callable[..., Any]) -> Callable[..., Any]:
    """Give a magic its line parsed; ``--help`` prints the help and does nothing else.

    Stands above ``@magic_arguments()``, whose parser it uses.
    """
    parser = method.parser  # type: ignore[attr-defined]

    @no_var_expand  # braces in a line are ours to read, and those in a cell are the user's
    @functools.wraps(method)
    def magic(self: SessionMagics, line: str, cell: str | None = None) -> Any:
        try:
            arguments: Arguments = parse_line(parser, line, self.session.namespace)
        except Help as help_text:
            print(help_text)
            return None
        return method(self, arguments) if cell is None else method(self, arguments, cell)

    return cast("Callable[..., Any]", magic)
