"""A reload of the script in all workers of a service: one answer for all of them."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mlmagic.scoring.control import COMMAND_BYTES, Command, joined_answer, open_call


class Reload:
    """Sends a command to the control socket of each worker, and waits for all answers."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        folders: Sequence[Path],
        reply: Callable[[dict[str, Any]], None],
    ) -> None:
        self._selector, self._reply = selector, reply
        self._folders = folders
        self._open: dict[socket.socket, bytes] = {}
        self._answers: list[Mapping[str, Any]] = []

    def start(self, command: Command) -> None:
        """Send the command; ``reply`` is called later, with the answer for all."""
        for folder in self._folders:
            try:
                call = open_call(folder, command)
            except OSError as error:
                self._answers.append({"refused": f"{folder.name} does not answer: {error}"})
                continue
            call.setblocking(False)
            self._open[call] = b""
            self._selector.register(call, selectors.EVENT_READ, partial(self._read, call))
        self._finish()

    def _read(self, call: socket.socket) -> None:
        try:
            words = call.recv(COMMAND_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            words = b""
        self._open[call] += words
        if words and not self._open[call].endswith(b"\n"):
            return
        self._selector.unregister(call)
        said = self._open.pop(call)
        call.close()
        answer: Mapping[str, Any] = {"refused": "a replica has ended"}
        with contextlib.suppress(ValueError):
            answer = json.loads(said)
        self._answers.append(answer)
        self._finish()

    def _finish(self) -> None:
        if not self._open:
            self._reply(joined_answer(self._answers))
