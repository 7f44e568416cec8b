"""`%register`, `%models`, `%workspace` in a shell."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.magics.session import MLMagic
from mlmagic.sdk.model import Model
from mlmagic.sdk.workspace import Workspace
from tests.support.shells import TestingShell

pytestmark = pytest.mark.together


def test_a_live_object_is_registered_with_what_is_said_of_it(session: MLMagic, shell: TestingShell) -> None:
    shell.run_cell("clf = {'weights': [1, 2]}\nmore = {'owner': 'me'}\nX = [[1, 2], [3, 4]]\nx = 1")
    model = shell.run_cell(
        "m = %register clf --name wine --tag area=food --tag {more} --property run=7 --description 'a {x} b' "
        "--sample {X[:1]} --sample-output [0.5] --cpu 2 --memory {0.5} -o again\nm"
    )
    assert isinstance(model, Model)
    assert shell.user_ns["again"].id == model.id == "wine:1"
    assert model.tags == {"area": "food", "owner": "me"}
    assert model.properties == {"run": "7"}
    assert (model.sample_input, model.sample_output) == ([[1, 2]], [0.5])
    assert model.resource_configuration is not None
    assert (model.resource_configuration.cpu, model.resource_configuration.memory_in_gb) == (2, 0.5)
    assert "A pickle is code" in shell.shown()
    assert shell.run_cell("%register clf --name wine").version == 2
    assert "A pickle is code" not in shell.shown()


def test_names_come_from_variables_and_files(session: MLMagic, shell: TestingShell, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_text("x")
    (tmp_path / "two words").mkdir()
    (tmp_path / "two words" / "a.bin").write_text("x")
    shell.run_cell("from pathlib import Path\nclf = {}\nwhere = Path('net.onnx')\ntext = 'two words'")
    for line, expected in {
        "clf": "clf:1",
        "net.onnx": "net.onnx:1",
        "where": "net.onnx:2",
        "text --name folder": "folder:1",
        "'two words' --name folder": "folder:2",
        "{where}": "net.onnx:3",
        "{[1, 2]} --name list": "list:1",
        "'two words' --name part --child-path a.bin": "part:1",
    }.items():
        assert shell.run_cell(f"%register {line}").id == expected
    assert shell.run_cell("%register where").model_framework == "Onnx"


BAD_INPUT: list[tuple[str, type[Exception], str]] = [
    ("", UsageError, "required: MODEL"),
    ("cfl", NotFound, "Variable, file or folder not found: 'cfl'. Did you mean 'clf'?"),
    ("nowhere.bin", NotFound, "The working folder is"),
    ("clf.best", NotFound, "For an expression, write {clf.best}"),
    ("text", NotFound, "nowhere-to-be-found"),
    ("clf --name 'bad name'", InvalidConfig, "model name 'bad name' must be 1 to 255"),
    ("clf --tag a", InvalidConfig, "--tag 'a' must be KEY=VALUE"),
    ("clf --framework Sklearn", InvalidConfig, "framework 'Sklearn' must be one of"),
    ("clf --cpu -1", InvalidConfig, "cpu -1.0 must be above 0"),
    ("clf --gpu -1", InvalidConfig, "gpu -1 must be 0 or more"),
    ("clf --memory lots", InvalidConfig, "memory 'lots' must be a number"),
    ("clf --sample {object()}", UsageError, "sample cannot be written as JSON"),
    ("empty", UsageError, "empty"),
]


def test_bad_input_is_one_line_and_registers_nothing(
    session: MLMagic, shell: TestingShell, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    shell.run_cell("clf = {}\ntext = 'nowhere-to-be-found'")
    for line, error, words in BAD_INPUT:
        shell.refuses(f"%register {line}", error, words)
    assert session.engine.models.list() == []


def test_models_lists_filters_and_is_a_list(session: MLMagic, shell: TestingShell) -> None:
    assert "No models match" in repr(shell.run_cell("%models"))
    shell.run_cell("a = {}\n%register a --tag t=1\n%register a --tag t=2\n%register a --name b")
    listing = shell.run_cell("%models -o kept")
    assert shell.user_ns["kept"] is listing
    assert [model.id for model in listing] == ["a:2", "a:1", "b:1"]
    assert "Used by" in repr(listing)
    for line, ids in {
        "a --latest": ["a:2"],
        "--tag t": ["a:2", "a:1"],
        "--tag t=1": ["a:1"],
        "--framework Onnx": [],
        "$wanted": ["b:1"],
    }.items():
        shell.run_cell("wanted = 'b'")
        assert [model.id for model in shell.run_cell(f"%models {line}")] == ids


def test_workspace_shows_and_changes(session: MLMagic, shell: TestingShell, tmp_path: Path) -> None:
    shown = shell.run_cell("%workspace -o here")
    assert isinstance(shown, Workspace)
    assert shell.user_ns["here"] is shown
    assert shown.folder == session.engine.location.folder
    with pytest.raises(NotFound, match="Workspace not found: 'team'"):
        shell.run_cell("%workspace team")
    (tmp_path / "other").mkdir()
    other = shell.run_cell("%workspace other")
    assert other.folder == tmp_path / "other" == session.engine.location.folder
    other.write_config(tmp_path / "conf")
    assert shell.run_cell("%workspace conf/config.json").folder == other.folder
    url = other._location.database_url
    assert shell.run_cell(f"%workspace {url}").folder == other.folder
    assert shell.run_cell("%workspace {here}") is shown
    assert session.engine is shown.engine
    other.engine.close()


def test_the_first_sdks_names_are_found_when_that_is_asked_for(shell: TestingShell) -> None:
    before = [*sys.meta_path]
    try:
        shell.run_cell("%config MLMagic.azureml = True\nfrom azureml.core.webservice import LocalWebservice")
        assert shell.user_ns["LocalWebservice"].__module__ == "mlmagic.sdk.local_webservice"
    finally:
        sys.meta_path[:] = before
        for name in [name for name in sys.modules if name.partition(".")[0] == "azureml"]:
            del sys.modules[name]


def test_what_is_no_uri_of_mlflow_is_told(shell: TestingShell) -> None:
    shell.refuses("%register runs:/abc", InvalidConfig, "must be runs:/RUN_ID/PATH")


def test_a_link_out_of_a_models_folder_is_refused_by_name(
    session: MLMagic, shell: TestingShell, tmp_path: Path
) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/weights.bin").write_text("w")
    (tmp_path / "secret.bin").write_text("s")
    (tmp_path / "net/secret.bin").symlink_to("../secret.bin")
    with pytest.raises(UsageError, match="is a link to") as refused:
        shell.run_cell(f"%register {tmp_path / 'net'} --name net")
    assert str(tmp_path / "net/secret.bin") in str(refused.value)
    assert shell.run_cell(f"%register {tmp_path / 'net'} --name net --child-path weights.bin").id == "net:1"
