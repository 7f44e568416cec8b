"""The memory of a server."""

from __future__ import annotations

import re
from pathlib import Path

from .running import Running


def peak(server: Running) -> int:
    """The most memory that a server has taken, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return 1024 * int((re.search(r"VmHWM:\s+(\d+)", status) or [0, 0])[1])
