"""The scoring room is all that a serving image contains."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mlmagic

SCRIPT = """
import sys
from mlmagic import batched

def init():
    pass

@batched
def run(data: list):
    ours = [name for name in sys.modules if name.startswith("mlmagic.")]
    own = ("mlmagic.scoring", "mlmagic._version")
    return [[name for name in ours if not name.startswith(own)]] * len(data)
"""


@pytest.mark.processes
@pytest.mark.parametrize("part", ["--rehearse", "--help"])
def test_nothing_of_the_other_rooms_is_needed(tmp_path, part):
    here = Path(mlmagic.__file__).parent
    (tmp_path / "room/mlmagic").mkdir(parents=True)
    for name in ("__init__.py", "_version.py"):
        shutil.copy(here / name, tmp_path / "room/mlmagic")
    shutil.copytree(here / "scoring", tmp_path / "room/mlmagic/scoring")
    (tmp_path / "score.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-m", "mlmagic.scoring", "--entry-script", "score.py", part],
        input="[1]",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "room"), "PATH": ""},
        check=True,
    )
    if part == "--rehearse":
        told = json.loads(done.stdout)
        assert (told["ok"], told["answer"]) == (True, [[]])
    else:
        assert "--entry-script" in done.stdout


SDK_SCRIPT = """
import azureml.train.automl
from azureml.automl.core.shared import log_server
from azureml.core import Dataset, Run, Workspace
from azureml.core.model import Model
from azureml.exceptions import WorkspaceException
from azureml.train.hyperdrive import HyperDriveConfig

def init():
    Run.get_context().log("started", 1)

def run(data):
    try:
        return Workspace.from_config()
    except Exception as error:
        return str(error)
"""


@pytest.mark.processes
def test_a_script_that_imports_the_sdk_is_served(tmp_path):
    (tmp_path / "score.py").write_text(SDK_SCRIPT)
    done = subprocess.run(
        [sys.executable, "-m", "mlmagic.scoring", "--entry-script", "score.py", "--rehearse"],
        input="[1]",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(mlmagic.__file__).parents[1]), "PATH": ""},
    )
    told = json.loads(done.stdout)
    assert told["ok"], done.stdout
    assert "azureml.core.Workspace.from_config is not available: a service" in told["answer"]
