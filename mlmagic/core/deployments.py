"""From deployment arguments to a `DeploymentConfig` and back, and the rules over several arguments.

The arguments themselves, with the rule of each, are rows of `mlmagic.core.arguments`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mlmagic.core.arguments import (
    ARGUMENTS,
    AUTOSCALE,
    CERTIFICATE,
    KEYS,
    Argument,
    ComputeType,
    arguments_of,
)
from mlmagic.core.collection import COLLECTS, is_of_collection
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.model import added_properties
from mlmagic.errors import InvalidConfig, InvalidConfigs, NotFound

_UNTOUCHED = DeploymentConfig()


def effective(compute: ComputeType, given: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` with the compute type's defaults for all other arguments."""
    values: dict[str, Any] = {name: row.default for name, row in arguments_of(compute).items()}
    values.update(given)
    if values.get("autoscale_enabled") is None and "autoscale_enabled" in values:
        values["autoscale_enabled"] = values["num_replicas"] is None
    if values.get("token_auth_enabled") and "auth_enabled" not in given:
        values["auth_enabled"] = False
    return values


def deployment(compute: ComputeType, given: Mapping[str, Any]) -> DeploymentConfig:
    """The configuration that ``deploy_configuration()`` stands for; ``given`` has passed `check`."""
    values = effective(compute, given)
    fields: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for name, row in arguments_of(compute).items():
        if row.field is None:
            if name in given and name != "ssl_enabled":  # the certificate's files imply it
                own[name] = values[name]
        elif values[name] is not None:
            fields[row.field] = values[name]
    if "replica_max_concurrent_requests" not in given:
        fields.pop("replica_max_concurrent_requests", None)  # an async run() has no limit
    if not values.get("ssl_enabled", True):
        for name in CERTIFICATE:
            fields.pop(name, None)
    fields |= _access(given)
    return DeploymentConfig(compute.target, compute_type=compute.value, compute_settings=own, **fields)


def given_of(config: DeploymentConfig) -> tuple[ComputeType, dict[str, Any]]:
    """The arguments with which `deployment` returns ``config``, without keys: they are not recorded."""
    compute = ComputeType.parse(config.compute_type or ComputeType.of_target(config.target))
    given: dict[str, Any] = {}
    for name, row in arguments_of(compute).items():
        if row.field is None:
            if name in config.compute_settings:
                given[name] = config.compute_settings[name]
        elif name not in KEYS:
            value = getattr(config, row.field)
            if must_be_named(row, value) or (name == "auth_enabled" and config.without_auth):
                given[name] = dict(value) if row.kind is dict else value
    if config.ssl_cert_pem_file and "ssl_enabled" in arguments_of(compute):
        given["ssl_enabled"] = True  # else the certificate is that of the cluster
    return compute, given


def _access(given: Mapping[str, Any]) -> dict[str, Any]:
    """Whether everyone may call the service, if ``given`` says so."""
    if given.get("auth_enabled") is None:
        return {}
    return {"without_auth": not given["auth_enabled"] and not given.get("token_auth_enabled")}


def must_be_named(argument: Argument, value: Any) -> bool:
    """Whether ``value`` has to be given: it is neither our default nor that of the compute type."""
    ours = getattr(_UNTOUCHED, argument.field) if argument.field else argument.default
    differs = argument.default is not None and value != argument.default
    return value is not None and (differs or value != ours)


def with_arguments(
    config: DeploymentConfig, given: Mapping[str, Any], *, is_file: Callable[[str], bool] = os.path.isfile
) -> DeploymentConfig:
    """``config`` with what a line gives, by argument name.

    Raises `InvalidConfig`, `InvalidConfigs`, or `NotFound` for what the target of ``config`` does not take.
    """
    fields = {field: value for name, value in given.items() if (field := ARGUMENTS[name].field)}
    fields |= _access(given)
    own = {name: value for name, value in given.items() if not ARGUMENTS[name].field}
    changed = replace(config, compute_settings={**config.compute_settings, **own}, **fields)
    if own or "num_replicas" in given:
        compute, all_given = given_of(changed)
        check(f"a service on {config.target}", compute, {**all_given, **own}, is_file=is_file)
    return changed


