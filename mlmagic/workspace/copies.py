"""Copying a file and hashing it, in one pass."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from pathlib import Path

_CHUNK = 4 << 20
_BUFFERS = 4


def copy_and_hash(source: Path, target: Path) -> tuple[str, int]:
    """Copy ``source`` to ``target``; returns the SHA-256 of what was written, and its size in bytes.

    The file is read once; hashing and writing run side by side (both release the GIL), which makes this
    about as fast as the slower of the two.
    """
    hasher = hashlib.sha256()
    full: queue.Queue[memoryview | None] = queue.Queue()
    empty: queue.Queue[bytearray] = queue.Queue()

    def hash_all() -> None:
        while (view := full.get()) is not None:
            hasher.update(view)
            buffer = view.obj
            view.release()
            empty.put(buffer)  # type: ignore[arg-type]

    with source.open("rb", buffering=0) as reader, target.open("wb", buffering=0) as writer:
        total = os.fstat(reader.fileno()).st_size
        if total <= _CHUNK:
            content = reader.readall()
            writer.write(content)
            return hashlib.sha256(content).hexdigest(), len(content)
        for _ in range(_BUFFERS):
            empty.put(bytearray(_CHUNK))
        worker = threading.Thread(target=hash_all, name="mlmagic-hash", daemon=True)
        worker.start()
        size = 0
        try:
            while count := reader.readinto(buffer := empty.get()):
                view = memoryview(buffer)[:count]
                full.put(memoryview(buffer)[:count])
                _write_all(writer.fileno(), view)
                size += count
        finally:
            full.put(None)
            worker.join()
    return hasher.hexdigest(), size


def _write_all(descriptor: int, view: memoryview) -> None:
    while view:
        view = view[os.write(descriptor, view) :]
