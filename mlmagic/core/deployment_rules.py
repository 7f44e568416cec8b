"""What a deployment configuration must be; all that is wrong with one is told at once.

Each violation names its argument, its value and the rule. The rules of one argument are in its table,
`mlmagic.core.deployments`; here are those over several.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mlmagic.core.configuration import DEFAULT_CPU, DEFAULT_MEMORY_GB
from mlmagic.core.deployments import ARGUMENTS, AUTOSCALE, ComputeType
from mlmagic.errors import InvalidConfig, InvalidConfigs, NotFound


def check(
    what: str,
    compute: ComputeType,
    given: Mapping[str, Any],
    *,
    is_file: Callable[[str], bool] = os.path.isfile,
) -> None:
    """Raises `InvalidConfigs` with all that is wrong with ``given``: arguments by name, without the Nones.

    ``what`` is the class whose configuration it is.
    """
    known = {argument.name: argument for argument in ARGUMENTS[compute]}
    found: list[InvalidConfig] = []
    for name, value in given.items():
        if name not in known:
            raise NotFound(f"argument of {what}", name, known)
        if (wrong := known[name].violation(value)) is not None:
            found.append(wrong)
    # A rule over two arguments has nothing to say where one of them is no number at all.
    sound = {name: value for name, value in given.items() if name not in {wrong.field for wrong in found}}
    found += _joint_violations(sound)
    found += _certificate_violations(sound, compute, is_file)
    if found:
        raise InvalidConfigs(what, found)


def _joint_violations(given: Mapping[str, Any]) -> Iterator[InvalidConfig]:
    """Rules over several arguments; each asks only of what is there."""
    for limit, asked in (("cpu_cores_limit", "cpu_cores"), ("memory_gb_limit", "memory_gb")):
        least = given.get(asked, DEFAULT_CPU if asked == "cpu_cores" else DEFAULT_MEMORY_GB)
        if limit in given and given[limit] < least:
            yield InvalidConfig(limit, given[limit], f"must not be below {asked}, which is {least:g}")
    if given.get("auth_enabled") and given.get("token_auth_enabled"):
        yield InvalidConfig(
            "token_auth_enabled", True, "excludes auth_enabled", hint="Keys or tokens, not both."
        )
    yield from _autoscale_violations(given)
    for group in (("cmk_vault_base_url", "cmk_key_name", "cmk_key_version"), ("vnet_name", "subnet_name")):
        missing = [name for name in group if not given.get(name)]
        if 0 < len(missing) < len(group):
            there = next(name for name in group if given.get(name))
            yield InvalidConfig(there, given[there], f"needs {' and '.join(missing)} too")


def _certificate_violations(
    given: Mapping[str, Any], compute: ComputeType, is_file: Callable[[str], bool]
) -> Iterator[InvalidConfig]:
    files = ("ssl_cert_pem_file", "ssl_key_pem_file")
    needed = (*files, "ssl_cname") if compute is ComputeType.ACI else files
    missing = [name for name in needed if not given.get(name)]
    if given.get("ssl_enabled") and missing:
        yield InvalidConfig("ssl_enabled", True, f"needs {' and '.join(missing)}")
    elif not given.get("ssl_enabled") and any(given.get(name) for name in files):
        there = next(name for name in files if given.get(name))
        yield InvalidConfig(there, given[there], "needs ssl_enabled=True")
    for name in files:
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
        for argument in AUTOSCALE[1:]:
            if argument.name in given:
                yield InvalidConfig(argument.name, given[argument.name], "needs autoscale_enabled=True")
