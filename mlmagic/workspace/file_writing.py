"""Writing files whole, and hashing what was written.

A disk that is nearly full takes a part of what it is given and says how much. Everything that the workspace
stores goes through `write_all`, which writes the rest or raises.
"""

from __future__ import annotations

import errno
import hashlib
import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from mlmagic.errors import WorkspaceUnavailable

_CHUNK = 4 << 20
_BUFFERS = 4
_OF_DISKS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


@contextmanager
def storing_in(folder: Path) -> Iterator[None]:
    """Raise `WorkspaceUnavailable` for an `OSError` of the block: a file cannot be stored in ``folder``."""
    try:
        yield
    except OSError as error:
        raise WorkspaceUnavailable(
            f"a file could not be stored in {folder}: {error.strerror}",
            hint=remedy(error.errno),
        ) from error


@contextmanager
def with_remedy(folder: Path) -> Iterator[None]:
    """Raise `WorkspaceUnavailable` for an `OSError` of the block that a disk is to blame for, a full one say.

    Others pass. ``folder`` is named where the error names no file.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _OF_DISKS:
            raise
        named = isinstance(error.filename, str | os.PathLike)
        with storing_in(Path(error.filename).parent if named else folder):
            raise


def remedy(error: int | None) -> str:
    """What to do about a file that could not be stored, by the number of the error."""
    if error in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Ask its owner for the permission, or copy the workspace's folder and use the copy."
    if error in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "Free some space on that disk, then try again."
    return "Check that disk and its free space, then try again."


def write_all(writer: FileIO, content: bytes | memoryview) -> None:
    """Write all of ``content`` to an unbuffered file. Raises `WorkspaceUnavailable` if it does not fit."""
    view = memoryview(content)
    with storing_in(Path(os.fsdecode(writer.name)).parent):
        while view:
            written = os.write(writer.fileno(), view)
            if not written:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            view = view[written:]


def _new(path: Path) -> FileIO:
    with storing_in(path.parent):
        return path.open("wb", buffering=0)


def sync(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, would survive a loss of power.

    Raises `WorkspaceUnavailable` if the disk does not take it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise WorkspaceUnavailable(
            f"{path} could not be written to the disk: {error.strerror}",
            hint="Check the disk and its free space, then try again.",
        ) from error


def write_and_hash(content: bytes, target: Path) -> tuple[str, int]:
    """Write ``content`` to ``target``; returns its SHA-256 and its size in bytes. Raises as `write_all`."""
    with _new(target) as writer:
        write_all(writer, content)
    return hashlib.sha256(content).hexdigest(), len(content)


def copy_and_hash(source: Path, target: Path) -> tuple[str, int]:
    """Copy ``source`` to ``target``; returns the SHA-256 of what was written, and its size in bytes.

    The file is read once; hashing and writing run side by side (both release the GIL), which makes this
    about as fast as the slower of the two. Raises as `write_all`.
    """
    with source.open("rb", buffering=0) as reader, _new(target) as writer:
        if os.fstat(reader.fileno()).st_size <= _CHUNK:
            content = reader.readall()
            write_all(writer, content)
            return hashlib.sha256(content).hexdigest(), len(content)
        return _copy_side_by_side(reader, writer)


def _copy_side_by_side(reader: FileIO, writer: FileIO) -> tuple[str, int]:
    hasher, size = hashlib.sha256(), 0
    full: queue.Queue[memoryview | None] = queue.Queue()
    empty: queue.Queue[bytearray] = queue.Queue()
    for _ in range(_BUFFERS):
        empty.put(bytearray(_CHUNK))

    def hash_all() -> None:
        while (view := full.get()) is not None:
            hasher.update(view)
            buffer = view.obj
            view.release()
            empty.put(buffer)  # type: ignore[arg-type]

    worker = threading.Thread(target=hash_all, name="mlmagic-hash", daemon=True)
    worker.start()
    try:
        while count := reader.readinto(buffer := empty.get()):
            view = memoryview(buffer)[:count]
            full.put(memoryview(buffer)[:count])
            write_all(writer, view)
            size += count
    finally:
        full.put(None)
        worker.join()
    return hasher.hexdigest(), size
