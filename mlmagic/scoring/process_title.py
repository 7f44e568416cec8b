"""What lists of processes (`ps`, `top`) show of a process of mlmagic: what it is for, then its command.

The package setproctitle does it. Without that, as in an environment of the user's own, the command alone is
shown.
"""

from __future__ import annotations

import os
import sys


def show_as(what: str, module: str = "mlmagic.scoring") -> None:
    """Show this process as ``what``, such as ``mlmagic service iris``; ``module`` is what it runs."""
    try:
        from setproctitle import setproctitle
    except ImportError:
        return
    setproctitle(f"{what}: {sys.executable} -m {module} {' '.join(sys.argv[1:])}".rstrip())


def show_service(part: str = "") -> None:
    """Show this process as a service, by the name that the launcher gave it, or as a ``part`` of one."""
    name = os.environ.get("SERVICE_NAME") or "without a name"
    show_as(f"mlmagic service {name}{part and f' {part}'}")
