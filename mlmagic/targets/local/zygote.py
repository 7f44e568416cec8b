"""The zygote: a process that has imported the libraries of a kernel, from which services are forked.

There is one per kernel, started by `%load_ext mlmagic`. This is the kernel's side; `mlmagic.scoring.zygote`
is the process. If the zygote cannot be used (no Linux, a library with threads, another interpreter, other
variables that libraries read when they are imported), a service is an ordinary process, and its log says why.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmagic.targets.local.process import is_stopped
from mlmagic.targets.python_path import python_path

SPAWN_TIMEOUT_SECONDS = 30.0
LOOK_SECONDS = 0.25
"""How long to wait for an answer before a look at the process: a stopped one never answers."""
SWITCH = "MLMAGIC_ZYGOTE"
# Variables that libraries and the interpreter read when they are loaded: too late to change in a zygote.
_EARLY_PREFIXES = (
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "BLIS_",
    "NUMEXPR_",
    "GOTO_",
    "KMP_",
    "LD_",
    "CUDA_",
    "PYTHON",
)
# Those of them that the server sets itself, or that libraries set in the kernel when they are imported
# (scikit-learn, torch): they may differ.
_MAY_DIFFER = frozenset(
    [
        "PYTHONPATH",
        "PYTHONUNBUFFERED",
        "PYTHONIOENCODING",
        "KMP_DUPLICATE_LIB_OK",
        "KMP_INIT_AT_FORK",
        "CUDA_MODULE_LOADING",
    ]
)


class Refused(Exception):
    """The zygote cannot be used for this service; the message says why."""


class Zygote:
    """One zygote process with the variables ``env``; see `mlmagic.scoring.zygote` about ``keep_children``.

    Methods may be called from any thread; the process serves one call after another.
    """

    def __init__(self, env: Mapping[str, str] = os.environ, *, keep_children: bool = False) -> None:
        self._lock = threading.Lock()
        self._environment = _early_variables(env)
        self._packages = _package_state()
        command = [sys.executable, "-P", "-m", "mlmagic.scoring.zygote", *["--keep-children"] * keep_children]
        ours, its = socket.socketpair()
        try:
            with its:
                self._process = subprocess.Popen(
                    command,
                    stdin=its.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    env={**env, "PYTHONPATH": python_path()},
                )
        except BaseException:
            ours.close()
            raise
        self._socket = ours

    @property
    def usable(self) -> bool:
        """Whether the process runs, and no package was installed or removed since it started."""
        return self._process.poll() is None and self._packages == _package_state()

    def warm(self, modules: Iterable[str]) -> None:
        """Import these modules in the zygote; returns at once."""
        wanted = sorted(set(modules))
        if wanted:
            threading.Thread(target=self._warm, args=(wanted,), name="mlmagic-warm", daemon=True).start()

    def spawn(
        self,
        python: str,
        arguments: Sequence[str],
        modules: Iterable[str],
        env: Mapping[str, str],
        cwd: str,
        log: Path,
    ) -> int:
        """Fork a server and return its pid. Raises `Refused`."""
        if python != sys.executable:
            raise Refused(f"the service has an interpreter of its own, {python}")
        return self._fork({"serve": list(arguments)}, modules, env, cwd, log)

    def fork_for_batch(
        self,
        arguments: Sequence[str],
        modules: Iterable[str],
        env: Mapping[str, str],
        cwd: str,
        log: Path,
        pipes: tuple[int, int],
    ) -> int:
        """Fork a process of a batch job and return its pid; ``pipes`` are its input and output.

        Raises `Refused`.
        """
        return self._fork({"batch": list(arguments)}, modules, env, cwd, log, pipes)

    def reap(self, pid: int) -> int:
        """Take away a fork that has ended, and return its exit code. Raises `Refused`."""
        return int(self._call({"reap": pid})["code"])

    def _fork(
        self,
        order: Mapping[str, Any],
        modules: Iterable[str],
        env: Mapping[str, str],
        cwd: str,
        log: Path,
        pipes: Sequence[int] = (),
    ) -> int:
        if not self.fits(env):
            raise Refused("its environment differs in variables that libraries read when they are imported")
        call = {**order, "modules": sorted(set(modules)), "env": dict(env), "cwd": cwd, "log": str(log)}
        answer = self._call(call, pipes)
        if "pid" not in answer:
            raise Refused(str(answer.get("refused", "the zygote did not answer")))
        return int(answer["pid"])

    def fits(self, env: Mapping[str, str]) -> bool:
        """Whether these variables are the zygote's, as far as libraries read them when they are imported."""
        return _early_variables(env) == self._environment

    def close(self) -> None:
        """End the zygote; its services keep running."""
        self._socket.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _warm(self, modules: list[str]) -> None:
        try:
            self._call({"warm": modules})
        except Refused:
            return

    def _call(self, call: Mapping[str, object], files: Sequence[int] = ()) -> dict[str, Any]:
        with self._lock:
            try:
                self._socket.settimeout(LOOK_SECONDS)
                line = json.dumps(call).encode() + b"\n"
                sent = socket.send_fds(self._socket, [line], files) if files else 0
                self._socket.sendall(line[sent:])
                line = self._answer()
            except (OSError, ValueError) as error:
                # A late answer would be taken for the answer to the next call.
                self._process.kill()
                raise Refused(f"the zygote does not answer: {error}") from error
        if not line:
            raise Refused("the zygote has ended")
        return dict(json.loads(line))

    def _answer(self) -> bytes:
        """One line; empty if the zygote has ended. Raises `OSError` if it is stopped, or too slow."""
        deadline = time.monotonic() + SPAWN_TIMEOUT_SECONDS
        answer = b""
        while not answer.endswith(b"\n"):
            try:
                piece = self._socket.recv(4096)
            except TimeoutError:
                if is_stopped(self._process.pid):
                    raise OSError("it was stopped by a signal") from None
                if time.monotonic() > deadline:
                    raise
                continue
            if not piece:
                return b""
            answer += piece
        return answer


_current: Zygote | None = None
_starting = threading.Lock()


def is_possible() -> bool:
    """Whether there may be zygotes: on Linux, unless they are off (MLMAGIC_ZYGOTE=0)."""
    # Only on Linux is it safe to fork a process that has loaded system libraries.
    return sys.platform == "linux" and os.environ.get(SWITCH, "1") != "0"


def start() -> None:
    """Start the zygote of this process, unless it runs, cannot run here, or is off (MLMAGIC_ZYGOTE=0)."""
    global _current
    if not is_possible():
        return
    with _starting:
        if _current is not None and not _current.usable:
            _current.close()
            _current = None
        if _current is None:
            _current = Zygote()


def stop() -> None:
    """End the zygote of this process."""
    global _current
    with _starting:
        if _current is not None:
            _current.close()
        _current = None


def current() -> Zygote | None:
    """The zygote of this process, if one was started; a new one if that is not usable any more."""
    if _current is not None and not _current.usable:
        start()
    return _current


def warm(modules: Iterable[str]) -> None:
    """Import these modules in the zygote, if one runs."""
    zygote = current()
    if zygote is not None:
        zygote.warm(modules)


def _package_state() -> tuple[float, ...]:
    """A value that changes when a package is installed or removed."""
    return tuple(
        os.stat(place).st_mtime
        for place in sys.path
        if place.endswith(("site-packages", "dist-packages")) and os.path.isdir(place)
    )


def _early_variables(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        key: environment[key]
        for key in environment
        if key.startswith(_EARLY_PREFIXES) and key not in _MAY_DIFFER
    }
