"""Names and paths that users of the SDK give: none leads out of the folder that it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlmagic.sdk.datastore import Datastore
from mlmagic.sdk.environment_sections import DockerBuildContext
from mlmagic.sdk.model import Model
from mlmagic.sdk.pipeline import Pipeline
from mlmagic.sdk.pipeline_data import PipelineData
from mlmagic.sdk.published_pipeline import PublishedPipeline
from mlmagic.sdk.python_script_step import PythonScriptStep
from mlmagic.sdk.run import Experiment, Run
from mlmagic.sdk.script_run_config import ScriptRunConfig
from mlmagic.sdk.workspace import Workspace

pytestmark = pytest.mark.together

OUTSIDE = ["../up", "a/../../up", "{tmp}/up", "C:/up", "..\\up", "a\0b"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_that_leads_out_is_refused(workspace: Workspace, source: Path, path: str) -> None:
    path = path.format(tmp=source)
    store, experiment = Datastore(workspace), Experiment(workspace, "train")
    run = experiment.start_logging()
    (source / "source_dir/train.py").write_text("print(1)")
    file, folder = str(source / "model.onnx"), str(source / "source_dir")
    before = _outside(workspace, source)
    uses: list[Callable[[], object]] = [
        lambda: Experiment(workspace, path).start_logging(),
        lambda: Run(experiment, path),
        lambda: run.upload_file(path, file),
        lambda: run.upload_folder(path, folder),
        lambda: run.download_file(path),
        lambda: run.register_model("m", path),
        lambda: Datastore(workspace, path),
        lambda: Model.register(workspace, folder, "m", child_paths=[path]),
        lambda: PublishedPipeline(workspace, path),
        lambda: PipelineData(path),
        lambda: experiment.submit(ScriptRunConfig(folder, path)),
        lambda: workspace.write_config(source, path),
    ]
    if not path.startswith("/"):  # a datastore's paths may begin with a slash
        uses += [
            lambda: store.upload_files([file], target_path=path),
            lambda: store.fetch(path),
            lambda: store.file_states(path),
        ]
    for use in uses:
        with pytest.raises(Exception, match=r"must not contain|must be a relative path"):
            use()
    assert _outside(workspace, source) == before


def test_a_link_out_of_a_models_folder_is_refused_by_name(workspace: Workspace, source: Path) -> None:
    folder = source / "folder"
    folder.mkdir()
    (folder / "weights.bin").write_text("weights")
    (folder / "again.bin").symlink_to("weights.bin")
    assert len(Model.register(workspace, str(folder), "near").files) == 2
    (folder / "secret.bin").symlink_to("../model.onnx")
    with pytest.raises(Exception, match="is a link to") as refused:
        Model.register(workspace, str(folder), "far")
    assert str(folder / "secret.bin") in str(refused.value)
    assert str(source / "model.onnx") in str(refused.value)
    part = Model.register(workspace, str(folder), "part", child_paths=["again.bin"])
    assert part.files == ["folder/again.bin"]


def test_a_download_writes_through_no_link(workspace: Workspace, source: Path) -> None:
    Model.register(workspace, str(source / "model.onnx"), "net")
    (source / "precious.txt").write_text("precious")
    (source / "target").mkdir()
    (source / "target/model.onnx").symlink_to("../precious.txt")
    with pytest.raises(Exception, match="is a link to"):
        Model(workspace, "net").download(source / "target", exist_ok=True)
    assert (source / "precious.txt").read_text() == "precious"


def _outside(workspace: Workspace, folder: Path) -> list[Path]:
    """The files below a folder that are not the workspace's."""
    return sorted(path for path in folder.rglob("*") if not path.is_relative_to(workspace.folder))


def test_a_link_out_of_a_scripts_folder_is_refused_by_name(workspace: Workspace, source: Path) -> None:
    folder = source / "source_dir"
    (folder / "train.py").write_text("print(1)")
    (folder / "weights.bin").symlink_to(source / "model.onnx")
    step = PythonScriptStep("train.py", name="train", source_directory=str(folder))
    with pytest.raises(Exception, match="is a link to"):
        Pipeline(workspace, [step]).publish("train")
    run = Experiment(workspace, "train").submit(ScriptRunConfig(str(folder), "train.py"))
    with pytest.raises(Exception, match="is a link to"):
        run.wait_for_completion()
    assert run.get_status() == "Failed"


def test_a_dockerfile_is_in_its_build_context(workspace: Workspace, source: Path) -> None:
    (source / "Dockerfile").write_text("FROM scratch")
    with pytest.raises(Exception, match=r"path of the Dockerfile '\.\./Dockerfile' must not contain"):
        DockerBuildContext.from_local_directory(workspace, str(source / "source_dir"), "../Dockerfile")
