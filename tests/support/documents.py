"""Code as Azure ML's documents have it: scripts, each of which is a process of its own, as a user runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

DOCUMENTS = Path(__file__).parents[1] / "sdk/documents"


def run_document(name: str, folder: Path, environment: Mapping[str, str], timeout: float = 120) -> None:
    """Run a script in ``folder``, where its workspace is, too; it must succeed within ``timeout`` seconds."""
    shutil.copytree(DOCUMENTS / "source_dir", folder / "source_dir")
    shutil.copy(DOCUMENTS / f"{name}.py", folder)
    (folder / "model.onnx").write_bytes(b"weights")
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", f"{name}.py"],
        cwd=folder,
        env=os.environ | {"XDG_DATA_HOME": str(folder / "data"), "MLMAGIC_ZYGOTE": "0", **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout + done.stderr
