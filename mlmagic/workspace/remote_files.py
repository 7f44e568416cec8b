"""A team's store of files: any place that fsspec can write to, such as a bucket or a mounted folder.

    URL/WORKSPACE/ab/abcd...      a file by its SHA-256
    URL/WORKSPACE/incoming/...    files that are being uploaded

Each workspace has its own folder there, named by the id in its database: it removes the files that none of
its rows refers to, and must not remove those of another workspace. A file is uploaded under a temporary name
and then moved, so that the file of a hash is complete. A downloaded file is hashed again. Each machine's
`FileStore` keeps a copy of the files it has used.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from mlmagic.errors import InvalidConfig, MLMagicError, NotFound, UsageError, WorkspaceUnavailable


class RemoteFiles:
    """The files of one workspace at one URL. Any number of machines may use it.

    Raises `InvalidConfig` for an invalid URL and `UsageError` for a missing package. The methods raise
    `WorkspaceUnavailable` if the store cannot be used.
    """

    def __init__(self, url: str, workspace_id: str) -> None:
        self._files, root = _open(url, shown(url))
        self._root = f"{root.rstrip('/')}/{workspace_id}"
        self.shown = f"{shown(url).rstrip('/')}/{workspace_id}"

    def url(self, digest: str) -> str:
        """The URL of a file, without credentials."""
        return f"{self.shown}/{digest[:2]}/{digest}"

    def has(self, digest: str) -> bool:
        """Whether the file with this SHA-256 is in the store."""
        with self._reporting():
            self._files.invalidate_cache()  # another machine may have changed it
            return bool(self._files.exists(self._place(digest)))

    def put(self, source: Path, digest: str) -> None:
        """Upload the file ``source``, whose SHA-256 is ``digest``, unless the store has it."""
        if self.has(digest):
            return
        draft, place = f"{self._root}/incoming/{uuid.uuid4().hex}", self._place(digest)
        with self._reporting():
            self._files.makedirs(draft.rpartition("/")[0], exist_ok=True)
            self._files.makedirs(place.rpartition("/")[0], exist_ok=True)
            try:
                self._files.put_file(str(source), draft)
                self._files.mv(draft, place)
            except BaseException:
                with suppress(Exception):
                    self._files.rm_file(draft)
                raise

    def get(self, digest: str, target: Path) -> None:
        """Download a file to ``target``. Raises `NotFound`, or `WorkspaceUnavailable` for a damaged file."""
        if not self.has(digest):
            raise missing(digest, self.shown)
        with self._reporting():
            self._files.get_file(self._place(digest), str(target))
        with target.open("rb") as copy:
            found = hashlib.file_digest(copy, "sha256").hexdigest()
        if found != digest:
            raise WorkspaceUnavailable(
                f"file {digest} in {self.shown} is damaged: its SHA-256 is {found}",
                hint="Delete it there, and register the model again.",
            )

    def remove(self, digest: str) -> None:
        """Remove a file; does nothing if it is missing."""
        if self.has(digest):
            with self._reporting(), suppress(FileNotFoundError):
                self._files.rm_file(self._place(digest))

    def _place(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest}"

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except (MLMagicError, FileNotFoundError):
            raise
        except Exception as error:  # each kind of store has errors of its own
            message = " ".join(str(error).split()) or type(error).__name__
            raise WorkspaceUnavailable(
                f"the file store {self.shown} cannot be used: {message}",
                hint="Check that it exists, and that you may read and write it.",
            ) from error


def missing(digest: str, store: str) -> NotFound:
    """The error for a file that a row refers to and a store does not have."""
    return NotFound(f"file in {store}", digest, hint="It was deleted there: register the model again.")


def shown(url: str) -> str:
    """The URL without user, password and options, to show it."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")) or url


def _open(url: str, known_as: str) -> tuple[Any, str]:
    rule = "must be a URL that fsspec knows"
    hint = "For example s3://bucket/prefix or file:///mnt/team."
    if "://" not in url:
        raise InvalidConfig("files_url", known_as, rule, hint=hint)
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise UsageError(
            f"the file store {known_as} needs the package fsspec, which is not installed",
            hint='Install it: pip install "mlmagic[team]".',
        ) from None
    try:
        files, root = url_to_fs(url)
    except ImportError as error:  # fsspec's message has the package and how to install it
        raise UsageError(f"the file store {known_as} needs another package: {error}") from None
    except ValueError as error:
        raise InvalidConfig("files_url", known_as, f"{rule} ({error})", hint=hint) from None
    return files, str(root)