def changed_fields(config: DeploymentConfig, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a line changes of ``config``, by field; raises as `with_arguments`."""
    changed = with_arguments(config, given)
    names = {ARGUMENTS[each].field or "compute_settings" for each in given}
    return {name: getattr(changed, name) for name in names | _access(given).keys()}


def config_changes(config: DeploymentConfig, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the arguments of ``Webservice.update()`` change, by field. Raises `InvalidConfigs`."""
    compute, before = given_of(config)
    after = {**_before_scaling(before, given), **given}
    if "properties" in given:
        after["properties"] = added_properties(config.properties, given["properties"])
    if any(name in given for name in CERTIFICATE) and "ssl_enabled" not in given:
        after["ssl_enabled"] = any(after.get(name) for name in CERTIFICATE)  # an empty text removes HTTPS
    if not after.get("ssl_enabled"):
        after = {name: value for name, value in after.items() if name not in CERTIFICATE}
    check(f"a service on {config.target}", compute, after)
    wanted = deployment(compute, after)
    known = arguments_of(compute)
    fields = {known[name].field for name in {**before, **given}} - {None}
    changes = {field: getattr(wanted, field) for field in fields if field}
    changes |= _access(given)
    changes["compute_settings"] = wanted.compute_settings
    return {name: value for name, value in changes.items() if value != getattr(config, name)}


def _before_scaling(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """``before`` without what no longer applies where ``given`` turns autoscaling off or on."""
    if given.get("autoscale_enabled") is False or given.get("num_replicas") is not None:
        return {name: value for name, value in before.items() if name not in AUTOSCALE}
    if given.get("autoscale_enabled"):
        return {name: value for name, value in before.items() if name != "num_replicas"}
    return dict(before)


def check(
    what: str,
    compute: ComputeType,
    given: Mapping[str, Any],
    *,
    is_file: Callable[[str], bool] = os.path.isfile,
) -> None:
    """Raises `InvalidConfigs` with every violation in ``given``: arguments by name, without the Nones.

    ``what`` is the class whose configuration it is.
    """
    known = arguments_of(compute)
    found: list[InvalidConfig] = []
    for name, value in given.items():
        if name not in known:
            raise NotFound(f"argument of {what}", name, known)
        if (wrong := known[name].violation(value)) is not None:
            found.append(wrong)
    # A rule over two arguments does not apply where one of them is not even of the right type.
    sound = {name: value for name, value in given.items() if name not in {wrong.field for wrong in found}}
    found += _joint_violations(sound, known)
    found += _certificate_violations(sound, compute, is_file)
    if found:
        raise InvalidConfigs(what, found)


def _joint_violations(given: Mapping[str, Any], known: Mapping[str, Argument]) -> Iterator[InvalidConfig]:
    """Rules over several arguments; each looks only at those that are given."""
    for limit, wanted in (("cpu_cores_limit", "cpu_cores"), ("memory_gb_limit", "memory_gb")):
        if limit in given and given[limit] < (least := given.get(wanted, known[wanted].default)):
            yield InvalidConfig(limit, given[limit], f"must not be below {wanted}, which is {least:g}")
    if given.get("auth_enabled") and given.get("token_auth_enabled"):
        yield InvalidConfig(
            "token_auth_enabled", True, "excludes auth_enabled", hint="Keys or tokens, not both."
        )
    yield from _autoscale_violations(given)
    if COLLECTS not in given:
        for name in given:
            if is_of_collection(name):
                yield InvalidConfig(name, given[name], f"needs {COLLECTS}=True")
    for group in (("cmk_vault_base_url", "cmk_key_name", "cmk_key_version"), ("vnet_name", "subnet_name")):
        missing = [name for name in group if not given.get(name)]
        if 0 < len(missing) < len(group):
            there = next(name for name in group if given.get(name))
            yield InvalidConfig(there, given[there], f"needs {' and '.join(missing)} too")


def _certificate_violations(
    given: Mapping[str, Any], compute: ComputeType, is_file: Callable[[str], bool]
) -> Iterator[InvalidConfig]:
    needed = (*CERTIFICATE, "ssl_cname") if compute is ComputeType.ACI else CERTIFICATE
    missing = [name for name in needed if not given.get(name)]
    if given.get("ssl_enabled") and missing:
        yield InvalidConfig("ssl_enabled", True, f"needs {' and '.join(missing)}")
    elif not given.get("ssl_enabled") and any(given.get(name) for name in CERTIFICATE):
        there = next(name for name in CERTIFICATE if given.get(name))
        yield InvalidConfig(there, given[there], "needs ssl_enabled=True")
    for name in CERTIFICATE:
        if given.get(name) and not is_file(given[name]):
            yield InvalidConfig(name, given[name], "names a file that is not there")


def _autoscale_violations(given: Mapping[str, Any]) -> Iterator[InvalidConfig]:
    enabled, replicas = given.get("autoscale_enabled"), given.get("num_replicas")
    if enabled and replicas is not None:
        yield InvalidConfig("num_replicas", replicas, "excludes autoscale_enabled")
    if enabled is False and replicas is None:
        yield InvalidConfig("autoscale_enabled", False, "needs num_replicas")
    least, most = given.get("autoscale_min_replicas"), given.get("autoscale_max_replicas")
    if least is not None and most is not None and least > most:
        yield InvalidConfig(
            "autoscale_min_replicas", least, f"must not be above autoscale_max_replicas, which is {most}"
        )
    if not enabled:
        for name in AUTOSCALE[1:]:
            if name in given:
                yield InvalidConfig(name, given[name], "needs autoscale_enabled=True")
