"""The names that ``az ml`` of Azure ML v1 has for the deployment arguments, besides ours.

Source: the reference of the azure-cli-ml extension (``az ml model deploy``, ``az ml service update``).
"""

from __future__ import annotations

from collections.abc import Mapping

from mlmagic.core.arguments import TABLE, Argument


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


AZ_NAMES: Mapping[str, tuple[str, ...]] = {
    "auth_enabled": _names("--ae --auth-enabled"),
    "autoscale_enabled": _names("--as"),
    "autoscale_max_replicas": _names("--ma"),
    "autoscale_min_replicas": _names("--mi"),
    "autoscale_refresh_seconds": _names("--autoscale-refresh-seconds --ar"),
    "autoscale_target_utilization": _names("--at"),
    "cmk_key_name": _names("--key-name"),
    "cmk_key_version": _names("--key-version"),
    "cmk_vault_base_url": _names("--vault-base-url"),
    "collect_model_data": _names("--collect-model-data --md"),
    "cpu_cores_limit": _names("--cpu-cores-limit --ccl"),
    "description": _names("-d"),
    "dns_name_label": _names("--dns-name-label --dn"),
    "enable_app_insights": _names("--enable-app-insights --ai"),
    "failure_threshold": _names("--failure-threshold --ft"),
    "gpu_cores": _names("--gpu-cores --gc"),
    "initial_delay_seconds": _names("--initial-delay-seconds --id"),
    "location": _names("--location --lo"),
    "max_request_wait_time": _names("--mr"),
    "memory_gb_limit": _names("--memory-gb-limit --gbl"),
    "num_replicas": _names("--nr"),
    "period_seconds": _names("--period-seconds --ps"),
    "port": _names("--po"),
    "primary_key": _names("--primary-key --kp"),
    "replica_max_concurrent_requests": _names("--rm"),
    "scoring_timeout_ms": _names("--tm"),
    "secondary_key": _names("--secondary-key --ks"),
    "ssl_cert_pem_file": _names("--ssl-cert-pem-file --sp"),
    "ssl_cname": _names("--sc"),
    "ssl_enabled": _names("--ssl-enabled --se"),
    "ssl_key_pem_file": _names("--ssl-key-pem-file --sk"),
    "subnet_name": _names("--subnet-name"),
    "success_threshold": _names("--success-threshold --st"),
    "timeout_seconds": _names("--timeout-seconds --ts"),
    "token_auth_enabled": _names("--token-auth-enabled"),
    "vnet_name": _names("--vnet-name"),
}
_HIDDEN = {
    *("cmk_key_name", "cmk_key_version", "cmk_vault_base_url", "dns_name_label", "location"),
    *("primary_key", "secondary_key", "ssl_enabled", "subnet_name", "vnet_name"),
}
"""They have no effect here, follow from others, or are secrets, which a list of processes shows."""
ROWS: tuple[Argument, ...] = tuple(row for row in TABLE if row.options or row.name in AZ_NAMES)
"""The arguments that are options of the command line."""


def names_of(row: Argument) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of an argument's option that the help text shows, and the others."""
    theirs = AZ_NAMES.get(row.name, ())
    return (row.options, theirs) if row.options else (theirs[:1], theirs[1:])


def is_hidden(row: Argument) -> bool:
    """Whether the help text leaves an argument out."""
    return row.name in _HIDDEN
