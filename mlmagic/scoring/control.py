"""The control socket: a Unix socket in the run directory, by which its owner commands the server.

A caller sends one JSON object, ``{"do": command, ...}``, and gets one back, perhaps with a file descriptor.
Where no such socket can be made (a path that is too long, a file system without them) there are no commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

NAME = "door"
HAND_OVER = "hand over"
RELOAD = "reload"
SCALE = "scale"
COMMAND_BYTES = 64 * 1024
PATIENCE_S = 5.0
CALL_S = 0.5
"""How long a server without an event loop waits for a caller that has connected."""

Command = Mapping[str, Any]
Handler = Callable[[Command], Awaitable[tuple[dict[str, Any], list[int]]]]
"""Returns the answer, and the descriptors to send along."""


class ControlSocket:
    """The server's side: calls the handler of each command."""

    def __init__(
        self, folder: Path, handlers: Mapping[str, Handler], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._folder = folder
        self._handlers = handlers
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket = open_control_socket(folder)
        if self._socket is not None:
            self._start(self._receive(self._socket))

    def close(self) -> None:
        """Take no more commands."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            with contextlib.suppress(OSError):
                os.unlink(self._folder / NAME)
        for task in self._tasks:
            task.cancel()

    async def _receive(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = await self._loop.sock_accept(listener)
                self._start(self._answer(caller))

    async def _answer(self, caller: socket.socket) -> None:
        with caller:
            caller.setblocking(False)
            try:
                command = json.loads(
                    await asyncio.wait_for(self._loop.sock_recv(caller, COMMAND_BYTES), PATIENCE_S)
                )
                answer, descriptors = await self._handlers[command["do"]](command)
            except (OSError, TimeoutError, ValueError, TypeError, LookupError) as error:
                answer, descriptors = {"refused": f"{type(error).__name__}: {error}"}, []
            with contextlib.suppress(OSError):
                socket.send_fds(caller, [json.dumps(answer).encode() + b"\n"], descriptors)

    def _start(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def send_command(
    folder: str | os.PathLike[str], command: Command, *, timeout: float = PATIENCE_S
) -> tuple[dict[str, Any], list[int]]:
    """The caller's side: the answer and its file descriptors. Raises OSError if no server listens."""
    with open_call(Path(folder), command, timeout) as caller:
        received, descriptors, _, _ = socket.recv_fds(caller, COMMAND_BYTES, 1)
        while received and not received.endswith(b"\n"):
            more = caller.recv(COMMAND_BYTES)
            if not more:
                break
            received += more
    if not received:
        raise ConnectionAbortedError(f"{folder}: the server closed the connection")
    return json.loads(received), list(descriptors)


def open_call(folder: Path, command: Command, timeout: float = PATIENCE_S) -> socket.socket:
    """Send a command; the answer comes over the socket. Raises OSError if no server listens."""
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address(folder) as address:
            caller.settimeout(timeout)
            caller.connect(address)
            caller.sendall(json.dumps(command).encode())
    except OSError:
        caller.close()
        raise
    return caller


def read_command(listener: socket.socket) -> tuple[socket.socket | None, Command]:
    """A caller and its command, for a server without an event loop; None if it has gone."""
    caller = None
    try:
        caller, _ = listener.accept()
        caller.settimeout(CALL_S)
        return caller, dict(json.loads(caller.recv(COMMAND_BYTES)))
    except (OSError, ValueError, TypeError):
        if caller is not None:
            caller.close()
        return None, {}


def send_answer(caller: socket.socket, answer: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Answer a caller, and close the connection."""
    with caller, contextlib.suppress(OSError):
        caller.settimeout(CALL_S)
        socket.send_fds(caller, [json.dumps(answer).encode() + b"\n"], list(descriptors))


def joined_answer(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One answer for several servers that had the same command: the first that failed, else the slowest."""
    for key in ("error", "refused"):
        for answer in answers:
            if key in answer:
                return dict(answer)
    return dict(max(answers, key=lambda each: each.get("ms", 0.0), default={"refused": "no replica serves"}))


def open_control_socket(folder: Path) -> socket.socket | None:
    """A listening control socket in ``folder``; None where there can be none."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(folder / NAME)
        with _address(folder) as address:
            listener.bind(address)
        os.chmod(folder / NAME, 0o600)
        listener.listen(4)
        listener.setblocking(False)
    except OSError:
        listener.close()
        return None
    return listener


@contextlib.contextmanager
def _address(folder: Path) -> Iterator[str]:
    """A path to the socket that is short enough: the system takes about a hundred characters."""
    if not os.path.isdir("/proc/self/fd"):
        yield str(folder / NAME)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
