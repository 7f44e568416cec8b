"""The deployment arguments as options, or as a file with them: ``--dc``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlmagic.cli.az_options import ROWS, is_hidden, names_of
from mlmagic.cli.base import Quantity, option, pairs
from mlmagic.cli.script_options import all_of, of_rows
from mlmagic.core.arguments import ARGUMENTS, Argument, ComputeType, Group
from mlmagic.core.package_arguments import DEPLOYMENT, GROUP, TABLE
from mlmagic.errors import InvalidConfig, NotFound, UsageError

if TYPE_CHECKING:
    from mlmagic.core.configuration import DeploymentConfig
    from mlmagic.engine.engine import Engine

Command = Callable[..., Any]
no_wait = option("--no-wait", is_flag=True, help="Return at once.", group=Group.RUN)
deploy_config_file = option(
    *("--dc", "--deploy-config-file", "dc"),
    metavar="FILE",
    help="deploymentconfig.json, or YAML.",
    group=Group.RESOURCES,
)
_LABELS = (
    option(
        "--add-tag",
        "add_tags",
        multiple=True,
        metavar="KEY=VALUE",
        help="Add or change a tag and keep the others; may repeat.",
        group=Group.LABELS,
    ),
    option(
        "--remove-tag",
        "remove_tags",
        multiple=True,
        metavar="KEY",
        help="Remove a tag; may repeat.",
        group=Group.LABELS,
    ),
    option(
        "--add-property",
        "add_properties",
        multiple=True,
        metavar="KEY=VALUE",
        help="Add a property; may repeat.",
        group=Group.LABELS,
    ),
)


def deployment_options(command: Command) -> Command:
    """Give ``command`` an option for each argument; read them with `given_arguments`."""
    return all_of([_option(row) for row in ROWS], command)


def label_options(command: Command) -> Command:
    """Give ``command`` the options that change single tags; read them with `changed_labels`."""
    return all_of(_LABELS, command)


def nearest_option(command: Command) -> Command:
    """Give ``command`` the option ``--nearest`` of the table, and its opposite."""
    return all_of([_option(ARGUMENTS["nearest"])], command)


def package_options(command: Command) -> Command:
    """Give ``command`` the options of a package, those of `mlmagic.core.package_arguments`."""
    return all_of([*of_rows(TABLE, GROUP), *map(_option, DEPLOYMENT)], command)


def given_arguments(options: dict[str, Any], rows: Sequence[Argument] = ROWS) -> dict[str, Any]:
    """The deployment arguments of ``rows`` that the command line gives, by name."""
    given = {row.name: options[row.name] for row in rows}
    for row in rows:
        if row.kind is dict:
            given[row.name] = pairs(row.option, given[row.name]) if given[row.name] else None
    return {name: value for name, value in given.items() if value is not None}


def changed_labels(config: DeploymentConfig, options: dict[str, Any]) -> dict[str, Any]:
    """The tags and properties after what a command line changes of them, taken out of ``options``."""
    added, removed = pairs("--add-tag", options.pop("add_tags")), options.pop("remove_tags")
    properties = pairs("--add-property", options.pop("add_properties"))
    changes: dict[str, Any] = {}
    if added or removed:
        tags = {**config.tags, **added}
        changes["tags"] = {key: value for key, value in tags.items() if key not in removed}
    if properties:
        changes["properties"] = {**config.properties, **properties}
    return changes


def deployment(dc: str | None, given: dict[str, Any]) -> DeploymentConfig:
    """The configuration of the file, if there is one, with the arguments of the command line."""
    from mlmagic.core.deployments import with_arguments

    return with_arguments(_read(dc) or _default(), given)


def deployment_on(
    engine: Engine,
    dc: str | None,
    target: str | None,
    given: dict[str, Any],
    compute_type: str | None = None,
) -> DeploymentConfig:
    """The same on ``target``, a compute target of this machine or the name of an attached cluster.

    ``compute_type`` stands for a file that has only that.
    """
    from mlmagic.core.deployments import with_arguments
    from mlmagic.sdk.cluster_deployment import find_cluster, on_cluster, on_named_cluster
    from mlmagic.sdk.compute import ComputeTarget
    from mlmagic.sdk.workspace import Workspace

    workspace = Workspace.over(engine)
    config = _read(dc) if compute_type is None else _of_type(dc, compute_type)
    if target is None:
        return with_arguments(on_named_cluster(workspace, config or _default()), given)
    if target not in engine.targets.names() and (cluster := find_cluster(workspace, target)) is not None:
        return with_arguments(on_cluster(cluster, config), given)
    try:
        engine.targets.get(target)
    except NotFound:
        if target.lower() in set(ComputeType):
            raise UsageError(
                f"--ct {target!r} is a compute type, and --ct takes the name of a compute target",
                hint=f"Give the type with: --compute-type {target.lower()}",
            ) from None
        attached = [each.name for each in ComputeTarget.list(workspace)]
        raise NotFound("compute target", target, [*engine.targets.names(), *attached]) from None
    # The target is named here, so it does not follow from the file's compute type.
    return with_arguments(replace(config or _default(), target=target, compute_type=""), given)


def size_of_profile(file: str) -> dict[str, float]:
    """The recommended CPU and memory in a file that ``model profile -t`` wrote. Raises `InvalidConfig`."""
    from mlmagic.sdk.configuration_files import read_object

    values = read_object(file)
    keys = {"cpu_cores": "recommendedCpu", "memory_gb": "recommendedMemoryInGB"}
    if not isinstance(values, dict) or not keys.values() & values.keys():
        raise InvalidConfig(
            "--profile-input",
            file,
            f"must hold {' and '.join(keys.values())}",
            hint="Write it with: mlmagic model profile -t FILE",
        )
    return {name: values[key] for name, key in keys.items() if values.get(key) is not None}


def _of_type(dc: str | None, compute_type: str) -> DeploymentConfig:
    from mlmagic.sdk.deployment import configuration

    if dc is not None:
        raise UsageError("--compute-type and --dc exclude each other", hint="The file has a computeType.")
    return configuration(ComputeType.parse(compute_type), {}).to_core()


def _read(dc: str | None) -> DeploymentConfig | None:
    from mlmagic.sdk.configuration_files import read_deployment

    return None if dc is None else read_deployment(dc).to_core()


def _default() -> DeploymentConfig:
    from mlmagic.core.configuration import DEFAULT_TARGET, DeploymentConfig

    return DeploymentConfig(DEFAULT_TARGET)


def _option(row: Argument) -> Command:
    shown, others = names_of(row)
    hidden = is_hidden(row)
    more: dict[str, Any] = {"help": row.option_help, "group": row.group, "also": others, "hidden": hidden}
    if row.kind is bool:
        opposite = row.opposite if row.options else f"--no-{shown[0][2:]}"
        return option(f"{shown[0]}/{opposite}", row.name, default=None, **more)
    if row.kind is dict:
        more |= {"multiple": True, "help": f"{row.option_help} May repeat."}
    else:
        more["type"] = Quantity(row.read) if row.units else row.kind
    return option(*shown, row.name, metavar=row.value_name, **more)
