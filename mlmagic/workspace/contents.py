"""A team's store of contents: any place that fsspec can write to, such as a bucket or a mounted folder.

    URL/WORKSPACE/ab/abcd...      one content by its SHA-256
    URL/WORKSPACE/incoming/...    contents on their way in

Each workspace has a folder of its own there, by the id in its database: it removes what no row of its own
refers to, and must not remove what another needs. A content comes in under a temporary name and is then
moved, so what lies under a hash is whole; what comes out is hashed again. Each machine's `FileStore` keeps a
copy of what it has used.
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


class Contents:
    """The contents of one workspace at one URL. Any number of machines may use it.

    Raises `InvalidConfig` for what is no URL, `UsageError` for a package that is not installed. The methods
    raise `WorkspaceUnavailable` if the store cannot be used.
    """

    def __init__(self, url: str, workspace_id: str) -> None:
        self._files, root = _open(url, shown(url))
        self._root = f"{root.rstrip('/')}/{workspace_id}"
        self.shown = f"{shown(url).rstrip('/')}/{workspace_id}"

    def url(self, digest: str) -> str:
        """Where a content lies, without credentials."""
        return f"{self.shown}/{digest[:2]}/{digest}"

    def has(self, digest: str) -> bool:
        with self._told():
            self._files.invalidate_cache()  # another machine may have changed it
            return bool(self._files.exists(self._place(digest)))

    def put(self, source: Path, digest: str) -> None:
        """Bring in the file ``source``, whose SHA-256 is ``digest``, unless it is there."""
        if self.has(digest):
            return
        draft, place = f"{self._root}/incoming/{uuid.uuid4().hex}", self._place(digest)
        with self._told():
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
        """Copy a content to ``target``. Raises `NotFound` for one that is not there."""
        if not self.has(digest):
            raise missing(digest, self.shown)
        with self._told():
            self._files.get_file(self._place(digest), str(target))
        with target.open("rb") as copy:
            found = hashlib.file_digest(copy, "sha256").hexdigest()
        if found != digest:
            raise WorkspaceUnavailable(
                f"content {digest} in {self.shown} is damaged: the SHA-256 of what lies there is {found}",
                hint="Remove it there, and register the model once more.",
            )

    def remove(self, digest: str) -> None:
        """Forget a content; what is not there is silent."""
        if self.has(digest):
            with self._told(), suppress(FileNotFoundError):
                self._files.rm_file(self._place(digest))

    def _place(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest}"

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (MLMagicError, FileNotFoundError):
            raise
        except Exception as error:  # each kind of store has errors of its own
            words = " ".join(str(error).split()) or type(error).__name__
            raise WorkspaceUnavailable(
                f"the file store {self.shown} cannot be used: {words}",
                hint="See that it is there, and that you may read and write it.",
            ) from error


def missing(digest: str, store: str) -> NotFound:
    """The error for a content that a row refers to and a store does not have."""
    return NotFound(
        f"content in {store}", digest, hint="Somebody has removed it there: register the model once more."
    )


def shown(url: str) -> str:
    """The URL as it may be shown: without user and password, and without options."""
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
    except ImportError as error:  # fsspec says which package, and how to install it
        raise UsageError(f"the file store {known_as} needs another package: {error}") from None
    except ValueError as error:
        raise InvalidConfig("files_url", known_as, f"{rule} ({error})", hint=hint) from None
    return files, str(root)
