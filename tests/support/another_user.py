"""Run magics and commands as another user of the machine.

What is imported is imported first, in a workspace of its own: the other user may not be able to read it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NOBODY = 65534


def run_as_another_user(
    workspace: Path, lines: Sequence[str], own: Path, *, may_read: bool = True
) -> Mapping[str, str]:
    """What each line shows: a magic, or a command of mlmagic. ``own`` is a new folder of theirs.

    The user may write nothing in the workspace, and read it if ``may_read``.
    """
    paths = [workspace, *workspace.rglob("*")]
    modes = {path: path.stat().st_mode & 0o7777 for path in paths}
    above = [path for path in workspace.parents if path.stat().st_uid == os.getuid() and len(path.parts) > 2]
    modes_above = {path: path.stat().st_mode & 0o7777 for path in above}
    for folder in (own, own / "ipython"):
        folder.mkdir()
        folder.chmod(0o777)
    environment = {
        **os.environ,
        "HOME": str(own),
        "IPYTHONDIR": str(own / "ipython"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MLMAGIC_ZYGOTE": "0",  # the other user may not be able to start this Python
    }
    try:
        for path in paths:
            path.chmod(0 if not may_read else 0o555 if path.is_dir() else 0o444)
        for path in above:
            path.chmod(modes_above[path] | 0o555)
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.another_user"],
            input=json.dumps({"workspace": str(workspace), "own": str(own), "lines": list(lines)}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
            env=environment,
        )
    finally:
        for path, mode in {**modes, **modes_above}.items():
            path.chmod(mode)
    assert done.returncode == 0, done.stdout
    *before, answer = done.stdout.splitlines()
    assert before == [], done.stdout
    shown: Mapping[str, str] = json.loads(answer)
    return shown


def _shown(workspace: str, lines: Sequence[str]) -> dict[str, str]:
    from traitlets.config import Config

    from tests.support.command_line import run
    from tests.support.shells import TestingShell

    os.environ["MLMAGIC_WORKSPACE"] = workspace
    TestingShell.clear_instance()
    settings = Config()
    settings.HistoryManager.hist_file = ":memory:"
    shell = TestingShell.instance(config=settings)
    shell.extension_manager.load_extension("mlmagic")
    shell.run_cell("weights = [1.0]")
    shown = {}
    for line in lines:
        if line.startswith("%"):
            try:
                shell.run_cell(line)
            except Exception:
                assert shell.outputs == []
            shown[line] = shell.stdout + shell.shown()
        else:
            shown[line] = run(*line.split()).output
    shell.extension_manager.unload_extension("mlmagic")
    return shown


def _main(what: Mapping[str, Any]) -> None:
    _shown(f"{what['own']}/warm", what["lines"])
    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    print(json.dumps(_shown(what["workspace"], what["lines"])))


if __name__ == "__main__":
    _main(json.loads(sys.stdin.read()))
