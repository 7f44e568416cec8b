"""What arguments of ``deploy_configuration()`` change of a service that runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.deployment_rules import check
from mlmagic.core.deployments import ARGUMENTS, deployment, given_of
from mlmagic.core.model import added_properties


def config_changes(config: DeploymentConfig, given: Mapping[str, Any]) -> dict[str, Any]:
    """What `deploy_configuration` arguments change of a configuration. Raises `InvalidConfigs`."""
    compute, before = given_of(config)
    known = {argument.name: argument for argument in ARGUMENTS[compute]}
    after = {**before, **given}
    if "properties" in given:
        after["properties"] = added_properties(config.properties, given["properties"])
    files = ("ssl_cert_pem_file", "ssl_key_pem_file")
    if any(name in given for name in files) and "ssl_enabled" not in given:
        after["ssl_enabled"] = any(after.get(name) for name in files)  # an empty text takes TLS back
    if not after.get("ssl_enabled"):
        after = {name: value for name, value in after.items() if name not in files}
    check(f"a service on {config.target}", compute, after)
    wanted = deployment(compute, after)
    fields = {known[name].field for name in {**before, **given} if known[name].field}
    changes = {field: getattr(wanted, field) for field in fields if field}
    changes["compute_settings"] = wanted.compute_settings
    return {name: value for name, value in changes.items() if value != getattr(config, name)}
