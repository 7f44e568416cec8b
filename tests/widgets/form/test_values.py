"""What a form's values become, without a form."""

from __future__ import annotations

import os
from typing import Any

import pytest

from mlmagic.core.arguments import ARGUMENTS
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.widgets.form.values import FormValues, offered, read_setting

ARGUMENTSWHERE = {
    "cpu_cores",
    "memory_gb",
    "auth_enabled",
    "token_auth_enabled",
    "batch",
    "batch_wait_ms",
    "compile",
    "live",
    "description",
    "cors_origins",
    "environment_variables",
    "tags",
    "properties",
    "scoring_timeout_ms",
    "max_request_wait_time",
    "replica_max_concurrent_requests",
    "recorded_requests",
    "collect_model_data",
    "collection_store",
    "collection_sample_rate",
    "collection_redacted_columns",
    "collection_retention_days",
    "num_replicas",
    "idle_timeout_seconds",
}
HERE = {"port", "ssl_cert_pem_file", "ssl_key_pem_file"}
OF_CONTAINERS = {"ssl_cname"}
OF_CLUSTERS = {
    "autoscale_enabled",
    "autoscale_min_replicas",
    "autoscale_max_replicas",
    "autoscale_target_utilization",
}


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ("local", ARGUMENTSWHERE | HERE),
        ("fake", ARGUMENTSWHERE | HERE),
        ("somebody-elses", ARGUMENTSWHERE | HERE),
        ("docker", ARGUMENTSWHERE | HERE | OF_CONTAINERS),
        ("kubernetes", ARGUMENTSWHERE | OF_CLUSTERS),
    ],
)
def test_a_target_has_its_fields(target: str, fields: set[str]) -> None:
    assert set(offered(target)) == fields


@pytest.mark.parametrize(
    ("name", "raw", "read"),
    [
        ("port", " 80 ", 80),
        ("port", "", None),
        ("port", "80x", "80x"),
        ("idle_timeout_seconds", " 10m", 600),
        ("idle_timeout_seconds", "90", 90),
        ("idle_timeout_seconds", "10 weeks", "10 weeks"),
        ("port", "8.5", "8.5"),
        ("cpu_cores", 0.5, 0.5),
        ("scoring_timeout_ms", 100, 100),
        ("cors_origins", " * ", "*"),
        ("batch", True, True),
        ("batch", False, None),
        ("autoscale_enabled", False, None),
        ("tags", "a=1\n\n b=x =y \n", {"a": "1", "b": "x =y"}),
        ("tags", " \n", None),
        ("tags", "a=1\nb", "a=1\nb"),
        ("ssl_cname", "host.example", "host.example"),
        ("ssl_key_pem_file", "~/key.pem", os.path.join(os.path.expanduser("~"), "key.pem")),
        ("ssl_cert_pem_file", "my cert.pem", os.path.join(os.getcwd(), "my cert.pem")),
    ],
)
def test_what_is_typed_is_read_as_its_kind(name: str, raw: Any, read: Any) -> None:
    assert read_setting(ARGUMENTS[name], raw) == read


def test_only_what_differs_is_given() -> None:
    usual = {"cpu_cores": 0.1, "memory_gb": 0.5, "auth_enabled": False, "tags": {}, "port": None}
    values = FormValues("svc", settings={**usual, "replica_max_concurrent_requests": 1, "batch": True})
    assert values.given == {"replica_max_concurrent_requests": 1, "batch": True}
    assert values.config == DeploymentConfig("local", replica_max_concurrent_requests=1, batch=True)


def test_what_the_place_does_not_have_is_passed_over() -> None:
    settings = {"autoscale_max_replicas": 2, "port": 80, "ssl_cname": "h"}
    assert FormValues("svc", settings=settings).given == {"port": 80}
    assert FormValues("svc", target="docker", settings=settings).config.compute_settings == {"ssl_cname": "h"}
    assert FormValues("svc", target="kubernetes", settings=settings).given == {"autoscale_max_replicas": 2}
