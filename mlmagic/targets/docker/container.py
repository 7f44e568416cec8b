"""The containers of one engine: their state, files, logs, and commands run in them."""

from __future__ import annotations

import codecs
import io
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlmagic.core.log_lines import TimedLine
from mlmagic.targets.docker.streams import Stream
from mlmagic.targets.images.context import Context
from mlmagic.targets.images.dockerfile import USER

if TYPE_CHECKING:
    from docker import APIClient

Inspected = Mapping[str, Any]
"""A container as the engine's API describes it: docs.docker.com/reference/api/engine."""


class Containers:
    """The containers of one engine, by name."""

    def __init__(self, api: APIClient) -> None:
        self._api = api

    def inspect(self, name: str) -> Inspected | None:
        """The container's state and settings; None if it is gone."""
        from docker.errors import NotFound

        try:
            return self._api.inspect_container(name)  # type: ignore[no-any-return]
        except NotFound:
            return None

    def stats(self, name: str) -> Inspected:
        """What the container uses now; empty if it is gone."""
        from docker.errors import APIError

        try:
            return self._api.stats(name, stream=False, one_shot=True)  # type: ignore[no-any-return]
        except APIError:
            return {}

    def labelled(self, **labels: str) -> list[Inspected]:
        """All containers with these labels (``mlmagic.NAME=VALUE``), running or not."""
        wanted = [f"mlmagic.{name}={value}" for name, value in labels.items()]
        return list(self._api.containers(all=True, filters={"label": wanted}))

    def read(self, name: str, path: str) -> bytes | None:
        """The content of a file; None if the file or the container is gone."""
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
        """Write files into ``folder``, which is in a volume; only the service's user can read them."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for parent in sorted({path.rpartition("/")[0] for path in files} - {""}):
                entry = tarfile.TarInfo(parent)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o700
                entry.uid = entry.gid = USER
                tar.addfile(entry)
            for path, content in files.items():
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(content), 0o600
                entry.mtime = time.time()  # the server reads a file again when it has changed
                entry.uid = entry.gid = USER
                tar.addfile(entry, io.BytesIO(content))
        self._api.put_archive(name, folder, archive.getvalue())

    def write_context(self, name: str, folder: str, context: Context) -> None:
        """Write the files of ``context``, with their times, into ``folder``, which is in a volume."""
        archive = io.BytesIO()
        context.archive(archive, keep_times=True)
        self._api.put_archive(name, folder, archive.getvalue())

    def run(self, name: str, command: list[str], *, user: str = "") -> tuple[int, str, str]:
        """Run a command in the container: its exit code, standard output and standard error."""
        started = self._api.exec_create(name, command, user=user)
        out, err = bytearray(), bytearray()
        with Stream[tuple[bytes | None, bytes | None]](
            lambda: self._api.exec_start(started["Id"], stream=True, demux=True)
        ) as chunks:
            for out_chunk, err_chunk in chunks:
                out += out_chunk or b""
                err += err_chunk or b""
        code = self._api.exec_inspect(started["Id"])["ExitCode"]
        return int(code or 0), out.decode(), err.decode()

    def remove(self, name: str) -> None:
        """Kill and remove the container and its anonymous volumes; does nothing if it is gone."""
        from docker.errors import APIError

        try:
            self._api.remove_container(name, force=True, v=True)
        except APIError as error:
            if error.status_code not in (404, 409):  # 409: it is being removed already
                raise

    def stop(self, name: str, grace: int) -> None:
        """Stop the container, and kill it after ``grace`` seconds; does nothing if it is gone."""
        from docker.errors import NotFound

        try:
            self._api.stop(name, timeout=grace)
        except NotFound:
            return

    def lines(self, name: str, *, tail: int, follow: bool) -> Iterator[TimedLine]:
        """The last ``tail`` lines of the container's log, and with ``follow`` those to come."""
        from docker.errors import NotFound

        try:
            with Stream[bytes](
                lambda: self._api.logs(
                    name,
                    stdout=True,
                    stderr=True,
                    stream=True,
                    timestamps=True,
                    tail=max(tail, 0),
                    follow=follow,
                )
            ) as chunks:
                yield from map(TimedLine.of, _lines(chunks))
        except NotFound:
            return


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    for chunk in chunks:
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        yield from (line.rstrip("\r") for line in whole)
    if rest:
        yield rest
