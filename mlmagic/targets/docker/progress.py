"""What an engine says while it builds or pulls, as lines for people; of a step that failed, its last ones."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import Any

from mlmagic.errors import BuildFailed
from mlmagic.targets.base import Report

LAST_LINES = 20
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_QUIET = ("---> ", "Removing intermediate container", "Successfully tagged")


class Progress:
    """Takes the engine's messages in their order and tells what is news in them."""

    def __init__(self, what: str, report: Report) -> None:
        self._what = what
        self._report = report
        self._step = ""
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._rest = ""
        self._layers: dict[str, str] = {}
        self.last = ""

    def take(self, message: Mapping[str, Any]) -> None:
        """One message. Raises `BuildFailed` with the failing step's last lines."""
        if "error" in message:
            raise BuildFailed(
                f"{self._what} cannot be built: {self._reason(str(message['error']))}",
                log="\n".join(self._lines),
            )
        if "stream" in message:
            self._said(str(message["stream"]))
        elif "status" in message:
            self._moved(message)

    def _said(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            line = _COLOURS.sub("", line.rstrip("\r").rpartition("\r")[2]).rstrip()
            if not line.strip() or line.strip().startswith(_QUIET):
                continue
            if line.startswith("Step "):
                self._step = line
                self._lines.clear()
            self._lines.append(line)
            self._tell(line)

    def _moved(self, message: Mapping[str, Any]) -> None:
        """A layer: told when it begins something else, not with each megabyte."""
        status, layer = str(message["status"]), str(message.get("id") or "")
        if self._layers.get(layer) != status:
            self._layers[layer] = status
            self._tell(f"{layer}: {status}" if layer else status)

    def _tell(self, line: str) -> None:
        self.last = line
        self._report(line)

    def _reason(self, error: str) -> str:
        if not self._step:
            return error
        return f"{self._step.split(' : ', 1)[-1][:200]} failed"
