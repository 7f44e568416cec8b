"""A fake compute target whose services outlive the process that launched them: each is a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from mlmagic.core.webservice import Observation, Phase, ServiceSpec
from mlmagic.targets.base import Report
from mlmagic.targets.fake import FakeHandle, FakeTarget


class DurableTarget(FakeTarget):
    """What it runs is the files of ``folder``; all of it answers at ``url``."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__()
        self.url = url
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def launch(self, spec: ServiceSpec, report: Report) -> FakeHandle:
        handle = FakeHandle(_key(spec.run_dir))
        self._file(handle).write_text(spec.run_dir)
        return handle

    def find(self, spec: ServiceSpec) -> FakeHandle | None:
        handle = FakeHandle(_key(spec.run_dir))
        return handle if self._file(handle).exists() else None

    def observe(self, handle: FakeHandle) -> Observation:
        if self._file(handle).exists():
            return self._first_observation()
        return Observation(Phase.GONE, words="it is not running")

    def stop(self, handle: FakeHandle, *, grace: float = 10.0) -> None:
        self._file(handle).unlink(missing_ok=True)

    def logs(self, handle: FakeHandle, *, tail: int = 200, follow: bool = False) -> Iterator[str]:
        yield from ()

    def running(self) -> set[str]:
        """The run folders of what runs."""
        return {file.read_text() for file in self._folder.iterdir()}

    def _file(self, handle: FakeHandle) -> Path:
        return self._folder / str(handle.key)


def _key(run_dir: str) -> int:
    return int(hashlib.sha256(run_dir.encode()).hexdigest()[:12], 16)
