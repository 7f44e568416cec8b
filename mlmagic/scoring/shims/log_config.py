"""`azureml_inference_server_http.log_config`: classes that a ``logging.json`` of Azure ML v1 names."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Literal

FORMAT = "%(asctime)s %(levelname).1s [%(process)d] %(name)s - %(message)s"


class AMLLogFormatter(logging.Formatter):
    """Formats lines like the server of Azure ML v1, with the time in UTC."""

    converter: Callable[[float | None], time.struct_time] = time.gmtime

    def __init__(
        self, fmt: str = FORMAT, datefmt: str | None = None, style: Literal["%", "{", "$"] = "%", **more: Any
    ) -> None:
        super().__init__(fmt, datefmt, style, **more)


class RootAccessFilter(logging.Filter):
    """Drops the log lines of health checks."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether ``record`` is written."""
        return "GET / HTTP/1.1" not in record.getMessage()
