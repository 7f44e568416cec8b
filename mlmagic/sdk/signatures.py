"""Signatures of ``deploy_configuration`` and ``update``, made from the table of deployment arguments.

The table has each argument's type; this module has the order in which Azure ML v1 takes them. Editors,
``help()`` and the reference show the whole signature. Source: AciWebservice, AksWebservice and AksEndpoint of
azureml-core 1.61.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, Signature
from typing import Any, TypeVar

from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.core.deployments import ARGUMENTS, ComputeType
from mlmagic.sdk.inference import InferenceConfig
from mlmagic.sdk.model_references import ModelLike

R = TypeVar("R")

ACI = (
    *("cpu_cores", "memory_gb", "tags", "properties", "description", "location", "auth_enabled"),
    *("ssl_enabled", "enable_app_insights", "ssl_cert_pem_file", "ssl_key_pem_file", "ssl_cname"),
    *("dns_name_label", "primary_key", "secondary_key", "collect_model_data", "cmk_vault_base_url"),
    *("cmk_key_name", "cmk_key_version", "vnet_name", "subnet_name"),
)
ACI_UPDATE = (
    *("image", "tags", "properties", "description", "auth_enabled", "ssl_enabled", "ssl_cert_pem_file"),
    *("ssl_key_pem_file", "ssl_cname", "enable_app_insights", "models", "inference_config"),
)
AKS = (
    *("autoscale_enabled", "autoscale_min_replicas", "autoscale_max_replicas", "autoscale_refresh_seconds"),
    *("autoscale_target_utilization", "collect_model_data", "auth_enabled", "cpu_cores", "memory_gb"),
    *("enable_app_insights", "scoring_timeout_ms", "replica_max_concurrent_requests"),
    *("max_request_wait_time", "num_replicas", "primary_key", "secondary_key", "tags", "properties"),
    *("description", "gpu_cores", "period_seconds", "initial_delay_seconds", "timeout_seconds"),
    *("success_threshold", "failure_threshold", "namespace", "token_auth_enabled", "compute_target_name"),
    *("cpu_cores_limit", "memory_gb_limit", "blobfuse_enabled"),
)
_FIXED = ("primary_key", "secondary_key", "compute_target_name", "blobfuse_enabled")
AKS_UPDATE = ("image", *(name for name in AKS if name not in _FIXED), "models", "inference_config")
AKS_ENDPOINT = (*AKS[:-1], "version_name", "traffic_percentile")

_NOT_IN_TABLE: Mapping[str, Any] = {
    "image": None,
    "models": Iterable[ModelLike] | None,
    "inference_config": InferenceConfig | CoreInferenceConfig | None,
}


def deploy_signature(
    compute: ComputeType, names: Iterable[str]
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Decorate a function of keywords: it takes ``names``, by position too, and more arguments by name."""
    return _with_parameters(_parameters(compute, names))


def update_signature(
    compute: ComputeType, names: Iterable[str]
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """The same for a method."""
    return _with_parameters([Parameter("self", Parameter.POSITIONAL_ONLY), *_parameters(compute, names)])


def _parameters(compute: ComputeType, names: Iterable[str]) -> list[Parameter]:
    table = {argument.name: argument for argument in ARGUMENTS[compute]}
    found = [
        Parameter(
            name,
            Parameter.POSITIONAL_OR_KEYWORD,
            default=None,
            annotation=_NOT_IN_TABLE[name] if name in _NOT_IN_TABLE else _annotation(table[name].kind),
        )
        for name in names
    ]
    return [*found, Parameter("more", Parameter.VAR_KEYWORD, annotation=Any)]


def _annotation(kind: type) -> Any:
    return Mapping[str, str] | None if kind is dict else kind | None


def _with_parameters(parameters: list[Parameter]) -> Callable[[Callable[..., R]], Callable[..., R]]:
    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        returns = function.__annotations__.get("return", Signature.empty)
        signature = Signature(parameters, return_annotation=returns)

        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> R:
            given = signature.bind(*args, **options).arguments
            more = given.pop("more", {})
            own = (given.pop("self"),) if "self" in given else ()
            return function(*own, **given, **more)

        call.__signature__ = signature  # type: ignore[attr-defined]
        return call

    return decorate
