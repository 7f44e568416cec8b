"""Whether several requests may be one call of run(), and how a request is read apart from that call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mlmagic.scoring.http.request import Request
from mlmagic.scoring.inputs.modes import Described, Input, PlainInput, RawInput, WithHeaders, mark
from mlmagic.scoring.inputs.parameters import NotAnEntryScript

MAX_ROWS = 4096

Prepare = Callable[[Request], dict[str, Any]]
Perform = Callable[..., Any]


def batch_of(run: Callable[..., object]) -> int:
    """The most rows of a batch that ``run.batch`` allows (True: `MAX_ROWS`); 0 where it declares none."""
    declared = mark(run, "batch")
    if declared is None or declared is False:
        return 0
    if declared is True:
        return MAX_ROWS
    if isinstance(declared, int) and declared > 0:
        return declared
    raise NotAnEntryScript(f"run.batch is {declared!r}: it must be True, or the most rows of one call")


def check_stackable(mode: Input, *, is_async: bool) -> None:
    """Raises `NotAnEntryScript` where requests cannot be stacked."""
    if (check := getattr(mode, "check_stackable", None)) is not None:
        check()
    if is_async:
        raise NotAnEntryScript("run() is async and cannot be batched: its calls overlap as they are")
    if isinstance(mode, WithHeaders):
        raise NotAnEntryScript("run() takes request_headers and cannot be batched: each request has its own")
    if isinstance(mode, RawInput):
        raise NotAnEntryScript("run() takes the raw request (@rawhttp) and cannot be batched")
    if isinstance(mode, PlainInput):
        raise NotAnEntryScript(
            "run() takes text, of which no batch can be made: annotate its parameter, as in "
            "run(data: numpy.ndarray), or describe it with @input_schema"
        )


def separated(run: Callable[..., Any], mode: Input, schema: Described | None) -> tuple[Prepare, Perform]:
    """How to read a request, and what to call then: together they are ``run(**mode.arguments(request))``.

    A decorator that converts would do it once for all; each request is to be read by itself.
    """
    convert = getattr(schema, "converted", None)
    if convert is not None and getattr(run, "__func__", run) is schema.wrapper:  # type: ignore[union-attr]
        function = schema.function  # type: ignore[union-attr]
        owner = getattr(run, "__self__", None)
        return (
            lambda request: convert(mode.arguments(request)),
            function if owner is None else partial(function, owner),
        )
    return mode.arguments, run
