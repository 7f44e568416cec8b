"""``--nearest`` and ``--exact``: magics refuse what cannot be installed, unless the line accepts it."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmagic.errors import BuildFailed, LaunchFailed, UsageError
from mlmagic.magics.extension import MLMagic
from tests.support import wheels
from tests.support.conda import conda
from tests.support.engines import MakeEngine
from tests.support.shells import TestingShell

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]

SCRIPT = "import oldlib\n\ndef init():\n    pass\n\ndef run(data):\n    return oldlib.__version__\n"
LINE = f"oldlib 1.0 has no build for Python {'.'.join(platform.python_version_tuple()[:2])}"
REFUSED = f"{LINE}; the nearest that has one is 2.0: write oldlib==2.0"
USED = f"{LINE}; serving with 2.0 (the nearest that has one)"


@pytest.fixture
def notebook(
    session: MLMagic, make_engine: MakeEngine, shell: TestingShell, tmp_path: Path
) -> Iterator[TestingShell]:
    """A notebook with a script file, and an environment ``old`` with a pin that cannot be built."""
    session.use(make_engine())
    session.target = "local"
    index = wheels.old_index(tmp_path / "index")
    record = conda({"pip": [f"--find-links {index}", "oldlib==1.0"]})
    session.engine.environments.register("old", {"name": "old", **record})
    (tmp_path / "score.py").write_text(SCRIPT)
    yield shell
    for name in session.engine.services.names():
        session.engine.services.delete(name)


def test_a_deploy_refuses_or_accepts(notebook: TestingShell, session: MLMagic) -> None:
    line = "%deploy svc --entry-script score.py -e old"
    with pytest.raises(LaunchFailed) as caught:
        notebook.run_cell(line)
    assert REFUSED in caught.value.message
    assert "--nearest" in caught.value.hint
    service = notebook.run_cell(f"{line} --nearest --overwrite -o svc") or notebook.user_ns["svc"]
    assert [each.words for each in service.replacements] == [USED]
    assert notebook.shown().count(USED) >= 1
    assert notebook.run_cell("%score svc 1") == "2.0"
    with pytest.raises(LaunchFailed) as caught:
        notebook.run_cell("%update svc --exact")
    assert REFUSED in caught.value.message
    assert notebook.run_cell("%score svc 1") == "2.0"


def test_a_package_refuses_or_accepts(notebook: TestingShell, tmp_path: Path) -> None:
    line = "%package --entry-script score.py -e old --save"
    with pytest.raises(BuildFailed, match=re.escape(REFUSED)):
        notebook.run_cell(f"{line} taken")
    assert not (tmp_path / "taken").exists()
    notebook.refuses("%package --entry-script score.py --nearest", UsageError, "need an environment")
    notebook.run_cell(f"{line} taken --nearest")
    assert "oldlib==2.0" in (tmp_path / "taken" / "requirements.txt").read_text().splitlines()
    assert USED in notebook.shown()


def test_a_build_refuses_or_accepts(notebook: TestingShell) -> None:
    with pytest.raises(BuildFailed, match=re.escape(REFUSED)):
        notebook.run_cell("%environment build old")
    notebook.run_cell("%environment build old --nearest")
    assert USED in notebook.stdout
