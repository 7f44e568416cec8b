"""AZUREML_DEBUG_PORT: a server waits for a debugger, such as that of VS Code, before it loads the script."""

from __future__ import annotations

import sys

from mlmagic.scoring.settings import DEBUG_PORT
from mlmagic.scoring.start_errors import StartFailed


class DebuggerUnavailable(StartFailed):
    """debugpy is not installed, or no debugger listens at the port."""

    phase = "debugger"


def connect_debugger(port: int) -> None:
    """Connect to the debugger at ``port`` of this machine and wait until it is ready.

    Raises `DebuggerUnavailable`.
    """
    try:
        import debugpy
    except ImportError as error:
        raise DebuggerUnavailable(
            f"{DEBUG_PORT}={port} needs debugpy, which is not installed",
            hint="Add debugpy to the environment of the service.",
        ) from error
    print(f"mlmagic: waiting for the debugger at port {port} ({DEBUG_PORT})", file=sys.stderr, flush=True)
    try:
        debugpy.connect(port)
    except Exception as error:  # of the socket, or of debugpy
        raise DebuggerUnavailable(
            f"no debugger listens at port {port} ({DEBUG_PORT}): {error}",
            hint="Start the debugger first: in VS Code, a configuration with "
            f'"request": "attach" and "listen": {{"port": {port}}}.',
        ) from error
    debugpy.wait_for_client()
