"""The table of deployment configurations, held against the documents' own tables."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest

from mlmagic.core import deployment_file
from mlmagic.core.arguments import ARGUMENTS, V1_ORDER, ComputeType, arguments_of
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.deployments import (
    changed_fields,
    check,
    config_changes,
    deployment,
    effective,
    given_of,
    with_arguments,
)
from mlmagic.errors import InvalidConfig, InvalidConfigs, NotFound

ACI, AKS, LOCAL, ENDPOINT = ComputeType.ACI, ComputeType.AKS, ComputeType.LOCAL, ComputeType.AKS_ENDPOINT

# argument, key in deploymentconfig.json, effective default: as the documents' tables have them.
ACI_TABLE = """
cpu_cores containerResourceRequirements.cpu 0.1
memory_gb containerResourceRequirements.memoryInGB 0.5
location location null
auth_enabled authEnabled false
ssl_enabled sslEnabled false
enable_app_insights appInsightsEnabled false
ssl_cert_pem_file sslCertificate null
ssl_key_pem_file sslKey null
ssl_cname cname null
dns_name_label dnsNameLabel null
primary_key keys.primaryKey null
secondary_key keys.secondaryKey null
collect_model_data dataCollection.storageEnabled false
cmk_vault_base_url vaultBaseUrl null
cmk_key_name keyName null
cmk_key_version keyVersion null
vnet_name vnetName null
subnet_name subnetName null
"""
AKS_TABLE = """
autoscale_enabled autoScaler.autoscaleEnabled true
autoscale_min_replicas autoScaler.minReplicas 1
autoscale_max_replicas autoScaler.maxReplicas 10
autoscale_refresh_seconds autoScaler.refreshPeriodInSeconds 1
autoscale_target_utilization autoScaler.targetUtilization 70
collect_model_data dataCollection.storageEnabled false
auth_enabled authEnabled true
token_auth_enabled tokenAuthEnabled false
cpu_cores containerResourceRequirements.cpu 0.1
cpu_cores_limit containerResourceRequirements.cpuLimit null
memory_gb containerResourceRequirements.memoryInGB 0.5
memory_gb_limit containerResourceRequirements.memoryInGBLimit null
gpu_cores gpuCores 0
enable_app_insights appInsightsEnabled false
scoring_timeout_ms scoringTimeoutMs 60000
replica_max_concurrent_requests maxConcurrentRequestsPerContainer 1
max_request_wait_time maxQueueWaitMs 500
num_replicas numReplicas null
primary_key keys.primaryKey null
secondary_key keys.secondaryKey null
period_seconds livenessProbeRequirements.periodSeconds 10
initial_delay_seconds livenessProbeRequirements.initialDelaySeconds 310
timeout_seconds livenessProbeRequirements.timeoutSeconds 2
success_threshold livenessProbeRequirements.successThreshold 1
failure_threshold livenessProbeRequirements.failureThreshold 3
namespace namespace null
compute_target_name computeTargetName null
"""
LABELS = {"tags", "properties", "description"}
OURS = set(ARGUMENTS) - {name for order in V1_ORDER.values() for name in order}
# Beyond the documents, for the scoring server in it can do them.
CONTAINERS_TAKE = {
    "port",
    "token_auth_enabled",
    "num_replicas",
    "scoring_timeout_ms",
    "replica_max_concurrent_requests",
    "max_request_wait_time",
}


@pytest.mark.parametrize(
    ("compute", "table", "more"),
    [
        (ACI, ACI_TABLE, CONTAINERS_TAKE),
        (AKS, AKS_TABLE, {"blobfuse_enabled"}),
        (ENDPOINT, AKS_TABLE, {"version_name", "traffic_percentile"}),
    ],
)
def test_arguments_keys_and_defaults_are_the_documents(
    compute: ComputeType, table: str, more: set[str]
) -> None:
    ours = arguments_of(compute)
    defaults = effective(compute, {})
    rows = [line.split() for line in table.strip().splitlines()]
    for name, key, default in rows:
        assert ours[name].key == key
        assert defaults[name] == json.loads(default), name
    assert set(ours) - OURS - LABELS == {row[0] for row in rows} | more


def test_a_local_service_has_the_documents_port_and_more() -> None:
    names = set(arguments_of(LOCAL))
    assert {"port", "cpu_cores", "auth_enabled", "scoring_timeout_ms", "cors_origins"} <= names


BROKEN: list[tuple[ComputeType, dict[str, Any], list[str]]] = [
    (ACI, {"cpu_cores": 0}, ["cpu_cores 0 must be above 0"]),
    (ACI, {"cpu_cores": float("nan")}, ["cpu_cores nan must be above 0"]),
    (ACI, {"cpu_cores": "2"}, ["cpu_cores '2' must be a number"]),
    (ACI, {"cpu_cores": True}, ["cpu_cores True must be a number"]),
    (ACI, {"memory_gb": -1, "cpu_cores": -2}, ["memory_gb -1 must", "cpu_cores -2 must"]),
    (ACI, {"auth_enabled": "yes"}, ["auth_enabled 'yes' must be true or false"]),
    (ACI, {"tags": ["a"]}, ["tags ['a'] must be a mapping"]),
    (ACI, {"ssl_enabled": True}, ["needs ssl_cert_pem_file and ssl_key_pem_file and ssl_cname"]),
    (
        ACI,
        {"ssl_enabled": True, "ssl_cert_pem_file": "c", "ssl_key_pem_file": "no", "ssl_cname": "h"},
        ["ssl_key_pem_file 'no' names a file that is not there"],
    ),
    (ACI, {"ssl_cert_pem_file": "c"}, ["ssl_cert_pem_file 'c' needs ssl_enabled=True"]),
    (ACI, {"cmk_key_name": "k"}, ["cmk_key_name 'k' needs cmk_vault_base_url and cmk_key_version too"]),
    (ACI, {"vnet_name": "v"}, ["vnet_name 'v' needs subnet_name too"]),
    (AKS, {"cpu_cores": 2.0, "cpu_cores_limit": 1.0}, ["cpu_cores_limit 1.0 must not be below cpu_cores"]),
    (AKS, {"memory_gb_limit": 0.2}, ["memory_gb_limit 0.2 must not be below memory_gb, which is 0.5"]),
    (AKS, {"gpu_cores": -1}, ["gpu_cores -1 must be 0 or more"]),
    (AKS, {"period_seconds": 0}, ["period_seconds 0 must be above 0"]),
    (AKS, {"initial_delay_seconds": 0}, ["initial_delay_seconds 0"]),
    (AKS, {"timeout_seconds": 0}, ["timeout_seconds 0"]),
    (AKS, {"success_threshold": 0}, ["success_threshold 0"]),
    (AKS, {"failure_threshold": 0}, ["failure_threshold 0"]),
    (AKS, {"namespace": "a_b"}, ["namespace 'a_b' must be 1 to 63 lower-case"]),
    (AKS, {"scoring_timeout_ms": 0}, ["scoring_timeout_ms 0"]),
    (AKS, {"num_replicas": 0}, ["num_replicas 0"]),
    (AKS, {"num_replicas": 2.5}, ["num_replicas 2.5 must be a whole number"]),
    (AKS, {"autoscale_enabled": True, "num_replicas": 2}, ["num_replicas 2 excludes autoscale_enabled"]),
    (AKS, {"autoscale_enabled": False}, ["autoscale_enabled False needs num_replicas"]),
    (AKS, {"autoscale_min_replicas": 2}, ["autoscale_min_replicas 2 needs autoscale_enabled=True"]),
    (
        AKS,
        {"autoscale_enabled": True, "autoscale_min_replicas": 3, "autoscale_max_replicas": 2},
        ["autoscale_min_replicas 3 must not be above autoscale_max_replicas, which is 2"],
    ),
    (AKS, {"auth_enabled": True, "token_auth_enabled": True}, ["excludes auth_enabled"]),
    (ENDPOINT, {"traffic_percentile": 101}, ["traffic_percentile 101 must be between 0 and 100"]),
    (LOCAL, {"port": 0}, ["port 0 must be between 1 and 65535"]),
    (
        AKS,
        {"cpu_cores": -1, "namespace": "A", "gpu_cores": -1, "autoscale_enabled": True, "num_replicas": 1},
        ["cpu_cores", "namespace", "gpu_cores", "num_replicas"],
    ),
]


@pytest.mark.parametrize(("compute", "given", "told"), BROKEN)
def test_all_that_cannot_be_is_told_at_once(
    compute: ComputeType, given: dict[str, Any], told: list[str]
) -> None:
    with pytest.raises(InvalidConfigs) as caught:
        check("Service", compute, given, is_file=lambda path: path == "c")
    assert len(caught.value.violations) == len(told)
    for violation, words in zip(caught.value.violations, told, strict=True):
        assert words in str(violation)
        assert str(violation) in str(caught.value)


SOUND: list[tuple[ComputeType, dict[str, Any]]] = [
    (LOCAL, {}),
    (LOCAL, {"port": 6789, "cpu_cores": 1, "tags": {"a": "b"}, "batch": True}),
    (ACI, {"cpu_cores": 1, "memory_gb": 2, "auth_enabled": True, "location": "here"}),
    (AKS, {"num_replicas": 2, "cpu_cores": 0.5, "cpu_cores_limit": 1.0, "namespace": "a-b"}),
    (AKS, {"autoscale_enabled": True, "autoscale_min_replicas": 1, "autoscale_max_replicas": 3}),
    (AKS, {"token_auth_enabled": True, "auth_enabled": False, "scoring_timeout_ms": 1000}),
    (ENDPOINT, {"version_name": "blue", "traffic_percentile": 20}),
]


@pytest.mark.parametrize(("compute", "given"), SOUND)
def test_a_configuration_a_file_and_a_deployment_say_the_same(
    compute: ComputeType, given: dict[str, Any]
) -> None:
    check("Service", compute, given)
    written = json.loads(json.dumps(deployment_file.write(compute, given)))
    assert deployment_file.read(written) == (compute, given)
    config = deployment(compute, given)
    assert config.target == compute.target
    again, found = given_of(config)
    assert (again, deployment(again, found)) == (compute, config)


def test_keys_of_callers_are_never_told_of_a_deployment() -> None:
    config = deployment(AKS, {"primary_key": "p" * 32, "num_replicas": 1})
    assert config.primary_key == "p" * 32
    assert "primary_key" not in given_of(config)[1]


@pytest.mark.parametrize(
    ("given", "auth"),
    [({}, True), ({"auth_enabled": False}, False), ({"token_auth_enabled": True}, False)],
)
def test_a_cluster_asks_for_keys_unless_it_is_told_otherwise(given: dict[str, Any], auth: bool) -> None:
    assert deployment(AKS, given).auth_enabled is auth


@pytest.mark.parametrize(
    ("given", "scales"), [({}, True), ({"num_replicas": 2}, False), ({"autoscale_enabled": True}, True)]
)
def test_a_cluster_scales_unless_replicas_are_given(given: dict[str, Any], scales: bool) -> None:
    assert effective(AKS, given)["autoscale_enabled"] is scales


def test_a_target_that_the_documents_do_not_know_is_told_what_a_local_one_is() -> None:
    assert given_of(DeploymentConfig("fake", cpu=2.0)) == (LOCAL, {"cpu_cores": 2.0})


FILES: list[tuple[Any, str]] = [
    ([], r"must be a mapping"),
    ({}, r"computeType None is missing .* one of local, aci, aks, aksendpoint"),
    ({"computeType": "azure"}, r"computeType 'azure' must be one of"),
    ({"computeType": "local", "prot": 1}, r"Key of .* not found: 'prot'. Did you mean 'port'\?"),
    ({"computeType": "aks", "autoScaler": 3}, r"autoScaler 3 must be a mapping"),
    ({"computeType": "aks", "autoScaler": {"min": 3}}, r"Key of .* not found: 'autoScaler.min'"),
    ({"computeType": "aci", "gpuCores": 2}, r"Key of .* for aci not found: 'gpuCores'"),
]


@pytest.mark.parametrize(("values", "told"), FILES)
def test_files_that_cannot_be_read(values: Any, told: str) -> None:
    with pytest.raises((InvalidConfig, NotFound), match=told):
        deployment_file.read(values)


def test_a_file_may_say_its_type_in_any_case_and_null() -> None:
    assert deployment_file.read({"computeType": "ACI", "location": None}) == (ACI, {})


@pytest.mark.parametrize(("compute", "given"), SOUND)
def test_the_schema_accepts_what_is_sound(compute: ComputeType, given: dict[str, Any]) -> None:
    jsonschema_rs.validate(deployment_file.schema(), deployment_file.write(compute, given))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"computeType": "local", "prot": 1},
        {"computeType": "local", "port": 0},
        {"computeType": "aks", "namespace": "A"},
        {"computeType": "aci", "containerResourceRequirements": {"cpu": -1}},
        {"computeType": "aks", "autoScaler": {"min": 1}},
    ],
)
def test_the_schema_refuses_what_is_not(values: dict[str, Any]) -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(deployment_file.schema(), values)


@pytest.mark.parametrize(
    ("given", "without_auth"),
    [
        ({}, False),
        ({"auth_enabled": False}, True),
        ({"auth_enabled": True}, False),
        ({"auth_enabled": None}, False),
        ({"auth_enabled": False, "token_auth_enabled": True}, False),
    ],
)
def test_no_authentication_is_said_aloud_or_just_the_default(
    given: dict[str, Any], without_auth: bool
) -> None:
    said = {name: value for name, value in given.items() if value is not None}
    config = deployment(ACI, said)
    assert config.without_auth is without_auth
    assert with_arguments(DeploymentConfig(), said).without_auth is without_auth
    if without_auth:
        assert given_of(config)[1]["auth_enabled"] is False
        assert deployment(*given_of(config)) == config
        assert changed_fields(config, {"auth_enabled": True})["without_auth"] is False
        assert config_changes(config, {"auth_enabled": True})["without_auth"] is False
        assert "without_auth" not in config_changes(config, {"description": "d"})


def test_an_update_turns_autoscaling_off_and_on_with_all_that_belongs_to_it() -> None:
    scaled = {"autoscale_enabled": True, "autoscale_min_replicas": 1, "autoscale_target_utilization": 30}
    config = deployment(ComputeType.AKS, scaled)
    off = config_changes(config, {"autoscale_enabled": False, "num_replicas": 2})
    assert off["num_replicas"] == 2
    assert off["compute_settings"] == {"autoscale_enabled": False}
    fixed = replace(config, **off)
    on = config_changes(fixed, {"autoscale_enabled": True, "autoscale_max_replicas": 4})
    assert on["num_replicas"] is None
    assert on["compute_settings"] == {"autoscale_enabled": True, "autoscale_max_replicas": 4}
