"""`%environment`, and environments in a deploy's line."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.magics.session import MLMagic
from mlmagic.sdk.environment import Environment
from tests.support.shells import SCRIPT, TestingShell

NUMPY = metadata.version("numpy")


@pytest.fixture
def notebook(session: MLMagic, shell: TestingShell) -> TestingShell:
    """A notebook that uses numpy, with a script."""
    shell.run_cell("import numpy as np")
    shell.run_cell(f"%%score_script svc\n{SCRIPT}")
    return shell


def test_the_curated_ones_are_there_from_the_start(notebook: TestingShell) -> None:
    listed = notebook.run_cell("%environment")
    assert [each.name for each in listed] == ["mlmagic-sklearn", "mlmagic-onnx", "mlmagic-pytorch"]
    assert "scikit-learn==" in repr(listed)
    assert "curated" in listed._repr_html_()
    notebook.refuses("%environment create mlmagic-mine", UsageError, "which is for the curated ones")
    notebook.refuses("%environment delete mlmagic-onnx", UsageError, "which is for the curated ones")


def test_one_of_what_the_notebook_uses(notebook: TestingShell, session: MLMagic) -> None:
    made = notebook.run_cell("%environment create mine --from-notebook --env A=1 -o kept")
    assert isinstance(made, Environment)
    assert notebook.user_ns["kept"] is made
    assert (made.name, made.version, made.environment_variables) == ("mine", "1", {"A": "1"})
    assert f"numpy=={NUMPY}" in list(made.python.conda_dependencies.pip_packages)  # type: ignore[union-attr]
    card = notebook.run_cell("%environment show mine:1")
    assert f"numpy=={NUMPY}" in repr(card)
    assert "served by this interpreter" in repr(card)
    assert "A=1" in card.markup


def test_versions_are_compared(notebook: TestingShell, tmp_path: Path) -> None:
    (tmp_path / "conda.yml").write_text(
        "dependencies:\n- python=3.11\n- numpy=2.2\n- pip:\n  - six==1.16.0\n"
    )
    (tmp_path / "wanted.txt").write_text("six==1.17.0\n")
    notebook.run_cell("%environment create mine --conda conda.yml")
    notebook.run_cell("%environment create mine --pip wanted.txt")
    notebook.run_cell("%environment create mine --packages six==1.17.0 idna")
    notebook.run_cell("%environment create mine --packages six==1.17.0 idna")
    told = notebook.run_cell("%environment diff mine:1 mine:2")
    changes = [str(change) for change in told]
    assert "package numpy: removed numpy=2.2 (conda)" in changes
    assert "package six: six==1.16.0 -> six==1.17.0" in changes
    assert "mine:1" in repr(told)
    assert "package idna" in repr(notebook.run_cell("%environment diff mine:2 mine"))
    same = notebook.run_cell("%environment diff mine:2 mine:2")
    assert "No differences between mine:2 and mine:2." in repr(same)
    assert [each.version for each in notebook.run_cell("%environment list")][:1] == ["3"]
    notebook.run_cell("%environment delete mine")
    notebook.refuses("%environment show mine", NotFound, "Environment not found: 'mine'")


@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        ("frobnicate", UsageError, "%environment has no operation 'frobnicate'"),
        ("show", UsageError, "takes one name, and 0 are given"),
        (
            "diff a",
            UsageError,
            "takes 2 names, and 1 are given. For example %environment diff mine:1 mine:2.",
        ),
        ("show nothing", NotFound, "Environment not found: 'nothing'"),
        ("show mlmagic-onnx:2", NotFound, "Version of environment 'mlmagic-onnx' not found: '2'"),
        ("delete nothing", NotFound, "Environment not found: 'nothing'"),
        ("create e --conda x.yml --packages six", UsageError, "--conda and --packages exclude each other"),
        ("create e --conda no.yml", NotFound, "no.yml"),
        ("create e --python-path /no/python", NotFound, "Python interpreter not found: '/no/python'"),
    ],
)
def test_what_cannot_be(notebook: TestingShell, line: str, error: type[Exception], words: str) -> None:
    notebook.refuses(f"%environment {line}", error, words)


def test_a_deploy_names_one(notebook: TestingShell, session: MLMagic) -> None:
    notebook.run_cell("%environment create mine --packages six==1.16.0 --env A=1")
    notebook.run_cell("%environment create mine --packages six==1.17.0")
    notebook.run_cell("%deploy svc-one --script svc -e mine --ev 1")
    engine = session.engine
    revision = engine.services.revision(engine.services.get("svc-one"))
    assert revision.inference.environment == engine.environments.get("mine:1").record
    assert revision.config.environment_variables == {"A": "1"}
    notebook.run_cell("%update svc-one --environment mine:2")
    assert (
        engine.services.revision(engine.services.get("svc-one")).inference.environment
        == engine.environments.get("mine").record
    )
    notebook.run_cell("from mlmagic.sdk.environment import Environment\nenv = Environment('other')")
    notebook.run_cell("%update svc-one -e {env}")
    assert engine.services.revision(engine.services.get("svc-one")).inference.environment["name"] == "other"  # type: ignore[index]
    notebook.refuses("%deploy svc-two --script svc -e nothing", NotFound, "Environment not found: 'nothing'")
    notebook.refuses("%deploy svc-two --script svc --ev 1", UsageError, "--ev 1 needs an environment")
    notebook.refuses("%deploy svc-two --script svc --exact", UsageError, "--exact need an environment")
    notebook.refuses("%deploy svc-two --script svc -e {np}", UsageError, "--environment is a module")


@pytest.mark.processes
def test_it_is_made_on_this_machine(notebook: TestingShell) -> None:
    notebook.run_cell("%environment create mine --packages six==1.16.0")
    notebook.run_cell("python = %environment build mine -o python")
    assert Path(notebook.user_ns["python"]).is_file()
    assert "Environment mine:1 is at" in notebook.shown()
    assert "built, on Python" in repr(notebook.run_cell("%environment show mine"))
    notebook.run_cell("%environment create broken --packages orjson==3.0")
    notebook.refuses("%environment build broken", UsageError, "exclude each other")
    notebook.run_cell("%environment create old --packages six --python-version 3.8")
    notebook.refuses("%environment build old", InvalidConfig, "--nearest takes the nearest")
    notebook.run_cell("%environment build old --nearest")
    assert "(the nearest that can run the scoring server)" in notebook.stdout
