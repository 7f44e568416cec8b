"""The logger ``azmlinfsrv`` of Azure ML v1's server, which scripts and a ``logging.json`` name.

Without configuration it writes records from INFO on to standard output. Where a ``logging.json`` configures
it, the output of ``print`` goes to its child ``azmlinfsrv.print``. With a handler of the user's it also gets
a line for each request, as in that server:

    POST /score 200 1.234ms 17
"""

from __future__ import annotations

import builtins
import functools
import logging
import sys
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

from mlmagic.scoring.logs import answering

if TYPE_CHECKING:
    from mlmagic.scoring.calls.scorer import Reply
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response

NAME = "azmlinfsrv"
PRINT = "azmlinfsrv.print"

_print = builtins.print


class DefaultHandler(logging.Handler):
    """Writes to the standard output that there is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        if self.formatter is None:
            from mlmagic.scoring.shims.log_config import AMLLogFormatter

            self.setFormatter(AMLLogFormatter())
        try:
            sys.stdout.write(f"{self.format(record)}\n")
            sys.stdout.flush()
        except Exception:
            self.handleError(record)


def configure_server_logger(config: Mapping[str, Any]) -> None:
    """Set the logger up; ``config`` is what logging.json has configured, empty without such a file."""
    named = {name for name in config.get("loggers") or () if name == NAME or name.startswith(f"{NAME}.")}
    if named & {NAME, PRINT}:
        builtins.print = print_to_logger
    if named:
        return
    logger = logging.getLogger(NAME)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(DefaultHandler())


@functools.wraps(_print)
def print_to_logger(
    *values: object, sep: str | None = " ", end: str | None = "\n", file: Any = None, flush: bool = False
) -> None:
    """``print``, but what is for standard output goes to the logger ``azmlinfsrv.print``."""
    if file is None or file is sys.stdout:
        logging.getLogger(PRINT).info("%s", (" " if sep is None else sep).join(map(str, values)))
    else:
        _print(*values, sep=sep, end=end, file=file, flush=flush)


class AccessLog:
    """Logs a line for each request."""

    def __init__(self, identify: Callable[[Request], bytes]) -> None:
        self._identify = identify
        self._logger = logging.getLogger(NAME)

    @classmethod
    def of(cls, identify: Callable[[Request], bytes]) -> AccessLog | None:
        """None unless the logger has a handler of the user's. ``identify`` gives a request its id."""
        handlers = logging.getLogger(NAME).handlers
        return cls(identify) if any(not isinstance(each, DefaultHandler) for each in handlers) else None

    def listen(self, request: Request, reply: Reply) -> Reply:
        """``reply``, which also logs the response."""

        def heard(response: Response) -> None:
            reply(response)
            self._write(request, response)

        return heard

    def _write(self, request: Request, response: Response) -> None:
        self._identify(request)
        answering(request)
        self._logger.info(
            "%s %s %d %.3fms %s",
            request.method.decode("latin-1"),
            request.target.decode("latin-1"),
            response.status,
            (perf_counter() - request.arrived) * 1000,
            "N/A" if response.is_stream else len(response.body),
        )
        answering(None)
