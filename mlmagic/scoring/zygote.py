"""``python -m mlmagic.scoring.zygote``: a process that has imported the libraries, forked per service.

Most of a service's start is imports. The zygote does them once; a fork of it starts to serve in
milliseconds, and shares their memory. It reads commands from standard input, a socket, one JSON object a
line, and answers each with one line:

    {"serve": [arguments], "modules": [...], "log": path, "cwd": path, "env": {...}} -> {"pid": 123}
    {"batch": [arguments], ...the same}, with two pipes (SCM_RIGHTS)                 -> {"pid": 123}
    {"reap": pid}, of a fork for a batch job that has ended                          -> {"code": 0}
    {"warm": [modules]}                                                              -> {"warmed": [...]}
    anything that is refused                                                         -> {"refused": "why"}

It ends when its input ends, so with its launcher. What it forked is in sessions of its own. Nobody waits for
the forks, unless it runs with ``--keep-children``: then one that has ended stays a zombie until it is reaped,
so that its exit code is known and its pid is nobody else's.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from mlmagic.scoring.cgroups import prepare_fork
from mlmagic.scoring.preload import forget_chance, other_threads, preload
from mlmagic.scoring.process_title import show_as

_OF_EACH_SERVER = (
    "mlmagic.scoring.server",
    "mlmagic.scoring.environment",
    "mlmagic.scoring.telemetry.telemetry",  # a server imports it only where it is turned on
)
KEEP_CHILDREN = "--keep-children"
PIPES = 2
"""The files that come with an order: standard input and output of a fork for a batch job."""


class _Forked(BaseException):
    """Unwinds the zygote's stack in the new process, which then does what was ordered."""

    def __init__(self, order: dict[str, Any], pipes: Sequence[int]) -> None:
        self.order, self.pipes = order, pipes


def main() -> NoReturn:
    """Carry out commands until the input ends."""
    # A Ctrl-C in the launcher's terminal is not for us, nor for what is forked from us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if KEEP_CHILDREN not in sys.argv:
        # The services are our children, and nobody waits for them: the system takes the dead away.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    show_as("mlmagic zygote", "mlmagic.scoring.zygote")
    preload(_OF_EACH_SERVER)
    prepare_fork()
    fork = None
    try:
        with socket.socket(fileno=os.dup(0)) as orders:
            for order, pipes in _read(orders):
                os.write(0, json.dumps(_obey(order, pipes)).encode() + b"\n")
                for pipe in pipes:
                    os.close(pipe)
    except _Forked as forked:
        fork = forked
    # Not in the except clause: the script's own errors would carry ours as their context.
    if fork is not None:
        _become(fork.order, fork.pipes)
    sys.exit(0)


def _read(orders: socket.socket) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """Each order, and the files that came with it."""
    line, files = b"", list[int]()
    while True:
        part, sent, _, _ = socket.recv_fds(orders, 1 << 16, PIPES)
        if not part:
            return
        line, files = line + part, files + list(sent)
        if line.endswith(b"\n"):  # the launcher sends the next order when this one is answered
            yield json.loads(line), files
            line, files = b"", []


def _obey(order: dict[str, Any], pipes: Sequence[int]) -> dict[str, Any]:
    if "warm" in order:
        return {"warmed": preload(order["warm"])}
    if "reap" in order:
        return {"code": os.waitstatus_to_exitcode(os.waitpid(order["reap"], 0)[1])}
    preload(order["modules"])
    if others := other_threads():
        return {"refused": f"a library has started threads ({', '.join(others)})"}
    return {"pid": _fork(order, pipes)}


def _fork(order: dict[str, Any], pipes: Sequence[int]) -> int:
    """Fork this process; returns the pid."""
    pid = os.fork()
    if pid == 0:
        raise _Forked(order, pipes)
    prepare_fork()  # before the answer, so that nobody ends the service while the zygote is in its cgroup
    return pid


def _become(order: dict[str, Any], pipes: Sequence[int]) -> NoReturn:
    """Become the process that was ordered, as if it had been started by itself."""
    os.setsid()
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    read, write = pipes or (os.open(os.devnull, os.O_RDONLY), os.dup(log))
    for file, number in ((read, 0), (write, 1), (log, 2)):
        os.dup2(file, number)
        os.close(file)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    forget_chance()
    from mlmagic.scoring.process_exit import leave

    if "batch" in order:
        from mlmagic.scoring.batch.__main__ import main as score

        sys.argv = ["mlmagic.scoring.batch", *order["batch"]]
        leave(score())
    from mlmagic.scoring.__main__ import main as serve

    sys.argv = ["mlmagic.scoring", *order["serve"]]
    leave(serve(order["serve"]))


if __name__ == "__main__":
    main()
