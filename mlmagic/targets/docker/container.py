"""Containers of one engine: files in and out of them, what they wrote, and how they are asked for."""

from __future__ import annotations

import codecs
import io
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlmagic.targets.images.context import Context
from mlmagic.targets.images.dockerfile import USER

if TYPE_CHECKING:
    from docker import APIClient

Inspected = Mapping[str, Any]
"""What the engine says of a container, in its own words (docs.docker.com/reference/api/engine)."""


class Containers:
    """Those of one engine, by name."""

    def __init__(self, api: APIClient) -> None:
        self._api = api

    def look(self, name: str) -> Inspected | None:
        """What is true of it now; None for one that is gone."""
        from docker.errors import NotFound

        try:
            return self._api.inspect_container(name)  # type: ignore[no-any-return]
        except NotFound:
            return None

    def stats(self, name: str) -> Inspected:
        """What it uses now; empty for one that is gone."""
        from docker.errors import APIError

        try:
            return self._api.stats(name, stream=False, one_shot=True)  # type: ignore[no-any-return]
        except APIError:
            return {}

    def labelled(self, **labels: str) -> list[Inspected]:
        """All that have these labels (``mlmagic.NAME=VALUE``), running or not."""
        wanted = [f"mlmagic.{name}={value}" for name, value in labels.items()]
        return list(self._api.containers(all=True, filters={"label": wanted}))

    def read(self, name: str, path: str) -> bytes | None:
        """A file's content; None if it is not there, or the container is not."""
        from docker.errors import APIError

        try:
            chunks, _ = self._api.get_archive(name, path)
            content = b"".join(chunks)
        except APIError:
            return None
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            member = tar.next()
            file = tar.extractfile(member) if member is not None else None
            return file.read() if file is not None else None

    def write(self, name: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files below a folder that a volume holds: the service's own, and nobody else may read them."""
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as tar:
            for parent in sorted({path.rpartition("/")[0] for path in files} - {""}):
                entry = tarfile.TarInfo(parent)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o700
                entry.uid = entry.gid = USER
                tar.addfile(entry)
            for path, content in files.items():
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(content), 0o600
                entry.mtime = time.time()  # the server reads again what has changed
                entry.uid = entry.gid = USER
                tar.addfile(entry, io.BytesIO(content))
        self._api.put_archive(name, folder, made.getvalue())

    def write_context(self, name: str, folder: str, context: Context) -> None:
        """Put a context's files below a folder that a volume holds, with their times."""
        made = io.BytesIO()
        context.archive(made, keep_times=True)
        self._api.put_archive(name, folder, made.getvalue())

    def run(self, name: str, command: list[str], *, user: str = "") -> tuple[int, str, str]:
        """Run a command in it: exit code, what it printed, and its complaints."""
        started = self._api.exec_create(name, command, user=user)
        out, err = bytearray(), bytearray()
        with _ending(self._api.exec_start(started["Id"], stream=True, demux=True)) as chunks:
            for printed, complained in chunks:
                out += printed or b""
                err += complained or b""
        code = self._api.exec_inspect(started["Id"])["ExitCode"]
        return int(code or 0), out.decode(), err.decode()

    def remove(self, name: str) -> None:
        """End it and forget it, with its own volumes; silent for what is gone."""
        from docker.errors import APIError

        try:
            self._api.remove_container(name, force=True, v=True)
        except APIError as error:
            if error.status_code not in (404, 409):  # 409: somebody else is removing it
                raise

    def end(self, name: str, grace: int) -> None:
        """Tell it to stop, and kill it after ``grace`` seconds; silent for what is gone."""
        from docker.errors import NotFound

        try:
            self._api.stop(name, timeout=grace)
        except NotFound:
            return

    def lines(self, name: str, *, tail: int, follow: bool) -> Iterator[str]:
        """What it wrote."""
        from docker.errors import NotFound

        try:
            said = self._api.logs(
                name, stdout=True, stderr=True, stream=True, tail=max(tail, 0), follow=follow
            )
            with _ending(said) as chunks:
                yield from _lines(chunks)
        except NotFound:
            return


@contextmanager
def _ending(stream: Any) -> Iterator[Any]:
    """A stream of the SDK, whose connection ends with it: its own ``close`` leaves the descriptor open."""
    try:
        yield stream
    finally:
        stream._response.close()


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    for chunk in chunks:
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        yield from (line.rstrip("\r") for line in whole)
    if rest:
        yield rest
