"""The real request of `azureml.contrib.services` or the reference server, where one of them is installed.

It is Flask's: a script that imports `rawhttp` from there gets a Flask request.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from mlmagic.scoring.http.request import Request

_REQUEST_MODULES = (
    "azureml.contrib.services.aml_request",
    "azureml_inference_server_http.api.aml_request",
)
_REQUESTED = "_rawHttpRequested"
"""A variable of these modules: their `rawhttp` sets it, and leaves nothing on the function."""


def take_raw_request() -> Callable[[Request], Any] | None:
    """What converts our request to one of Flask, if the real `rawhttp` was applied since the last call."""
    for name in _REQUEST_MODULES:
        module: Any = sys.modules.get(name)
        if getattr(module, _REQUESTED, False):
            setattr(module, _REQUESTED, False)
            return _converter(module.Request)
    return None


def _converter(flask_request: Callable[[dict[str, Any]], Any]) -> Callable[[Request], Any]:
    from mlmagic.scoring.shims.wsgi import environ_of

    return lambda request: flask_request(environ_of(request))
