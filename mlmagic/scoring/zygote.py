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

import contextlib
import gc
import importlib
import json
import os
import signal
import sys
import threading
from typing import Any, NoReturn

from mlmagic.scoring.cgroups import prepare_fork


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
    _import(["mlmagic.scoring.server", "mlmagic.scoring.environment"])
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
        return {"warmed": _import(order["warm"])}
    _import(order["modules"])
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        # A lock that another thread holds at the fork is held for ever in the child.
        return {"refused": f"a library has started threads ({', '.join(others)})"}
    return {"pid": _fork(order)}


def _import(modules: list[str]) -> list[str]:
    """Import those that can be imported; the script reports the others, in its own process."""
    before = len(sys.modules)
    done = []
    for name in modules:
        with contextlib.suppress(BaseException):
            importlib.import_module(name)
            done.append(name)
    if len(sys.modules) > before:
        # What is there now is shared with the forks for as long as no collector touches it.
        gc.collect()
        gc.freeze()
    return done


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
    _forget_chance()
    sys.argv = ["mlmagic.scoring", *order["serve"]]
    from mlmagic.scoring.__main__ import main as serve
    from mlmagic.scoring.process_exit import leave

    leave(serve(order["serve"]))


def _forget_chance() -> None:
    """Services forked from one process must not draw the same random numbers (Python's own do not)."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "random"):
        numpy.random.seed()


if __name__ == "__main__":
    main()
