"""The request context of Flask for a call of run(), for scripts that import Flask.

The server of Azure ML v1 is a Flask application, so `flask.request`, `jsonify`, `make_response`, `send_file`
and `stream_with_context` work in its scripts. Outside of a request they raise an error.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from mlmagic.scoring.http.request import Request

_imports_flask = re.compile(r"^\s*(?:import|from)\s+flask\b", re.MULTILINE).search


def uses_flask(module: ModuleType) -> bool:
    """Whether the source of ``module`` imports Flask."""
    try:
        source = Path(module.__file__ or "").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return _imports_flask(source) is not None


def call_in_context(call: Callable[[], Any], request: Request) -> Any:
    """Call ``call`` with ``request`` as the current request of Flask, and return its result."""
    from mlmagic.scoring.shims.wsgi import environ_of

    context = _application().request_context(environ_of(request))
    with context:
        result = call()
    return _awaited(result, request) if isinstance(result, Awaitable) else result


async def _awaited(result: Awaitable[Any], request: Request) -> Any:
    from mlmagic.scoring.shims.wsgi import environ_of

    with _application().request_context(environ_of(request)):
        return await result


@cache
def _application() -> Any:
    import flask  # type: ignore[import-not-found,unused-ignore]

    return flask.Flask("score")
