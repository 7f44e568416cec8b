"""The quickstart with its service in a Kubernetes cluster: one line of it is changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.executed_notebooks import QUICKSTART, scores_of
from tests.support.kubernetes_cluster import wait_until_nothing_is_left

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

pytestmark = [pytest.mark.processes, pytest.mark.timeout(1800)]  # the image has scikit-learn
HERE = "svc = %deploy quickstart-ridge -m quickstart-diabetes --overwrite"
THERE = f"{HERE} --target kubernetes --no-auth"


def test_the_quickstart_with_one_line_changed(cluster: Cluster, tmp_path: Path) -> None:
    cells = QUICKSTART.read_text(encoding="utf-8")
    assert cells.count(json.dumps(HERE)) == 1
    notebook = tmp_path / "quickstart.ipynb"
    notebook.write_text(cells.replace(json.dumps(HERE), json.dumps(THERE)), encoding="utf-8")
    jupyter = shutil.which("jupyter", path=str(Path(sys.executable).parent))
    assert jupyter is not None
    subprocess.run(
        [jupyter, "execute", "--inplace", "--timeout=900", str(notebook)],
        env=os.environ | {"MLMAGIC_WORKSPACE": str(tmp_path / "ws")},
        check=True,
    )
    assert scores_of(notebook) == scores_of(QUICKSTART)
    wait_until_nothing_is_left(cluster)
