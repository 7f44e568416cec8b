"""The door: a Unix socket in the run directory, for those who may write there.

A caller sends one JSON object, ``{"do": what, ...}``, and gets one back, perhaps with a file descriptor.
Where no such socket can be made (a path that is too long, a file system without them) a server has no door.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

NAME = "door"
HAND_OVER = "hand over"
RELOAD = "reload"
ORDER_BYTES = 64 * 1024
PATIENCE_S = 5.0

Order = Mapping[str, Any]
Handler = Callable[[Order], Awaitable[tuple[dict[str, Any], list[int]]]]
"""Returns the answer, and the descriptors to send along."""


class Door:
    """The server's side: calls the handler that an order names."""

    def __init__(
        self, folder: Path, handlers: Mapping[str, Handler], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._folder = folder
        self._handlers = handlers
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket = _opened(folder)
        if self._socket is not None:
            self._do(self._receive(self._socket))

    def close(self) -> None:
        """Let nobody in any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            with contextlib.suppress(OSError):
                os.unlink(self._folder / NAME)
        for task in self._tasks:
            task.cancel()

    async def _receive(self, door: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = await self._loop.sock_accept(door)
                self._do(self._answer(caller))

    async def _answer(self, caller: socket.socket) -> None:
        with caller:
            caller.setblocking(False)
            try:
                order = json.loads(
                    await asyncio.wait_for(self._loop.sock_recv(caller, ORDER_BYTES), PATIENCE_S)
                )
                answer, descriptors = await self._handlers[order["do"]](order)
            except (OSError, TimeoutError, ValueError, TypeError, LookupError) as error:
                answer, descriptors = {"refused": f"{type(error).__name__}: {error}"}, []
            with contextlib.suppress(OSError):
                socket.send_fds(caller, [json.dumps(answer).encode() + b"\n"], descriptors)

    def _do(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def knock(
    folder: str | os.PathLike[str], order: Order, *, timeout: float = PATIENCE_S
) -> tuple[dict[str, Any], list[int]]:
    """The caller's side: the answer and the descriptors that came with it. Raises OSError if nobody opens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller, _address(Path(folder)) as address:
        caller.settimeout(timeout)
        caller.connect(address)
        caller.sendall(json.dumps(order).encode())
        said, descriptors, _, _ = socket.recv_fds(caller, ORDER_BYTES, 1)
        while said and not said.endswith(b"\n"):
            more = caller.recv(ORDER_BYTES)
            if not more:
                break
            said += more
    if not said:
        raise ConnectionAbortedError(f"{folder}: the server has left")
    return json.loads(said), list(descriptors)


def _opened(folder: Path) -> socket.socket | None:
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(folder / NAME)
        with _address(folder) as address:
            door.bind(address)
        os.chmod(folder / NAME, 0o600)
        door.listen(4)
        door.setblocking(False)
    except OSError:
        door.close()
        return None
    return door


@contextlib.contextmanager
def _address(folder: Path) -> Iterator[str]:
    """A path to the door that is short enough: the system takes about a hundred characters."""
    if not os.path.isdir("/proc/self/fd"):
        yield str(folder / NAME)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
