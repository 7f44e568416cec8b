"""The deploy form in a notebook, over the fake target: its three other words do what its button does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import mlmagic
from mlmagic.core.webservice import Revision
from mlmagic.engine.engine import Engine
from mlmagic.errors import NotFound, UsageError
from mlmagic.magics.form import DeployForm, SessionNotebook
from mlmagic.magics.session import MLMagic
from mlmagic.sdk.configuration_files import read_deployment
from mlmagic.targets.fake import FakeTarget
from mlmagic.widgets.form.values import FormValues
from tests.support.form_notebooks import press, wait_idle
from tests.support.forms import FORMS
from tests.support.shells import SCRIPT, TestingShell

ENVIRONMENT = {
    "name": "mine",
    "environmentVariables": {"MODE": "of the environment", "MORE": "1"},
    "python": {"condaDependencies": {"dependencies": [{"pip": ["numpy"]}]}},
}


@pytest.fixture
def notebook(
    session: MLMagic, shell: TestingShell, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestingShell]:
    """One with models, scripts and an environment; its working folder is the test's."""
    engine = session.engine
    monkeypatch.setattr(Engine, "of", classmethod(lambda cls, location: engine))
    monkeypatch.setenv("MLMAGIC_WORKSPACE", str(engine.location.folder))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    Path("model.onnx").write_bytes(b"weights")
    for folder in (Path(), Path("my $rc {x}")):
        folder.mkdir(exist_ok=True)
        for name in ("score.py", "score_it.py"):
            (folder / name).write_text(SCRIPT)
    for name in ("my cert.pem", "key.pem"):
        Path(name).touch()
    shell.run_cell("clf = {}\n%register clf --name wine\n%register clf --name wine")
    shell.run_cell("%register model.onnx --name onnx --framework Onnx")
    shell.run_cell(f"%%score_script wine\n{SCRIPT}")
    engine.environments.register("mine", ENVIRONMENT)
    yield shell
    # What the Python imported, and what had it found.
    for name in [each for each in sys.modules if each.startswith(("azureml", "mlmagic.azureml"))]:
        del sys.modules[name]


def here(values: FormValues) -> FormValues:
    """With certificates that lie in the working folder."""
    settings = {
        name: str(Path(Path(value).name).absolute()) if name.endswith("_pem_file") else value
        for name, value in values.settings.items()
    }
    return replace(values, settings=settings)


def filled(session: MLMagic, values: FormValues) -> DeployForm:
    """A form that says ``values``."""
    if values.target not in ("local", "docker"):
        session.target = values.target  # what no package has installed is not offered otherwise
    form = DeployForm(session)
    state = form.state
    with state.hold_trait_notifications():
        state.service, state.models, state.script = values.service, list(values.models), values.script
        state.environment, state.nearest = values.environment, values.nearest
        state.target, state.overwrite = values.target, values.overwrite
        state.settings = dict(values.settings)
    assert state.problems == {}
    return form


@contextmanager
def deployed(session: MLMagic, name: str) -> Iterator[list[Revision]]:
    """The revision that is deployed in this block; afterwards the service is gone again."""
    found: list[Revision] = []
    yield found
    engine = session.engine
    revision = engine.services.revision(engine.services.wait(engine.services.get(name), 20))
    # The documents' name for a place is a label; what a service is does not depend on it.
    found.append(replace(revision, config=replace(revision.config, compute_type="")))
    engine.services.delete(name)


def parts(revision: Revision) -> tuple[Any, ...]:
    """What makes a service: its configuration, its models, its script."""
    files = {file.path: file.digest for file in revision.files}
    return revision.config, revision.models, revision.inference.entry_script, files


@pytest.mark.parametrize("values", FORMS.values(), ids=list(FORMS))
def test_line_python_and_file_deploy_what_the_form_does(
    values: FormValues, session: MLMagic, notebook: TestingShell
) -> None:
    values = here(values)
    form = filled(session, values)
    texts = form.state.texts
    name, engine = values.service, session.engine
    with deployed(session, name) as by_form:
        press(form, "deploy")
        wait_idle(form)
        assert form.state.error == ""
    with deployed(session, name) as by_line:
        notebook.run_cell(texts["line"])
    with deployed(session, name) as by_python:
        notebook.run_cell(texts["python"])
    with deployed(session, name) as by_file:
        Path("deploymentconfig.json").write_text(texts["file"])
        config = replace(read_deployment("deploymentconfig.json").to_core(), target=values.target)
        environment = engine.environments.get(values.environment).record if values.environment else None
        inference = SessionNotebook(session).inference(values)
        engine.services.deploy(name, values.models, inference, config, environment=environment, nearest=True)
    assert parts(by_line[0]) == parts(by_form[0])
    assert parts(by_python[0]) == parts(by_form[0])
    assert parts(by_file[0]) == parts(by_form[0])
    assert {**dict(by_form[0].config.environment_variables)}.get("MORE") == (
        "1" if values.environment == "mine:1" else None
    )


