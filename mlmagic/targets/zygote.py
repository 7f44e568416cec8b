"""The launcher's side of the zygote: a process of this kernel's that forks its services.

There is one per kernel, started by `%load_ext mlmagic`. Where it cannot be used (no Linux, threads in it,
another interpreter, an environment that libraries read when they are imported) a service is an ordinary
process, and its log says why.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmagic.targets.checkout import python_path

SPAWN_TIMEOUT_SECONDS = 30.0
SWITCH = "MLMAGIC_ZYGOTE"
# Read by libraries and the interpreter while they are loaded: a zygote that has loaded them has read them.
_READ_EARLY = ("OMP_", "MKL_", "OPENBLAS_", "BLIS_", "NUMEXPR_", "GOTO_", "KMP_", "LD_", "CUDA_", "PYTHON")
# Of these, what is the server's own and the same for each, and what libraries set when they are imported
# in the kernel (scikit-learn, torch): that is not the user's doing.
_NO_MATTER = frozenset(
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
    """The zygote is not to be used for this service; the message says why."""


class Zygote:
    """One zygote process. Methods may be called from any thread; orders are carried out in turn."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._environment = _early(os.environ)
        self._packages = _package_state()
        ours, its = socket.socketpair()
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mlmagic.scoring.zygote"],
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": python_path()},
            )
        self._socket = ours
        self._answers = ours.makefile("rb")

    @property
    def usable(self) -> bool:
        """Whether it runs, and what it has imported is what is installed now."""
        return self._process.poll() is None and self._packages == _package_state()

    def warm(self, modules: Iterable[str]) -> None:
        """Have these imported, without waiting for it."""
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
        """Fork a server; returns its pid. Raises `Refused`."""
        if python != sys.executable:
            raise Refused(f"the service has an interpreter of its own, {python}")
        if _early(env) != self._environment:
            raise Refused("its environment differs in variables that libraries read when they are imported")
        order = {"serve": list(arguments), "modules": sorted(set(modules))}
        answer = self._order({**order, "env": dict(env), "cwd": cwd, "log": str(log)})
        if "pid" not in answer:
            raise Refused(str(answer.get("refused", "the zygote did not answer")))
        return int(answer["pid"])

    def close(self) -> None:
        """End it; its services go on."""
        self._answers.close()
        self._socket.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _warm(self, modules: list[str]) -> None:
        try:
            self._order({"warm": modules})
        except Refused:
            return

    def _order(self, order: Mapping[str, object]) -> dict[str, Any]:
        with self._lock:
            try:
                self._socket.settimeout(SPAWN_TIMEOUT_SECONDS)
                self._socket.sendall(json.dumps(order).encode() + b"\n")
                line = self._answers.readline()
            except (OSError, ValueError) as error:
                # Its next answer would be taken for another order's: this one is of no more use.
                self._process.kill()
                raise Refused(f"the zygote does not answer: {error}") from error
        if not line:
            raise Refused("the zygote has ended")
        return dict(json.loads(line))


_current: Zygote | None = None
_starting = threading.Lock()


def start() -> None:
    """Start this process's zygote, unless it runs, cannot run here, or is switched off (MLMAGIC_ZYGOTE=0)."""
    global _current
    # Only on Linux is a fork of a process that has loaded system libraries known to be sound.
    if sys.platform != "linux" or os.environ.get(SWITCH, "1") == "0":
        return
    with _starting:
        if _current is not None and not _current.usable:
            _current.close()
            _current = None
        if _current is None:
            _current = Zygote()


def stop() -> None:
    """End this process's zygote."""
    global _current
    with _starting:
        if _current is not None:
            _current.close()
        _current = None


def current() -> Zygote | None:
    """This process's zygote, if one was started; a new one if that is of no more use."""
    if _current is not None and not _current.usable:
        start()
    return _current


def warm(modules: Iterable[str]) -> None:
    """Have these imported where a zygote runs."""
    zygote = current()
    if zygote is not None:
        zygote.warm(modules)


def _package_state() -> tuple[float, ...]:
    """Changes when a package is installed or removed."""
    return tuple(
        os.stat(place).st_mtime
        for place in sys.path
        if place.endswith(("site-packages", "dist-packages")) and os.path.isdir(place)
    )


def _early(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        key: environment[key] for key in environment if key.startswith(_READ_EARLY) and key not in _NO_MATTER
    }
