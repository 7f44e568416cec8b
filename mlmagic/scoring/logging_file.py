"""``logging.json`` beside the script: the configuration of Python's logging, as in Azure ML v1's server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlmagic.scoring.environment import ScriptEnvironment
from mlmagic.scoring.server_logger import configure_server_logger
from mlmagic.scoring.start_errors import StartFailed

NAME = "logging.json"


class InvalidLoggingFile(StartFailed):
    """The file cannot be used."""

    phase = "logging"


def configure_logging(environment: ScriptEnvironment) -> None:
    """Apply the file in the source directory, else the one beside the script. Raises `InvalidLoggingFile`."""
    for folder in dict.fromkeys((environment.source, environment.script.parent)):
        file = folder / NAME
        if file.is_file():
            configure_server_logger(_apply(file))
            return
    configure_server_logger({})


def _apply(file: Path) -> dict[str, Any]:
    import logging.config

    from mlmagic.scoring.shims.finder import install

    install()  # it may name the formatter of that server
    try:
        config: Any = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError(f"it holds a {type(config).__name__}, not an object")
        logging.config.dictConfig(config)
        return config
    except Exception as error:  # a handler or a filter is whatever the file names
        why = f"{error}: {error.__cause__}" if error.__cause__ else str(error)
        raise InvalidLoggingFile(
            f"{NAME} cannot be used: {why}",
            hint="It must hold a configuration for logging.config.dictConfig, as JSON.",
        ) from error