def test_deploy_alone_shows_a_form_and_says_how_a_line_is_written(
    notebook: TestingShell, session: MLMagic
) -> None:
    notebook.run_cell("%deploy -o form")
    assert isinstance(notebook.user_ns["form"], DeployForm)
    assert "%deploy wine-svc -m wine:2 --script wine --target fake" in notebook.shown()
    assert len(notebook.outputs) == 1  # a terminal draws no widgets
    notebook.run_cell("import mlmagic\nform = mlmagic.DeployForm()\nform.state.service = ''\nform")
    assert "%deploy NAME -m MODEL:VERSION --script SCRIPT --target local" in notebook.shown()
    assert "<form" not in notebook.outputs[0].data["text/html"]
    for line in ("%deploy -m wine", "%deploy --no-auth", "%deploy --name svc-a"):
        notebook.refuses(line, UsageError, "NAME is missing. %deploy alone shows a form")


def test_a_cell_comes_below_the_next_one_that_runs(
    notebook: TestingShell, session: MLMagic, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[tuple[str, bool]] = []
    monkeypatch.setattr(notebook, "set_next_input", lambda text, replace: came.append((text, replace)))
    form = DeployForm(session)
    press(form, "insert", text=form.texts["line"])
    assert came == []
    notebook.run_cell("1")
    notebook.run_cell("2")
    assert came == [("%deploy wine-svc -m wine:2 --script wine --target fake", False)]
    press(form, "insert", text=form.texts["python"])
    notebook.run_cell("3")
    assert came[1:] == [(form.state.texts["python"], False)]
    notebook.extension_manager.unload_extension("mlmagic")
    press(form, "insert", text="5")
    notebook.run_cell("4")
    assert len(came) == 2
    notebook.extension_manager.load_extension("mlmagic")


def test_what_only_some_places_have_is_an_option(notebook: TestingShell, session: MLMagic) -> None:
    notebook.run_cell("%deploy svc-a --script wine --target docker --collect-model-data --ssl-cname h")
    config = session.engine.services.revision(session.engine.services.get("svc-a")).config
    assert config.compute_settings == {"collect_model_data": True, "ssl_cname": "h"}
    notebook.refuses(
        "%deploy svc-b --script wine --target local --autoscale-max-replicas 2",
        NotFound,
        "Argument of a service on local not found: 'autoscale_max_replicas'",
    )


def test_a_captured_script_is_saved_as_a_folder(notebook: TestingShell, tmp_path: Path) -> None:
    notebook.run_cell("Path = __import__('pathlib').Path\nPath('words.txt').write_text('x')")
    notebook.run_cell(f"%%score_script wine --asset words=words.txt\n{SCRIPT}\nopened = open(words).read()")
    script = mlmagic.captured_script("wine")
    folder = Path(script.save(tmp_path / "taken" / "away"))
    assert (folder / "score.py").read_text() == script.source
    assert (folder / "assets" / "words.txt").read_text() == "x"
    with pytest.raises(NotFound, match="wine"):
        mlmagic.captured_script("vine")


def test_the_form_needs_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: None)
    with pytest.raises(UsageError, match="this is not a notebook"):
        mlmagic.DeployForm()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rows", ""),
        ("[row for row in rows]", ""),
        ("max(rows, key=lambda row: row[0])", ""),
        ('{"data": [[1]]}', ""),
        ("score.py", ""),
        ("row", "'row' is not defined in the notebook, and there is no such file. Did you mean 'rows'?"),
        ("gone.csv", "'gone' is not defined in the notebook, and there is no such file."),
        ("rows of mine", "'rows of mine' is neither a file nor a Python expression."),
    ],
)
def test_what_is_no_dataset_is_told_without_evaluating_it(
    notebook: TestingShell, session: MLMagic, text: str, problem: str
) -> None:
    notebook.run_cell("rows = [[1], [2]]")
    assert SessionNotebook(session).not_a_dataset(text) == problem


def test_the_dataset_is_the_notebooks(notebook: TestingShell, session: MLMagic, fake: FakeTarget) -> None:
    notebook.run_cell("rows = [[1], [2]]")
    there = SessionNotebook(session)
    said: list[str] = []
    assert there.requests(" rows ", [], said.append) == [[1], [2]]
    assert there.requests("rows[:1]", [], said.append) == [[1]]
    with pytest.raises(UsageError, match="no requests to send"):
        there.requests("", ["wine:1"], said.append)
    notebook.run_cell("%register clf --name sampled --sample [[1]]")
    assert there.requests("", ["sampled:1"], said.append) == [{"data": [[1]]}]
    assert "Sending the model's sample" in said[0]
