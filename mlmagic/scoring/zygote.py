"""``python -m mlmagic.scoring.zygote``: a process that has imported the libraries, forked per service.

Most of a service's start is imports. The zygote does them once; a fork of it starts to serve in
milliseconds, and shares their memory. It reads commands from standard input, a socket, one JSON object a
line, and answers each with one line:

    {"serve": [arguments], "modules": [...], "log": path, "cwd": path, "env": {...}} -> {"pid": 123}
    {"warm": [modules]}                                                              -> {"warmed": [...]}
    anything that is refused                                                         -> {"refused": "why"}

It ends when its input ends, so with its launcher. Services it forked are in sessions of their own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any, NoReturn

from mlmagic.scoring.cgroups import prepare_fork
from mlmagic.scoring.preload import forget_chance, other_threads, preload
from mlmagic.scoring.process_title import show_as


class _Forked(BaseException):
    """Unwinds the zygote's stack in the new process, which then serves."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order


def main() -> NoReturn:
    """Carry out commands until the input ends."""
    # A Ctrl-C in the launcher's terminal is not for us, nor for what is forked from us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The services are our children, and nobody waits for them: the system takes the dead away.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    show_as("mlmagic zygote", "mlmagic.scoring.zygote")
    preload(["mlmagic.scoring.server", "mlmagic.scoring.environment"])
    prepare_fork()
    order = None
    try:
        with os.fdopen(os.dup(0), "rb") as orders:
            for line in orders:
                os.write(0, json.dumps(_obey(json.loads(line))).encode() + b"\n")
    except _Forked as forked:
        order = forked.order
    # Not in the except clause: the script's own errors would carry ours as their context.
    if order is not None:
        _serve(order)
    sys.exit(0)


def _obey(order: dict[str, Any]) -> dict[str, Any]:
    if "warm" in order:
        return {"warmed": preload(order["warm"])}
    preload(order["modules"])
    if others := other_threads():
        return {"refused": f"a library has started threads ({', '.join(others)})"}
    return {"pid": _fork(order)}


def _fork(order: dict[str, Any]) -> int:
    """Fork a server; returns its pid."""
    pid = os.fork()
    if pid == 0:
        raise _Forked(order)
    prepare_fork()  # before the answer, so that nobody ends the service while the zygote is in its cgroup
    return pid


def _serve(order: dict[str, Any]) -> NoReturn:
    """Become the server that was ordered, as if it had been started by itself."""
    os.setsid()
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.close(nothing)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    forget_chance()
    sys.argv = ["mlmagic.scoring", *order["serve"]]
    from mlmagic.scoring.__main__ import main as serve
    from mlmagic.scoring.process_exit import leave

    leave(serve(order["serve"]))


if __name__ == "__main__":
    main()
