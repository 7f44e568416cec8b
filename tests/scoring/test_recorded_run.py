"""A script in an environment without mlmagic logs to the folder of its run."""

import json
import subprocess
import sys

import pytest

from mlmagic.scoring.shims.exceptions import UserErrorException
from mlmagic.scoring.shims.recorded_run import RECORD, RUN_FOLDER, RecordedRun

SCRIPT = """
import sys
from azureml.core import Run
from azureml.core.run import _OfflineRun
run = Run.get_context()
assert not isinstance(run, _OfflineRun)
for value in map(float, sys.argv[1:]):
    run.log("value", value)
run.upload_file("outputs/script.py", __file__)
try:
    run.experiment.workspace
except Exception as error:
    run.tag("error", type(error).__name__)
"""


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run-1"
    folder.mkdir()
    record = {"status": "Running", "metrics": {}, "tags": {}, "properties": {}, "inputs": {}}
    (folder / RECORD).write_text(json.dumps(record))
    return RecordedRun(folder)


@pytest.mark.processes
def test_a_script_logs_to_its_run(run, tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "mlmagic.scoring.shims.script_process", "train.py", "1", "2"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(filter(None, sys.path)), RUN_FOLDER: str(run.folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert run.get_metrics() == {"value": [1.0, 2.0]}
    assert run.get_tags() == {"error": "UserErrorException"}
    assert run.get_file_names() == ["outputs/script.py"]


def test_metrics_of_all_kinds_are_kept(run):
    class Array:
        def tolist(self):
            return [1, 2]

    run.log_list("list", [1, 2])
    run.log_row("row", x=1)
    run.log_row("row", x=2)
    run.log_table("table", {"x": Array()})
    assert run.get_metrics() == {"list": [1, 2], "row": [{"x": 1}, {"x": 2}], "table": {"x": [1, 2]}}
    assert run.get_metrics("none") == {}


def test_a_figure_and_an_image_are_stored(run, tmp_path):
    class Figure:
        def savefig(self, path):
            path.write_bytes(b"png")

    (tmp_path / "a.jpg").write_bytes(b"jpg")
    run.log_image("roc", plot=Figure())
    run.log_image("photo", path=str(tmp_path / "a.jpg"))
    assert run.get_file_names() == ["photo.jpg", "roc.png"]
    for name in ("../x", "/x", "", "a\0b"):
        with pytest.raises(UserErrorException, match="is not a path inside the run"):
            run.upload_file(name, str(tmp_path / "a.jpg"))
