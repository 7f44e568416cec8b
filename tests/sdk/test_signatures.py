"""The signatures of deployment configurations are made of the table of arguments; editors complete them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from mlmagic.core.arguments import KEYS, V1_ORDER, V1_UPDATE_ORDER, ComputeType, arguments_of
from mlmagic.sdk.aci_webservice import AciWebservice
from mlmagic.sdk.aks_endpoint import AksEndpoint
from mlmagic.sdk.aks_webservice import AksWebservice
from mlmagic.sdk.exceptions import WebserviceException

COMPUTE = {
    AciWebservice: ComputeType.ACI,
    AksWebservice: ComputeType.AKS,
    AksEndpoint: ComputeType.AKS_ENDPOINT,
}


def names(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize("kind", COMPUTE)
def test_help_shows_every_argument(kind: Any) -> None:
    compute = COMPUTE[kind]
    deploy = names(kind.deploy_configuration)
    assert deploy[: len(V1_ORDER[compute])] == list(V1_ORDER[compute])
    assert set(deploy) == set(arguments_of(compute))
    if compute is ComputeType.AKS_ENDPOINT:  # all else belongs to its versions
        assert names(kind.update)[:7] == [
            "self",
            "auth_enabled",
            "token_auth_enabled",
            "enable_app_insights",
            "description",
            "tags",
            "properties",
        ]
        return
    before, after = ["self", "image"], ["models", "inference_config"]
    ordered = [*before, *V1_UPDATE_ORDER[compute], *after]
    update = names(kind.update)
    assert update[: len(ordered)] == ordered
    assert set(update) - {*before, *after} == set(arguments_of(compute)) - set(KEYS)


def test_the_order_is_azure_ml_v1s() -> None:
    assert names(AksWebservice.deploy_configuration)[:3] == [
        "autoscale_enabled",
        "autoscale_min_replicas",
        "autoscale_max_replicas",
    ]
    given = AksWebservice.deploy_configuration(True, 2, 5, cpu_cores=2).given
    assert given == {
        "autoscale_enabled": True,
        "autoscale_min_replicas": 2,
        "autoscale_max_replicas": 5,
        "cpu_cores": 2,
    }
    assert AciWebservice.deploy_configuration(1, 2, {"a": "b"}).given == {
        "cpu_cores": 1,
        "memory_gb": 2,
        "tags": {"a": "b"},
    }
    endpoint = AksEndpoint.deploy_configuration(version_name="one", traffic_percentile=20)
    assert endpoint.given == {"version_name": "one", "traffic_percentile": 20}


def test_an_argument_has_a_type_and_no_default() -> None:
    parameters = inspect.signature(AksWebservice.deploy_configuration).parameters
    assert str(parameters["cpu_cores"]) == "cpu_cores: float | None = None"
    assert parameters["cors_origins"].kind is inspect.Parameter.KEYWORD_ONLY  # our own


def test_mlmagics_own_arguments_are_taken_and_unknown_ones_refused() -> None:
    assert AciWebservice.deploy_configuration(batch=True).given == {"batch": True}
    with pytest.raises(WebserviceException, match="Did you mean 'cpu_cores'"):
        AciWebservice.deploy_configuration(cpu_core=1)


@pytest.mark.together
def test_editors_complete_the_arguments() -> None:
    jedi = pytest.importorskip("jedi")
    namespace = {"AksWebservice": AksWebservice}
    for code, wanted in (
        ("AksWebservice.deploy_configuration(autoscale_ta", "autoscale_target_utilization="),
        ("AksWebservice.update(None, num_", "num_replicas="),
    ):
        found = [each.name for each in jedi.Interpreter(code, [namespace]).complete()]
        assert wanted in found, found
