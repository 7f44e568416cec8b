"""Models out of runs: MLflow's, by their URIs, and those of an experiment here."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig, NotFound
from mlmagic.sdk.automl_run import AutoMLRun
from mlmagic.sdk.mlflow_artifacts import name_in
from mlmagic.sdk.model import Model
from mlmagic.sdk.run import Experiment, Run
from mlmagic.sdk.workspace import Workspace
from tests.support.processes import run_and_die
from tests.support.waiting import wait_for


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """MLflow with its runs in a folder of the test's."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    yield mlflow
    mlflow.set_tracking_uri(before)


@pytest.mark.processes  # its library takes seconds to import
@pytest.mark.filterwarnings("ignore")
def test_a_model_of_an_mlflow_run_keeps_its_signature_and_requirements(
    workspace: Workspace, mlflow: Any, tmp_path: Path
) -> None:
    numpy = pytest.importorskip("numpy")
    from mlflow.models import infer_signature
    from sklearn.linear_model import Ridge

    rows = numpy.arange(20.0).reshape(10, 2)
    fitted = Ridge().fit(rows, rows.sum(1))
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(
            fitted,
            name="model",
            signature=infer_signature(rows, fitted.predict(rows)),
            input_example=rows[:2],
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn==1.0.1", "numpy", "mlflow==2.1"],
        )
    uri = f"runs:/{run.info.run_id}/model"
    model = Model.register(workspace, uri, "ridge")
    assert (model.id, model.model_framework) == ("ridge:1", "MLflow")
    assert model.libraries == {"scikit-learn": "1.0.1"}
    assert (
        "double" in json.loads(model.properties["signature"])["inputs"]
        or "tensor" in model.properties["signature"]
    )
    assert model.sample_input == rows[:2].tolist()
    assert any(path.endswith("MLmodel") for path in model.files)
    with pytest.raises(NotFound, match="MLflow artifact not found"):
        Model.register(workspace, f"runs:/{run.info.run_id}/nothing", "x")


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("runs:/0a1b/model", "model"),
        ("runs:/0a1b/artefacts/best.onnx", "best.onnx"),
        ("models:/diabetes/3", "diabetes"),
        ("models:/diabetes/Production", "diabetes"),
    ],
)
def test_the_name_that_a_uri_suggests(uri: str, name: str) -> None:
    assert name_in(uri) == name


@pytest.mark.parametrize("uri", ["runs:/", "runs:/x", "models:/", "files:/a/b"])
def test_what_is_no_uri_of_mlflow(uri: str) -> None:
    with pytest.raises(InvalidConfig, match="must be runs:/RUN_ID/PATH or models:/NAME/VERSION"):
        name_in(uri)


def test_a_run_ends_as_its_block_does(workspace: Workspace) -> None:
    experiment = Experiment(workspace, "train")
    with experiment.start_logging() as run:
        run.log_list("loss", [3, 2, 1])
        run.tag("kind", "try")
        run.add_properties({"primary_metric": "auc"})
    assert (run.status, run.get_metrics()) == ("Completed", {"loss": [3, 2, 1]})
    with pytest.raises(ZeroDivisionError), experiment.start_logging() as failed:
        1 / 0  # noqa: B018
    assert failed.status == "Failed"
    assert [each.id for each in experiment.get_runs()] == [failed.id, run.id]


def test_the_best_child_is_the_model_of_an_automl_run(workspace: Workspace, tmp_path: Path) -> None:
    import joblib

    experiment = Experiment(workspace, "automl")
    parent = experiment.start_logging()
    parent.add_properties({"primary_metric": "auc"})
    for name, auc in (("one", 0.5), ("two", 0.9), ("three", 0.7)):
        child = parent.child_run(name)
        child.log("auc", auc)
        joblib.dump({"name": name}, tmp_path / "model.pkl")
        child.upload_file("outputs/model.pkl", str(tmp_path / "model.pkl"))
    best, fitted = AutoMLRun(experiment, parent.id).get_output()
    assert (best.id, fitted) == ("two", {"name": "two"})
    assert parent.get_best_child("auc", maximize=False).id == "one"
    assert best.get_file_names() == ["outputs/model.pkl"]
    model = best.register_model("best", "outputs/model.pkl", sample_input_dataset=[[1, 2]])
    assert (model.run_id, model.files, model.sample_input) == ("two", ["model.pkl"], [[1, 2]])


def test_what_a_run_does_not_have_is_told(workspace: Workspace, tmp_path: Path) -> None:
    run = Experiment(workspace, "train").start_logging()
    with pytest.raises(NotFound, match="Path of the run not found: 'outputs/x'"):
        run.register_model("x", "outputs/x")
    for name in ("../outside", "run.json", "/etc/hostname", "a\0b", ""):
        with pytest.raises(Exception, match=r"path in the run .* must"):
            run.upload_file(name, __file__)
    with pytest.raises(NotFound, match="Run not found: 'other'"):
        Run(run.experiment, "other")
    with pytest.raises(Exception, match="has the metric 'auc'"):
        run.get_best_child("auc")
    with pytest.raises(Exception, match="no run is going on"):
        Run.get_context(allow_offline=False)
    assert os.listdir(tmp_path / "Übungen und Proben" / "runs" / "train") == [run.id]


KILLED = """
from pathlib import Path
from mlmagic import Workspace
from mlmagic.sdk.run import Experiment
from mlmagic.sdk.script_run_config import ScriptRunConfig

workspace = Workspace(engine.location)
folder = Path(engine.location.folder) / "training"
folder.mkdir()
(folder / "train.py").write_text(
    "import os, pathlib, subprocess, sys, time\\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\\n"
    "note = pathlib.Path(sys.argv[1])\\n"
    "note.with_suffix('.tmp').write_text(f'{os.getpid()} {child.pid}')\\n"
    "note.with_suffix('.tmp').replace(note)\\n"
    "time.sleep(300)\\n"
)
note = folder.parent / "pids"
run = Experiment(workspace, "trained").submit(
    ScriptRunConfig(str(folder), script="train.py", arguments=[str(note)])
)
import time
while not note.exists():
    time.sleep(0.02)
assert run.status == "Running"
die()
"""


@pytest.mark.processes
def test_the_run_of_a_killed_process_has_failed_and_its_script_ends(
    workspace: Workspace, engine: Engine
) -> None:
    run_and_die(engine, KILLED)
    (run,) = Experiment(workspace, "trained").get_runs()
    assert run.status == "Failed"
    assert "the process that began the run ended" in run.get_details()["error"]
    pids = [int(pid) for pid in (engine.location.folder / "pids").read_text().split()]
    wait_for(lambda: not any(map(psutil.pid_exists, pids)), "the script and its child to end")


def test_the_experiments_of_a_workspace(workspace: Workspace) -> None:
    assert (workspace.experiments, Experiment.list(workspace)) == ({}, [])
    for name in ("b", "a"):
        Experiment(workspace, name).start_logging().complete()
    Experiment(workspace, "unused")
    assert list(workspace.experiments) == ["a", "b"]
    assert len(list(workspace.experiments["a"].get_runs())) == 1
