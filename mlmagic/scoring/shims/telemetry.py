"""`azureml.telemetry` and the logging of AutoML, for generated scoring scripts. Nothing is sent."""

from __future__ import annotations

import logging
from typing import Any

INSTRUMENTATION_KEY = "00000000-0000-0000-0000-000000000000"
"""A key that is not used: mlmagic sends no telemetry."""


def set_diagnostics_collection(send_diagnostics: bool = True, verbosity: int = logging.INFO) -> None:
    """Does nothing: mlmagic sends no telemetry."""


def enable_telemetry(instrumentation_key: str | None = None, **more: Any) -> None:
    """Does nothing: mlmagic sends no telemetry."""


def set_verbosity(verbosity: int | str) -> None:
    """Set the level of the loggers below ``azureml``."""
    logging.getLogger("azureml").setLevel(verbosity)


def log_traceback(
    exception: BaseException, logger: Any = None, override_error_msg: str | None = None, **more: Any
) -> None:
    """Log an exception with its traceback as an error."""
    (logger or logging.getLogger("azureml")).error(override_error_msg or str(exception), exc_info=exception)
