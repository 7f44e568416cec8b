"""The messages of a build, pull or push as lines for people, with the last lines of a step that failed."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from mlmagic.errors import BuildFailed
from mlmagic.targets.base import Report

LAST_LINES = 20
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CAUSE = re.compile(r"(?:error|ERROR|cause|E|\s*×|\s*[├╰]─▶):?\s+(.+)")
_SAYS_NOTHING = ("No solution found",)
_QUIET = ("---> ", "Removing intermediate container", "Successfully tagged")


def cause_in(lines: Iterable[str]) -> str:
    """The cause of a step's failure in its output; empty if no line names one.

    uv, pip and apt begin the line with ``error:``, ``ERROR:`` or ``E:``, and uv the next one with ``cause:``.
    """
    found = [match[1] for line in lines if (match := _CAUSE.match(line))]
    return next((text for text in found if not text.startswith(_SAYS_NOTHING)), "")


class Progress:
    """Reports what is new in the engine's messages. ``failure`` begins the error if one reports a failure."""

    def __init__(self, failure: str, report: Report) -> None:
        self._failure = failure
        self._report = report
        self._step = ""
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._rest = ""
        self._layers: dict[str, str] = {}

    def take(self, message: Mapping[str, Any]) -> None:
        """Take the next message. Raises `BuildFailed` with the last lines of the step that failed."""
        if "error" in message:
            raise BuildFailed(
                f"{self._failure}: {self._reason(str(message['error']))}",
                log="\n".join(self._lines),
            )
        if "stream" in message:
            self._add_output(str(message["stream"]))
        elif "status" in message:
            self._add_status(message)

    def _add_output(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            line = _COLOURS.sub("", line.rstrip("\r").rpartition("\r")[2]).rstrip()
            if not line.strip() or line.strip().startswith(_QUIET):
                continue
            if line.startswith("Step "):
                self._step = line
                self._lines.clear()
            self._lines.append(line)
            self._report_line(line)

    def _add_status(self, message: Mapping[str, Any]) -> None:
        """Report a layer when its status changes, not with each megabyte."""
        status, layer = str(message["status"]), str(message.get("id") or "")
        if self._layers.get(layer) != status:
            self._layers[layer] = status
            self._report_line(f"{layer}: {status}" if layer else status)

    def _report_line(self, line: str) -> None:
        self._report(line)

    def _reason(self, error: str) -> str:
        if not self._step:
            return error
        if cause := cause_in(self._lines):
            return cause
        return f"{self._step.split(' : ', 1)[-1][:200]} failed"
