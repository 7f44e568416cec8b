"""The line, the Python and the file as text: read again by what reads them, they say the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.deployments import with_arguments
from mlmagic.magics.deployment import DeploymentMagics
from mlmagic.magics.deployment_options import given_arguments
from mlmagic.magics.model_arguments import model_references
from mlmagic.magics.options import Arguments, pairs, parse_line
from mlmagic.sdk.configuration_files import read_deployment
from mlmagic.widgets.form.equivalent_code import (
    FROM_CONFIG,
    deployment_file,
    is_documented,
    magic_line,
    python,
    word,
    workspace_code,
)
from mlmagic.widgets.form.values import FormValues, Script, ScriptKind
from tests.support.forms import AWKWARD, FORMS, ON_A_CLUSTER

ALL = {**FORMS, "on a cluster": ON_A_CLUSTER}
TEXTS = st.text(st.characters(blacklist_categories=["Cs"]))


def parsed(line: str) -> Arguments:
    """The line as `%deploy` reads it; nothing of the notebook is in it."""
    magic, _, rest = line.partition(" ")
    assert magic == "%deploy"
    return parse_line(DeploymentMagics.deploy.parser, rest, {})


@pytest.mark.parametrize(
    "text", ["wine", "a b", "-x", "", AWKWARD, "{}", '{"a": "b"}', "$x", "é", "a=b", "x?"]
)
def test_a_word_is_read_as_it_was_written(text: str) -> None:
    assert parsed(f"%deploy svc --description {word(text)}").description == text


@pytest.mark.together
@given(TEXTS, st.dictionaries(TEXTS.filter(lambda key: key and "=" not in key), TEXTS, min_size=1))
def test_any_text_and_any_labels_are_read_as_they_were_written(text: str, labels: dict[str, str]) -> None:
    values = FormValues("svc", settings={"description": text, "tags": labels})
    line = magic_line(values)
    assert "\n" not in line
    args = parsed(line)
    assert (args.description or "") == text
    assert pairs("--tag", args.tags) == labels


@pytest.mark.parametrize("values", ALL.values(), ids=list(ALL))
def test_the_line_says_what_the_form_says(values: FormValues) -> None:
    args = parsed(magic_line(values))
    assert (args.what, args.overwrite, args.environment or "") == (
        values.service,
        values.overwrite,
        values.environment,
    )
    assert tuple(map(str, model_references(args.model))) == values.models
    file = values.script if values.script.kind is ScriptKind.FILE else Script()
    assert (args.entry_script or "", args.source_directory or "") == (file.name, file.folder)
    assert (args.script or "") == (values.script.name if values.script.kind is ScriptKind.CAPTURED else "")
    assert args.no_code is (values.script.kind is ScriptKind.NONE)
    config = with_arguments(DeploymentConfig(args.target), given_arguments(args), is_file=lambda path: True)
    assert config == values.config


@pytest.mark.parametrize("values", ALL.values(), ids=list(ALL))
def test_the_file_says_what_the_form_says(values: FormValues, tmp_path: Path) -> None:
    path = tmp_path / "deploymentconfig.json"
    path.write_text(deployment_file(values), encoding="utf-8")
    written = json.loads(path.read_text(encoding="utf-8"))
    # Files that are named must be there: where they are is somebody else's test.
    if "sslCertificate" in written:
        for key in ("sslCertificate", "sslKey"):
            (tmp_path / Path(written[key]).name).touch()
            written[key] = Path(written[key]).name
        path.write_text(json.dumps(written), encoding="utf-8")
    read = read_deployment(path)
    assert read.compute is values.compute
    given = {name: value for name, value in values.given.items() if not name.endswith("_pem_file")}
    assert {**read.given, **given} == read.given
    assert set(read.given) == set(values.given)


@pytest.mark.parametrize("values", ALL.values(), ids=list(ALL))
def test_the_python_compiles(values: FormValues) -> None:
    compile(python(values), "<form>", "exec")


@pytest.mark.parametrize(
    ("found_by", "code"),
    [
        ("its name", "Workspace.get('team')"),
        ("the user's default workspace", "Workspace()"),
        ("environment variable MLMAGIC_WORKSPACE", FROM_CONFIG),
        ("/home/ada/config.json", FROM_CONFIG),
    ],
)
def test_the_workspace_is_opened_as_it_was_found(found_by: str, code: str) -> None:
    assert workspace_code("team", found_by) == code
    assert f"ws = {code}\n" in python(FORMS["plain"], code)


@pytest.mark.parametrize(("target", "known"), [("local", True), ("docker", True), ("mine", False)])
def test_the_file_knows_the_documents_places(target: str, known: bool) -> None:
    assert is_documented(FormValues(target=target)) is known


def test_only_what_is_used_is_imported() -> None:
    code = python(FORMS["no code"])
    assert "from azureml.core import Workspace\n" in code
    assert "InferenceConfig" not in code
    assert "import mlmagic\n" not in code
