"""A build context: files by their paths in it, with a digest of their content, as a folder or an archive.

Times and owners of the original files are left out, so the same content gives the same archive.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from mlmagic.core.paths import check_links, join
from mlmagic.targets.images import ignore

Content = bytes | Path
EPOCH = 315532800
"""1980-01-01, the earliest time that all kinds of archive can hold; SOURCE_DATE_EPOCH overrides it."""
LEFT_OUT = frozenset({"__pycache__", ".DS_Store"})


@dataclass(frozen=True, slots=True)
class Context:
    """Files by their relative paths, with slashes; the content of each is bytes or a file of this machine."""

    files: Mapping[str, Content] = field(default_factory=dict)

    def __or__(self, other: Mapping[str, Content]) -> Context:
        return Context({**self.files, **other})

    def digest(self, *, without: str = "\0") -> str:
        """64 hexadecimal digits that identify the files, except those whose paths begin with ``without``."""
        digest = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            if not name.startswith(without):
                digest.update(f"{name}\0{_hash(content)}\n".encode())
        return digest.hexdigest()

    def write(self, folder: Path) -> None:
        """Write the files into ``folder``."""
        for name, content in sorted(self.files.items()):
            copy = join(folder, name, "path in the build context")
            copy.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                copy.write_bytes(content)
            else:
                shutil.copyfile(content, copy)
            copy.chmod(_mode(content))
            os.utime(copy, (epoch(), epoch()))

    def archive(self, out: IO[bytes], *, keep_times: bool = False) -> None:
        """Write an uncompressed tar; the same bytes for the same content, unless ``keep_times``."""
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for folder in sorted(self._folders()):
                entry = _entry(folder, 0o755)
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            for name, content in sorted(self.files.items()):
                entry = _entry(name, _mode(content))
                if keep_times and isinstance(content, Path):
                    entry.mtime = content.stat().st_mtime
                with _opened(content) as file:
                    entry.size = size_of(content)
                    tar.addfile(entry, file)

    def _folders(self) -> set[str]:
        found = set()
        for name in self.files:
            parts = name.split("/")[:-1]
            found |= {"/".join(parts[: depth + 1]) for depth in range(len(parts))}
        return found


def below(folder: Path, into: str, *, honours_ignore: bool = False) -> dict[str, Content]:
    """The files of ``folder``, each below ``into``; without those in ``.dockerignore`` if it is honoured."""
    leaves_out = _ignored(folder) if honours_ignore else _nothing
    found: dict[str, Content] = {}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if not leaves_out(name):
            found[f"{into}/{name}" if into else name] = path
    return found


def epoch() -> int:
    """The modification time of all files."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or EPOCH)


def size_of(content: Content) -> int:
    """The size of a file in bytes."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _files(folder: Path) -> Iterator[Path]:
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and LEFT_OUT.isdisjoint(path.relative_to(folder).parts):
            if path.is_symlink():
                check_links(path, root, folder)
            yield path


def _ignored(folder: Path) -> Callable[[str], bool]:
    file = folder / ignore.FILE
    return ignore.ignored(file.read_text(encoding="utf-8") if file.is_file() else "")


def _nothing(path: str) -> bool:
    return False


def _entry(name: str, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.mtime = mode, epoch()
    return entry


def _mode(content: Content) -> int:
    runs = isinstance(content, Path) and os.access(content, os.X_OK)
    return 0o755 if runs else 0o644


def _opened(content: Content) -> IO[bytes]:
    return io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")


def _hash(content: Content) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    seen = content.stat()
    return _hash_file(str(content), seen.st_size, seen.st_mtime_ns, seen.st_ino)


@functools.lru_cache(maxsize=4096)
def _hash_file(path: str, size: int, changed: int, inode: int) -> str:
    """The hash of a file, cached until the file changes: large models are read once."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
