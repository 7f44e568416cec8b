"""What the processes of a batch job run: the script with its folder, models and interpreter."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import tarfile
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlmagic.errors import LaunchFailed

_MARK = ".mlmagic-batch"
_unpacking = threading.Lock()


@dataclass(frozen=True, slots=True)
class Stage:
    """A script as it is laid out in ``folder``; a machine that does not have the folder unpacks a copy."""

    job: str
    """The id of the job."""
    folder: str
    log: str
    """The file that the script's output is appended to."""
    entry_script: str
    results: str
    """How the results are written; see `mlmagic.scoring.batch.results.ENCODERS`."""
    keep: Sequence[str]
    arguments: Sequence[str]
    variables: Mapping[str, str]
    python: str = ""
    """The interpreter; empty: that of the Dask worker."""
    server_path: str | None = None
    """The scoring server's folder for PYTHONPATH, where the interpreter does not have mlmagic installed."""
    cores: int = 1
    """The threads that numeric libraries may use in each process."""
    served: bool = False
    """Whether the script is that of a service, or of a model without one."""
    modules: Sequence[str] = ()
    """The libraries that the script's processes will import."""
    app: str = "app"
    models: str = "azureml-models"
    """The source directory, and AZUREML_MODEL_DIR, below ``folder``."""
    compiled: str = ""
    """The folder of the parts of compiled models, below ``folder``; empty without any."""

    def mark(self) -> None:
        """Have the processes on this machine, and others that share the folder, find it."""
        Path(self.folder, _MARK).write_text(self.job)

    def is_here(self) -> bool:
        """Whether this machine has the folder."""
        try:
            return Path(self.folder, _MARK).read_text() == self.job
        except OSError:
            return False

    def packed(self) -> bytes:
        """The folder as an archive."""
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w") as archive:
            archive.add(self.folder, ".")
        return sink.getvalue()

    def unpacked(self, archive: bytes | None) -> Path:
        """The folder on this machine, which is created of ``archive`` unless it is there.

        Raises `LaunchFailed` if the interpreter is on another machine only.
        """
        if self.python and not Path(self.python).exists():
            raise LaunchFailed(
                "batch",
                f"the environment's interpreter {self.python} is not on this worker's machine",
                hint="Share the folder with the workers' machines, or leave the environment out: the script "
                "then runs in the workers' own.",
            )
        if self.is_here():
            return Path(self.folder)
        if archive is None:
            raise LaunchFailed("batch", f"the job's folder {self.folder} is not there any more")
        folder = self._copy()
        with _unpacking:
            if not folder.exists():
                draft = Path(tempfile.mkdtemp(prefix=f"{folder.name}-"))
                with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
                    packed.extractall(draft, filter="tar")
                draft.rename(folder)
        return folder

    def interpreter(self) -> str:
        """The interpreter to use on this machine."""
        return self.python or sys.executable

    def forget(self) -> None:
        """Remove this machine's copy, if it has one."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._copy())

    def _copy(self) -> Path:
        return Path(tempfile.gettempdir()).absolute() / f"mlmagic-batch-{self.job}-copy"
