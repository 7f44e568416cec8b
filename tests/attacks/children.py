"""Forked children: each runs one function, says what it has done through a pipe, and ends, or is killed."""

from __future__ import annotations

import faulthandler
import json
import os
import select
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

HANGS_AFTER_SECONDS = 110.0
"""Then a child writes to the standard error what each of its threads does."""
LONGEST_SECONDS = 120.0
"""A child that takes longer hangs, which is a fault of its own."""

Say = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class Ended:
    """What a child has said, and how it has ended."""

    said: list[dict[str, Any]] = field(default_factory=list)
    killed: bool = False
    hung: bool = False
    seconds: float = 0.0

    def first(self, key: str) -> Any:
        """The first value said under ``key``; None if there is none."""
        return next((each[key] for each in self.said if key in each), None)


def run(work: Callable[[Say], None], *, kill_after: float | None = None) -> Ended:
    """Run ``work`` in a child; with ``kill_after``, kill it so many seconds later."""
    reader, writer = os.pipe()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _work(work, writer)
    os.close(writer)
    ended = Ended()
    received = bytearray()
    if not _read(reader, received, until=began + (LONGEST_SECONDS if kill_after is None else kill_after)):
        ended.hung = kill_after is None
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    _read(reader, received, until=0.0)
    os.close(reader)
    ended.killed = os.WIFSIGNALED(status)
    ended.seconds = time.monotonic() - began
    ended.said = [json.loads(line) for line in received.split(b"\n")[:-1]]
    return ended


def _read(reader: int, received: bytearray, *, until: float) -> bool:
    """Read what there is; whether the end came before ``until``, by the monotonic clock."""
    while select.select([reader], [], [], max(0.0, until - time.monotonic()))[0]:
        piece = os.read(reader, 1 << 16)
        if not piece:
            return True
        received += piece
    return False


def _work(work: Callable[[Say], None], writer: int) -> None:
    write = os.write  # an interruption replaces it

    def say(words: dict[str, Any]) -> None:
        write(writer, json.dumps(words).encode() + b"\n")

    faulthandler.dump_traceback_later(HANGS_AFTER_SECONDS)
    try:
        work(say)
    except BaseException:
        say({"crash": traceback.format_exc()[-3000:]})
    finally:
        os._exit(0)
