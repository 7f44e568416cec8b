"""The table of deployment arguments: each row is in every front, and every front has just these rows."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import click
import pytest
from jedi import Interpreter

from mlmagic.cli.model_deployment import deploy_model
from mlmagic.cli.services import update_service
from mlmagic.core import deployment_file
from mlmagic.core.arguments import (
    ARGUMENTS,
    OPTIONS,
    TABLE,
    V1_ORDER,
    V1_UPDATE_ORDER,
    Argument,
    ComputeType,
    Group,
    arguments_of,
)
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.deployments import with_arguments
from mlmagic.magics.deployment import DeploymentMagics
from mlmagic.sdk.aci_webservice import AciWebservice
from mlmagic.sdk.aks_endpoint import AksEndpoint
from mlmagic.sdk.aks_webservice import AksWebservice
from mlmagic.sdk.local_webservice import LocalWebservice
from mlmagic.sdk.webservice import Webservice
from mlmagic.widgets.form import sections
from mlmagic.widgets.form.values import SETTINGS, offered

SERVICES: dict[ComputeType, type[Webservice]] = {
    ComputeType.LOCAL: LocalWebservice,
    ComputeType.ACI: AciWebservice,
    ComputeType.AKS: AksWebservice,
    ComputeType.AKS_ENDPOINT: AksEndpoint,
}


def test_names_options_and_keys_are_used_once() -> None:
    assert len(ARGUMENTS) == len(TABLE)
    options = [option for row in TABLE for option in row.options]
    assert len(options) == len(set(options))
    for compute in ComputeType:
        keys = [row.key for row in arguments_of(compute).values() if row.key]
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_row_is_complete(row: Argument) -> None:
    assert row.help[0].isupper()
    assert row.help.endswith(".")
    assert row.group in Group
    assert row.on
    if row.field:
        assert row.field in {field.name for field in fields(DeploymentConfig)}
        assert row.options or not row.rule, "a field that breaks its rule is reported under its option"
    if row.rule and row.default is not None:
        assert row.rule.holds(row.default)


@pytest.mark.parametrize(
    "magic", [DeploymentMagics.deploy, DeploymentMagics.update], ids=["deploy", "update"]
)
def test_magics_have_an_option_for_each_row(magic: Any) -> None:
    found = {action.dest: action for action in magic.parser._actions}
    for row in OPTIONS:
        assert set(row.options) <= set(found[row.name].option_strings)
        assert row.option_help in found[row.name].help.replace("%%", "%")
        assert f"\n{row.group}:\n" in magic.__doc__


@pytest.mark.parametrize("command", [deploy_model, update_service], ids=["deploy", "update"])
def test_commands_have_an_option_for_each_row(command: click.Command) -> None:
    found = {parameter.name: parameter for parameter in command.params}
    for row in OPTIONS:
        option = found[row.name]
        assert isinstance(option, click.Option)
        assert row.option in option.opts
        assert row.option_help in (option.help or "")
        assert row.group == option.group  # type: ignore[attr-defined]


def keys(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, inner in schema["properties"].items():
        if "properties" in inner:
            yield from keys(inner, f"{path}{name}.")
        else:
            yield f"{path}{name}"


@pytest.mark.parametrize("compute", ComputeType)
def test_the_schema_has_a_key_for_each_row(compute: ComputeType) -> None:
    schema = deployment_file.schema()["oneOf"][list(ComputeType).index(compute)]
    wanted = {row.key for row in arguments_of(compute).values() if row.key}
    assert set(keys(schema)) == wanted | {deployment_file.COMPUTE_TYPE}


@pytest.mark.parametrize("compute", ComputeType)
def test_the_form_has_a_field_for_each_row_with_a_title(compute: ComputeType) -> None:
    wanted = {name: row for name, row in arguments_of(compute).items() if row.label}
    assert set(offered(compute.target)) <= set(wanted)
    assert set(SETTINGS) == {row.name for row in TABLE if row.label}
    titles = {row["name"]: row["title"] for row in sections.rows()}
    one_choice = {sections.KEYS, sections.TOKENS}
    assert {row.title for row in wanted.values() if row.name not in one_choice} <= set(titles.values())


@pytest.mark.parametrize("compute", ComputeType)
def test_deploy_configuration_has_a_parameter_for_each_row(compute: ComputeType) -> None:
    function = SERVICES[compute].deploy_configuration  # type: ignore[attr-defined]
    parameters = inspect.signature(function).parameters
    assert list(parameters) == list(arguments_of(compute))
    positional = [name for name, each in parameters.items() if each.kind is each.POSITIONAL_OR_KEYWORD]
    assert positional == list(V1_ORDER[compute])
    for name, row in arguments_of(compute).items():
        assert f"{name}: {row.option_help}" in function.__doc__


def test_update_has_the_parameters_of_azure_ml_v1_first() -> None:
    for compute in (ComputeType.ACI, ComputeType.AKS):
        names = list(inspect.signature(SERVICES[compute].update).parameters)
        ordered = V1_UPDATE_ORDER[compute]
        assert names[: len(ordered) + 4] == ["self", "image", *ordered, "models", "inference_config"]
    names = list(inspect.signature(LocalWebservice.update).parameters)
    assert names[:3] == ["self", "models", "image_config"]
    assert "scoring_timeout_ms" in names


def test_positional_arguments_are_azure_ml_v1s() -> None:
    given = AciWebservice.deploy_configuration(2, 4, {"a": "b"}).given
    assert given == {"cpu_cores": 2, "memory_gb": 4, "tags": {"a": "b"}}
    with pytest.raises(TypeError, match="too many positional arguments"):
        LocalWebservice.deploy_configuration(6789, 2)
    with pytest.raises(TypeError, match="multiple values"):
        AciWebservice.deploy_configuration(2, cpu_cores=2)


@pytest.mark.together
@pytest.mark.parametrize(
    ("code", "names"),
    [
        (
            "AksWebservice.deploy_configuration(autoscale_m",
            {"autoscale_min_replicas", "autoscale_max_replicas"},
        ),
        ("LocalWebservice.deploy_configuration(cors", {"cors_origins"}),
        ("AksEndpoint.deploy_configuration(traffic", {"traffic_percentile"}),
    ],
)
def test_a_notebook_completes_the_parameters(code: str, names: set[str]) -> None:
    namespace = {each.__name__: each for each in SERVICES.values()}
    found = {each.name.rstrip("=") for each in Interpreter(code, [namespace]).complete()}
    assert names <= found


def test_a_line_changes_fields_and_settings_of_the_target() -> None:
    changed = with_arguments(DeploymentConfig("kubernetes"), {"cpu_cores": 2.0, "num_replicas": 3})
    assert (changed.cpu, changed.num_replicas, changed.compute_settings) == (2.0, 3, {})
