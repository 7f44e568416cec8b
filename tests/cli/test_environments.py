"""``mlmagic environment``: created, compared, made, deleted."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from typing import NoReturn

import filelock
import pytest

from tests.support.command_line import run


def test_created_compared_and_deleted(folder: Path) -> None:
    (folder / "wanted.txt").write_text("six==1.16.0\n")
    assert run("environment", "create", "-n", "mine", "--pip", "wanted.txt").stdout == "mine:1\n"
    done = run("environment", "create", "-n", "mine", "--packages", "six==1.17.0", "--env", "A=1")
    assert done.stdout == "mine:2\n"
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"Python: {here}\n" in done.stderr
    assert f'"python={here}"' in run("environment", "show", "-n", "mine").stdout
    refused = run("environment", "create", "-n", "wrong", "--packages", "scikit learn=1.0")
    assert refused.exit_code != 0
    assert refused.stdout == ""
    assert "Did you mean 'scikit-learn==1.0'?" in refused.stderr
    told = json.loads(run("environment", "diff", "mine:1", "mine:2", "-o", "json").stdout)
    assert {"what": "variable", "name": "A", "change": "added", "before": None, "after": "1"} in told
    assert "six==1.17.0" in run("environment", "diff", "mine:1", "mine").stdout
    names = [each["name"] for each in json.loads(run("environment", "list", "-o", "json").stdout)]
    assert names[:2] == ["mine", "mlmagic-sklearn"]
    assert "has no source" in run("environment", "create", "-n", "x").stderr
    run("environment", "delete", "-n", "mine")
    assert "Environment not found: 'mine'" in run("environment", "show", "-n", "mine").stderr
    assert "for the curated ones" in run("environment", "delete", "-n", "mlmagic-onnx").stderr


@pytest.mark.processes
def test_made_strictly_or_on_the_nearest_python(folder: Path) -> None:
    run("environment", "create", "-n", "mine", "--packages", "six==1.16.0", "--python-version", "3.8")
    refused = run("environment", "build", "-n", "mine", "--exact")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--nearest takes the nearest" in refused.stderr
    made = run("environment", "build", "-n", "mine")
    assert made.exit_code == 0, made.output
    assert Path(made.stdout.strip()).is_file()
    assert "removed 0 environments" in run("environment", "clean").stderr


def test_a_full_disk_while_environments_are_removed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setenv("MLMAGIC_CACHE", str(tmp_path))
    (tmp_path / "environments" / ".building" / "key-1").mkdir(parents=True)
    monkeypatch.setattr(filelock.FileLock, "acquire", full)
    refused = run("environment", "clean")
    assert refused.exit_code == 1
    assert "No space left on device. Free some space" in refused.stderr
