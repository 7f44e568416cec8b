"""What a card takes from a service's log."""

from __future__ import annotations

import re
from collections.abc import Iterable

READ_LINES = 200
_FAILED = re.compile(r"(\[\S+\] |)run\(\) failed:")


def last_failure(lines: Iterable[str]) -> str:
    """The traceback of the last failed run(), without the request id; empty if none failed."""
    found: list[str] = []
    mark: str | None = None
    for line in lines:
        began = _FAILED.fullmatch(line)
        if began:
            found, mark = [], began[1]
        elif mark is not None and line.startswith(mark):
            found.append(line.removeprefix(mark))
    return "\n".join(found)
