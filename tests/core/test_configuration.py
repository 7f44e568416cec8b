from __future__ import annotations

from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig, ResourceConfiguration
from mlmagic.core.model import ModelDescription, parse_labels
from mlmagic.errors import InvalidConfig


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"cpu": -1}, "cpu -1 must be above 0"),
        ({"cpu": 0}, "cpu 0"),
        ({"cpu": float("nan")}, "cpu nan"),
        ({"memory_gb": 0}, "memory 0"),
        ({"port": 0}, "port 0 must be between 1 and 65535"),
        ({"port": 65536}, "port 65536"),
        ({"batch_wait_ms": 0}, "batch-wait 0 must be above 0"),
        ({"batch_wait_ms": 500}, "batch_wait_ms 500 must be below max_request_wait_time, 500"),
    ],
)
def test_a_deployment_names_what_is_out_of_range(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidConfig, match=words):
        DeploymentConfig(**values)


def test_the_documents_defaults() -> None:
    config = DeploymentConfig()
    assert (config.cpu, config.memory_gb, config.target, config.port) == (0.1, 0.5, "local", None)


@pytest.mark.parametrize("script", ["score", "score.txt", "my-score.py", "class.py", "1a.py"])
def test_an_entry_script_is_a_module(script: str) -> None:
    with pytest.raises(InvalidConfig, match="entry script"):
        InferenceConfig(script)


def test_resources_of_zero_are_refused() -> None:
    # The reference lets a cpu of 0 pass.
    with pytest.raises(InvalidConfig):
        ResourceConfiguration(cpu=0)


@pytest.mark.parametrize(
    "values",
    [
        {"name": "a b"},
        {"name": "a", "tags": {"k": 1}},
        {"name": "a", "properties": {"": "v"}},
        {"name": "a", "framework": "Sklearn"},
        {"name": "a", "framework_version": "1"},
    ],
)
def test_a_model_description_is_checked_when_made(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfig):
        ModelDescription(**values)


def test_labels() -> None:
    assert parse_labels("--tag", ["a=1", "b=x=y", {"c": 3}]) == {"a": "1", "b": "x=y", "c": "3"}
    with pytest.raises(InvalidConfig, match="--tag 'a' must be KEY=VALUE"):
        parse_labels("--tag", ["a"])


def test_what_is_only_tried_needs_no_keys() -> None:
    config = DeploymentConfig(
        "docker",
        cpu=2,
        port=6789,
        auth_enabled=True,
        primary_key="k" * 32,
        ssl_cert_pem_file="c",
        ssl_key_pem_file="k",
        live=True,
    )
    tried = config.for_trial("local")
    assert tried == DeploymentConfig("local", cpu=2, num_replicas=1)
