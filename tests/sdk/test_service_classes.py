"""A service is of the class of its compute type, whatever else was imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
from mlmagic import Workspace, Webservice, Model
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.engine.engine import Engine
from mlmagic.targets.fake import FakeTarget
from mlmagic.workspace.location import Location
from pathlib import Path
import sys

class Anywhere(FakeTarget):
    runs_interpreter = True

engine = Engine(Location.of_folder(Path(sys.argv[1])), use_daemon=False, targets=lambda name: Anywhere())
workspace = Workspace.over(engine)
for target in ("local", "docker", "kubernetes"):
    config = DeploymentConfig(target)
    script = InferenceConfig("score.py", script_text="def init(): pass\\ndef run(data): return 1\\n")
    engine.services.deploy(f"on-{target}", [], script, config)
    print(type(Webservice(workspace, f"on-{target}")).__name__)
engine.close()
"""


@pytest.mark.processes
def test_each_class_is_known_after_importing_the_roofs_names(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "ws")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["LocalWebservice", "AciWebservice", "AksWebservice"]
