"""The processes of the tests' cluster: started in order, and ended by their ids."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.kubernetes.network import SBIN
from tests.support.waiting import wait_for

_END_SECONDS = 30


class Processes:
    """Named processes with their logs below ``folder``; `end` ends them, the last one first."""

    def __init__(self, folder: Path, path: str) -> None:
        self._folder, self._path = folder, path
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, Sequence[str]] = {}
        folder.mkdir(exist_ok=True)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a process; its output is in ``NAME.log``."""
        self._commands[name] = command
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                cwd="/",
                env={**os.environ, "PATH": f"{self._path}:{SBIN}"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, name: str, *, seconds: float = _END_SECONDS) -> None:
        """End one process; does nothing if it does not run."""
        child = self._running.pop(name, None)
        if child is None:
            return
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        try:
            child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def start_again(self, name: str) -> None:
        """Start a process that was ended, with the same command."""
        self.start(name, self._commands[name])

    def pause(self, name: str, *, paused: bool) -> None:
        """Stop or continue a process without ending it, as if its machine were away."""
        self._running[name].send_signal(signal.SIGSTOP if paused else signal.SIGCONT)

    def end(self) -> None:
        """End all of them."""
        for name in reversed(list(self._running)):
            self.stop(name)

    def ended(self) -> dict[str, str]:
        """The last lines of those that have ended by themselves."""
        return {
            name: (self._folder / f"{name}.log").read_text(errors="replace")[-2000:]
            for name, child in self._running.items()
            if child.poll() is not None
        }

    def wait_for(self, condition: object, what: str, seconds: float = 90) -> None:
        """Wait for ``condition`` to be true, and no longer than until a process has ended by itself."""
        assert callable(condition)
        wait_for(
            lambda: self.ended() or condition(),
            lambda: f"{what}: {self.ended()}",
            timeout=seconds,
        )
        if ended := self.ended():
            raise RuntimeError(f"{what}: {ended}")
