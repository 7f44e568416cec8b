"""The last message of a container, which Kubernetes keeps when it has ended: why the server failed.

Kubernetes gives the file of this message to the container, and reads at most 4096 bytes of it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VARIABLE = "MLMAGIC_TERMINATION_MESSAGE"
"""The path of the file; unset outside Kubernetes."""
LONGEST_BYTES = 4096
_CUT = "...\n"


def leave_message(error: Mapping[str, Any]) -> None:
    """Write ``error``, a record of the report, as the last message; does nothing without a file for it."""
    path = os.environ.get(VARIABLE)
    if path:
        with contextlib.suppress(OSError):  # the report and the log have it too
            Path(path).write_bytes(message_of(error))


def message_of(error: Mapping[str, Any]) -> bytes:
    """The record as JSON. Long texts lose their beginning: the end of a traceback says the most."""
    texts = {key: str(value) for key, value in error.items() if value is not None}
    longest = LONGEST_BYTES
    while len(written := json.dumps(texts, ensure_ascii=False).encode(errors="replace")) > LONGEST_BYTES:
        longest = longest * 3 // 4
        texts = {key: _end_of(value, longest) for key, value in texts.items()}
    return written


def _end_of(text: str, longest: int) -> str:
    return text if len(text) <= longest else _CUT + text[len(text) - longest + len(_CUT) :]
