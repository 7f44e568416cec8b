"""`RemoteFiles`: the files of a datastore in other storage, by an fsspec URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlmagic.errors import InvalidConfig, UsageError

_STATE = ("size", "etag", "ETag", "mtime", "last_modified", "LastModified", "updated", "created")
"""What fsspec's file systems say of a file that changes with it; each says some of them."""


class RemoteFiles:
    """Files below a URL such as ``abfs://container``; ``options`` are those of the fsspec package for it."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise UsageError(
                f"the datastore {url} needs the package fsspec, which is not installed",
                hint="Install it: pip install fsspec",
            ) from None
        try:
            self._files, self._root = url_to_fs(url, **options)
        except ImportError as error:  # fsspec's message has the package and how to install it
            raise UsageError(f"the datastore {url} cannot be opened: {error}") from None
        except ValueError as error:
            raise InvalidConfig("url", url, "must be a URL that fsspec knows", hint=str(error)) from None

    def names(self, prefix: str = "") -> list[str]:
        """The paths of the files that begin with ``prefix``, relative to the URL."""
        found = self._files.find(self._root)
        relative = [str(path)[len(self._root) :].lstrip("/") for path in found]
        return sorted(name for name in relative if name.startswith(prefix.lstrip("/")))

    def states(self, prefix: str = "") -> dict[str, str]:
        """The files as `names` has them, each with a text that changes when the file does."""
        self._files.invalidate_cache()
        found = self._files.find(self._root, detail=True)
        relative = {str(path)[len(self._root) :].lstrip("/"): info for path, info in found.items()}
        return {
            name: " ".join(f"{key}={info[key]}" for key in _STATE if info.get(key) is not None)
            for name, info in relative.items()
            if name.startswith(prefix.lstrip("/"))
        }

    def put(self, source: Path, name: str, *, overwrite: bool) -> bool:
        """Copy a file there; returns False if it exists and ``overwrite`` is off."""
        place = f"{self._root.rstrip('/')}/{name}"
        if not overwrite and self._files.exists(place):
            return False
        self._files.makedirs(place.rpartition("/")[0], exist_ok=True)
        self._files.put_file(str(source), place)
        return True

    def get(self, name: str, target: Path) -> None:
        """Copy a file to this machine."""
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.part")
        self._files.get_file(f"{self._root.rstrip('/')}/{name}", str(draft))
        draft.replace(target)
