"""`--compile` in a notebook: the line says what came of it, and so do the table and the card."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.magics.session import MLMagic
from tests.support.estimators import ridge, unusual
from tests.support.shells import SCRIPT, TestingShell

pytestmark = pytest.mark.together

EQUAL = "Compiled: predict (equal to 1e-12 on "


@pytest.fixture
def notebook(session: MLMagic, shell: TestingShell, tmp_path: Path) -> TestingShell:
    """A shell with a script, and two pickles in its folder."""
    ridge(tmp_path)
    unusual(tmp_path)
    shell.run_cell(f"%%score_script score\n{SCRIPT}")
    return shell


def test_a_model_is_registered_compiled_and_its_services_use_that(notebook: TestingShell) -> None:
    model = notebook.run_cell("m = %register ridge.pkl --name ridge --compile\nm")
    assert model.compilation[0].startswith(EQUAL)
    assert f"ridge: {EQUAL}" in notebook.shown()
    assert EQUAL in repr(notebook.run_cell("%models"))
    service = notebook.run_cell("svc = %deploy svc -m ridge --script score\nsvc")
    assert service.compilation == model.compilation
    assert EQUAL in notebook.shown()
    refused = notebook.run_cell("svc = %update svc --no-compile\nsvc")
    assert refused.compilation == []


def test_a_deployment_compiles_its_models(notebook: TestingShell) -> None:
    notebook.run_cell("%register ridge.pkl --name ridge")
    assert "Compilation" not in repr(notebook.run_cell("%models"))
    service = notebook.run_cell("svc = %deploy svc -m ridge --script score --compile\nsvc")
    assert service.compilation[0].startswith(EQUAL)
    assert EQUAL in repr(notebook.run_cell("%models"))


def test_an_object_is_deployed_compiled(notebook: TestingShell) -> None:
    notebook.run_cell("import joblib\nclf = joblib.load('ridge.pkl')")
    service = notebook.run_cell("svc = %deploy {clf} --name quick --script score --compile\nsvc")
    assert service.compilation[0].startswith(EQUAL)


def test_a_package_has_the_compiled_models(notebook: TestingShell, tmp_path: Path) -> None:
    notebook.run_cell("%register ridge.pkl --name ridge")
    notebook.run_cell("%package ridge --script score --compile --save compiled")
    assert f"ridge: {EQUAL}" in notebook.shown()
    assert (tmp_path / "compiled" / "azureml-compiled").is_dir()


def test_why_a_model_is_not_compiled_is_said_everywhere(notebook: TestingShell) -> None:
    model = notebook.run_cell("m = %register unusual.pkl --name unusual --compile\nm")
    (reason,) = model.compilation
    assert reason.startswith("Not compiled: ")
    service = notebook.run_cell("svc = %deploy svc -m unusual --script score\nsvc")
    assert service.compilation == [reason]
    shown = notebook.shown()
    assert shown.count(reason) >= 2  # at the registration, and on the card
    assert reason in repr(notebook.run_cell("%models"))
