"""The original of a compiled model: the estimator, loaded when something needs it."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, BinaryIO

from mlmagic.scoring.compiled.files import digest


class Original:
    """The estimator in ``file``, which stays open: a script may delete or replace what it has loaded."""

    def __init__(self, file: BinaryIO, path: str, sha256: str, load: Callable[[BinaryIO], Any]) -> None:
        self._file, self._name, self._sha256, self._load = file, os.path.basename(path), sha256, load
        weakref.finalize(self, file.close)
        self._lock = threading.Lock()
        self._loaded: Any = None
        self.answers_all = False
        """Whether the estimator answers all calls from now on, because it may have been changed."""

    def get(self, why: str) -> Any:
        """Return the estimator; ``why`` it is needed is logged when it is loaded.

        Raises RuntimeError if the file was overwritten since the compiled model was loaded.
        """
        with self._lock:
            if self._loaded is None:
                print(
                    f"mlmagic: the compiled model {self._name!r} loads its original for {why}.",
                    file=sys.stderr,
                    flush=True,
                )
                if digest(self._file) != self._sha256:
                    raise RuntimeError(
                        f"{self._name!r} was overwritten after it was loaded: the original of the compiled "
                        "model is gone. Load the file again."
                    )
                self._file.seek(0)
                self._loaded = self._load(self._file)
                self._file.close()
            return self._loaded

    def take_over(self, why: str) -> Any:
        """Return the estimator, which answers all calls from now on."""
        found = self.get(why)
        self.answers_all = True
        return found

    def replace(self, error: Exception) -> None:
        """Answer all calls from now on, as the compiled model cannot be used."""
        report_unusable(self._name, error)
        self.take_over("all calls")


def report_unusable(path: str, error: Exception) -> None:
    """Log that the original of a model file is served, and why."""
    name = os.path.basename(path)
    print(
        f"mlmagic: the original of {name!r} is served, as its compiled model cannot be used: {error}",
        file=sys.stderr,
        flush=True,
    )


def copy_of(file: BinaryIO) -> BinaryIO:
    """The same file with a position of its own."""
    path = f"/proc/self/fd/{file.fileno()}"
    return open(path if os.path.exists(path) else file.name, "rb")
