"""Messages for values that cannot be captured: the reason and what to do instead."""

from __future__ import annotations

import re
from types import BuiltinMethodType, MethodType, ModuleType

from mlmagic.capture.imports import describe_type
from mlmagic.capture.tables import is_table

_SHELL = re.compile(r"In|Out|get_ipython|_i{0,3}h?|_{2,3}|_i?\d+|_[od]h")


class Refused(Exception):
    """A value cannot be captured: the reason, and what to do instead."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason, self.hint = reason, hint


def too_long(text: str, hint: str) -> Refused:
    return Refused(f"is {len(text):,} characters long as source code", hint)


def live(name: str, value: object) -> Refused:
    ways = (
        f"Load it in init(), register it with %register {name} --name NAME, "
        f"or ship a file with --asset {name}=PATH."
    )
    if is_table(value):
        ways = f"Copy its values into the script with --carry {name}. Or l{ways[1:]}"
    if isinstance(value, MethodType | BuiltinMethodType) and not isinstance(value.__self__, ModuleType):
        kind = f"a method of a live {describe_type(type(value.__self__))}"
    else:
        kind = f"a live {describe_type(type(value))}"
    return Refused(f"is {kind}, which cannot be written as source code", ways)


def is_shells_own(name: str, value: object) -> bool:
    """Whether IPython, not the user, put ``name`` there."""
    if _SHELL.fullmatch(name):
        return True
    home = getattr(value, "__module__", None) or type(value).__module__
    ours = name in ("open", "exit", "quit", "display", "get_ipython")
    return ours and str(home).startswith(("IPython", "ipykernel", "_sitebuiltins", "builtins", "io", "_io"))


def changed(name: str) -> Refused:
    """The refusal of a definition that read ``name``, which has another value now."""
    return Refused(
        f"was defined with {name!r}, which has changed since",
        "Run the cell that defines it again, or restore the earlier value.",
    )
