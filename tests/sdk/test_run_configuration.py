"""Configurations of scripts and images, as published notebooks write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlmagic.engine.scripts.script_process import ScriptPlan
from mlmagic.sdk.compute import ComputeInstance, ComputeTarget
from mlmagic.sdk.conda import CondaDependencies
from mlmagic.sdk.data_reference import DataPath, DataReference
from mlmagic.sdk.dataset import Dataset
from mlmagic.sdk.environment import DEFAULT_CPU_IMAGE, Environment
from mlmagic.sdk.exceptions import UserErrorException, WebserviceException
from mlmagic.sdk.image import ContainerImage
from mlmagic.sdk.run import Experiment
from mlmagic.sdk.run_configuration import DockerConfiguration, RunConfiguration
from mlmagic.sdk.run_data import Data, DataLocation
from mlmagic.sdk.run_data import Dataset as RegisteredDataset
from mlmagic.sdk.script_run import ScriptRun
from mlmagic.sdk.script_run_config import ScriptRunConfig, get_run_config_from_script_run
from mlmagic.sdk.workspace import Workspace


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[ScriptPlan]:
    """The plans of submitted scripts, which are not run."""
    found: list[ScriptPlan] = []
    monkeypatch.setattr(ScriptRun, "start", lambda run, plan: found.append(plan))
    return found


@pytest.fixture
def rows(workspace: Workspace, source: Path) -> Any:
    (source / "rows.csv").write_text("x\n1\n")
    return Dataset.Tabular.from_delimited_files("rows.csv").register(workspace, "rows")


def test_the_environment_is_edited_in_place() -> None:
    config = RunConfiguration(conda_dependencies=CondaDependencies.create(pip_packages=["six"]))
    config.environment.docker.base_image = DEFAULT_CPU_IMAGE
    config.environment.python.user_managed_dependencies = False
    assert list(config.environment.python.conda_dependencies.pip_packages) == ["six"]  # type: ignore[union-attr]
    assert not RunConfiguration().has_environment


def test_a_plan_has_arguments_inputs_and_variables(
    workspace: Workspace, source: Path, rows: Any, plans: list[ScriptPlan]
) -> None:
    store = workspace.get_default_datastore()
    environment = Environment.from_pins("own", None, ["six"])
    environment.environment_variables = {"A": "1"}
    config = ScriptRunConfig(
        "source_dir",
        "score.py",
        ["--all", rows.as_named_input("direct"), DataReference(store, path_on_datastore="in"), 3],
        environment=environment,
        docker_runtime_config=DockerConfiguration(use_docker=True),
        max_run_duration_seconds=60,
    )
    config.run_config.data["rows"] = Data(DataLocation(dataset=RegisteredDataset(rows.id)))
    run = Experiment(workspace, "train").submit(config)
    (plan,) = plans
    assert list(plan.arguments) == ["--all", "rows:1", str(store.folder / "in"), "3"]
    assert (plan.source_directory, plan.script, plan.timeout) == (source / "source_dir", "score.py", 60)
    assert plan.environment is not None
    assert plan.variables["A"] == "1"
    assert plan.variables["AZUREML_RUN_ID"] == run.id
    assert run.status == "Preparing"
    inputs = run.input_datasets
    assert inputs["rows"] == str(source / "rows.csv")
    assert inputs["direct"].to_pandas_dataframe().x.tolist() == [1]
    assert get_run_config_from_script_run(config).script == "score.py"


def test_what_cannot_be_run_is_an_error(workspace: Workspace, source: Path, rows: Any) -> None:
    experiment = Experiment(workspace, "train")
    with pytest.raises(UserErrorException, match="distributed_job_config is not supported"):
        ScriptRunConfig("source_dir", "score.py", distributed_job_config=object())
    with pytest.raises(UserErrorException, match="excludes run_config"):
        ScriptRunConfig("source_dir", "x.py", run_config=RunConfiguration(), environment=Environment("e"))
    with pytest.raises(UserErrorException, match="Folder not found"):
        experiment.submit(ScriptRunConfig("nowhere", "score.py"))
    with pytest.raises(UserErrorException, match=r"as_named_input\(\"NAME\"\)\.as_mount"):
        experiment.submit(ScriptRunConfig("source_dir", "score.py", [rows]))
    assert list(experiment.get_runs()) == []


def test_paths_of_a_datastore_are_bound(workspace: Workspace) -> None:
    store = workspace.get_default_datastore()
    path = DataPath(store, "in/rows", "rows")
    assert path.create_compute_binding(mode="download").mode == "download"
    assert store.path("in").path_in("rows").as_download().path == path.path


def test_an_image_configuration_is_an_inference_config(source: Path) -> None:
    (source / "env.yml").write_text("dependencies:\n- pip:\n  - six\n")
    (source / "score.py").write_text("def init(): pass\ndef run(data): return data\n")
    made = ContainerImage.image_configuration("score.py", "python", "env.yml", description="d")
    assert (made.entry_script, made.description) == ("score.py", "d")
    assert list(made.environment.python.conda_dependencies.pip_packages) == ["six"]  # type: ignore[union-attr]
    with pytest.raises(WebserviceException, match="runtime 'spark-py' is not supported"):
        ContainerImage.image_configuration("score.py", "spark-py")
    with pytest.raises(WebserviceException, match="Put the files into one folder"):
        ContainerImage.image_configuration("score.py", dependencies=["helper.py"])


def test_a_compute_instance_is_this_machine(workspace: Workspace) -> None:
    configuration = ComputeInstance.provisioning_configuration(vm_size="STANDARD_D3_V2")
    ComputeTarget.create(workspace, "instance", configuration).wait_for_completion()
    found = ComputeTarget(workspace, "instance")
    assert isinstance(found, ComputeInstance)
    assert (found.type, found.get_status().state) == ("ComputeInstance", "Running")


def test_a_run_configuration_is_saved_and_loaded(source: Path) -> None:
    dependencies = CondaDependencies.create(pip_packages=["x"])
    made = RunConfiguration("train.py", ["--rate", 0.1], conda_dependencies=dependencies)
    made.node_count, made.environment_variables = 2, {"A": "b"}
    made.docker = DockerConfiguration(use_docker=True)
    made.save(str(source), "training")
    loaded = RunConfiguration.load(str(source), "training")
    assert (loaded.script, loaded.arguments, loaded.node_count) == ("train.py", ["--rate", 0.1], 2)
    assert (loaded.environment_variables, loaded.docker) == ({"A": "b"}, made.docker)
    assert loaded.environment.to_record() == made.environment.to_record()
    RunConfiguration().save("plain.runconfig")
    assert not RunConfiguration.load("plain.runconfig").has_environment


def test_a_runconfig_of_azure_ml_is_loaded(source: Path) -> None:
    """With keys that have no effect here: history, spark, hdi, tensorflow."""
    (source / ".azureml").mkdir()
    (source / ".azureml" / "default.runconfig").write_text(
        "script: train.py\narguments: []\ntarget: cpu-cluster\nframework: Python\ncommunicator: None\n"
        "nodeCount: 1\nhistory:\n  outputCollection: true\n"
        "environment:\n  name: mine\n  python:\n    userManagedDependencies: false\n"
        "    condaDependencies:\n      dependencies:\n      - python=3.11\n      - pip:\n        - joblib\n"
    )
    loaded = RunConfiguration.load(".")
    assert (loaded.target, loaded.environment.name) == ("cpu-cluster", "mine")
    assert list(loaded.environment.python.conda_dependencies.pip_packages) == ["joblib"]


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "nowhere.runconfig"), ("a: [", "is not YAML"), ("- 1", "has no keys")],
)
def test_what_is_no_run_configuration_is_refused(source: Path, text: str | None, words: str) -> None:
    if text is not None:
        Path("nowhere.runconfig").write_text(text)
    with pytest.raises(UserErrorException, match=words):
        RunConfiguration.load("nowhere.runconfig")


def test_inputs_are_not_saved_in_silence(source: Path) -> None:
    made = RunConfiguration()
    made.data = {"x": object()}
    with pytest.raises(UserErrorException, match="data and data_references"):
        made.save(".")
    assert not Path(".azureml").exists()
