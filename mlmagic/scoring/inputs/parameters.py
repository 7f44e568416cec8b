"""The parameters of run(), read from its signature once."""

from __future__ import annotations

import inspect
from collections.abc import Callable

HEADERS_PARAMETER = "request_headers"
RAW = "__mlmagic_raw__"
SCHEMA = "__mlmagic_schema__"
"""What the decorators leave on run(): what makes its request of ours, and a `modes.Described`."""
READER = "__mlmagic_reader__"
"""A `mlmagic.scoring.inputs.modes.Learner` that a run() of ours brings along: it reads its requests."""


class NotAnEntryScript(Exception):
    """The script breaks a rule of entry scripts; the message names it."""


class Parameters:
    """``names`` without that of the headers, ``required`` those of them without a default."""

    __slots__ = ("names", "required", "takes_headers")

    def __init__(self, names: list[str], required: list[str], takes_headers: bool) -> None:
        self.names = names
        self.required = required
        self.takes_headers = takes_headers

    @property
    def data(self) -> str:
        """The one that receives the request, where only one does."""
        return self.names[0]

    @classmethod
    def of(cls, run: Callable[..., object]) -> Parameters:
        """Raises `NotAnEntryScript` for a signature that no request could be passed to."""
        try:
            parameters = inspect.signature(run).parameters
        except (TypeError, ValueError) as error:
            raise NotAnEntryScript(f"the signature of run() cannot be read: {error}") from None
        for parameter in parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise NotAnEntryScript(f"run() takes {parameter}: each of its parameters must have a name")
            if parameter.kind is parameter.POSITIONAL_ONLY:
                raise NotAnEntryScript(
                    f"{parameter.name!r} of run() is positional-only: its parameters are passed by name"
                )
        named = [name for name in parameters if name != HEADERS_PARAMETER]
        if not named:
            raise NotAnEntryScript("run() takes no data: it needs a parameter, as in run(data)")
        required = [name for name in named if parameters[name].default is inspect.Parameter.empty]
        return cls(named, required, HEADERS_PARAMETER in parameters)

    def check_single(self) -> None:
        """Where one parameter receives the request, no other may need a value."""
        for name in self.required:
            if name != self.data:
                raise NotAnEntryScript(
                    f"{name!r} of run() has no default: only the first parameter, {self.data!r}, "
                    "receives the request"
                )
