"""The real `rawhttp`, where `azureml.contrib.services` or `azureml_inference_server_http` is installed.

A script that imports it gets a request of Flask.
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
"""A variable of these modules that their `rawhttp` sets. It does not mark the function."""


def take_raw_request() -> Callable[[Request], Any] | None:
    """Return a converter to Flask's requests if the real `rawhttp` was used since the last call."""
    for name in _REQUEST_MODULES:
        module: Any = sys.modules.get(name)
        if getattr(module, _REQUESTED, False):
            setattr(module, _REQUESTED, False)
            return _converter(module.Request)
    return None


def _converter(flask_request: Callable[[dict[str, Any]], Any]) -> Callable[[Request], Any]:
    from mlmagic.scoring.shims.wsgi import environ_of

    return lambda request: flask_request(environ_of(request))
