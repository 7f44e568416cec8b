"""Code as the documents have it, written afresh, over the first SDK's own import names, on this machine.

Each is a script of its own process, as a user would run it: the import names are for a whole process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

DOCUMENTS = Path(__file__).parent / "documents"
SCRIPTS = sorted(path.stem for path in DOCUMENTS.glob("*.py"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_runs_as_written(name: str, tmp_path: Path) -> None:
    shutil.copytree(DOCUMENTS / "source_dir", tmp_path / "source_dir")
    shutil.copy(DOCUMENTS / f"{name}.py", tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"weights")
    # What a user sets who has no cluster.
    compute = {"MLMAGIC_COMPUTE": "aks=local"} if name.startswith("aks_") else {}
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", f"{name}.py"],
        cwd=tmp_path,
        env=os.environ | {"XDG_DATA_HOME": str(tmp_path / "data"), "MLMAGIC_ZYGOTE": "0", **compute},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
