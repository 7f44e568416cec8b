"""Models, the entry script and the deployment arguments as options, or as files: ``--ic``, ``--dc``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlmagic.cli.base import Quantity, complete_models, option, pairs
from mlmagic.core.arguments import ARGUMENTS, OPTIONS, Argument, ComputeType, Group
from mlmagic.core.package_arguments import DEPLOYMENT, GROUP, TABLE
from mlmagic.errors import InvalidConfig, NotFound, UsageError

if TYPE_CHECKING:
    from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
    from mlmagic.engine.engine import Engine
    from mlmagic.sdk.inference import InferenceConfig as InferenceHandle

Command = Callable[..., Any]
no_wait = option("--no-wait", is_flag=True, help="Return at once.", group=Group.RUN)
deploy_config_file = option(
    *("--dc", "--deploy-config-file", "dc"),
    metavar="FILE",
    help="deploymentconfig.json, or YAML.",
    group=Group.RESOURCES,
)


def models(command: Command) -> Command:
    """Give ``command`` the options that name models; read them with `model_ids`."""
    return _all(
        [
            option(
                *("-m", "--model", "models"),
                multiple=True,
                metavar="NAME[:VERSION]",
                shell_complete=complete_models,
                help="A model; may repeat.",
                group=Group.MODELS,
            ),
            option(
                *("-f", "--model-metadata-file", "metadata"),
                metavar="FILE",
                help="JSON with the modelId, as register -t writes it.",
                group=Group.MODELS,
            ),
        ],
        command,
    )


def model_ids(options: dict[str, Any]) -> list[str]:
    """The models that a command line names, taken out of ``options``. Raises `InvalidConfig`."""
    models, file = options.pop("models"), options.pop("metadata")
    return [*models, *(_read_model_ids(file) if file else [])]


def script(command: Command) -> Command:
    """Give ``command`` the options that name an entry script; read them with `inference`."""
    return _all(
        [
            option(
                *("--ic", "--inference-config-file", "ic"),
                metavar="FILE",
                help="inferenceconfig.json, or YAML.",
                group=Group.MODELS,
            ),
            option(
                *("--entry-script", "--es", "entry_script"),
                metavar="FILE",
                help="A script file.",
                group=Group.MODELS,
            ),
            option(
                *("--source-directory", "--sd", "source_directory"),
                metavar="DIR",
                help="The folder of --entry-script. All its files are included.",
                group=Group.MODELS,
            ),
            option(
                *("-e", "--environment-name", "environment_name"),
                metavar="NAME",
                help="A registered environment.",
                group=Group.ENVIRONMENT,
            ),
            option(
                *("--ev", "--environment-version", "environment_version"),
                metavar="VERSION",
                help="Its version. Default: the newest.",
                group=Group.ENVIRONMENT,
            ),
            option(
                "--keep-base-image",
                is_flag=True,
                help="Use the environment's base image even if it is one of Azure's.",
                group=Group.ENVIRONMENT,
            ),
        ],
        command,
    )


def deployment_options(command: Command) -> Command:
    """Give ``command`` an option for each row of the table; read them with `given_arguments`."""
    return _all([_option(row) for row in OPTIONS], command)


def nearest_option(command: Command) -> Command:
    """Give ``command`` the option ``--nearest`` of the table, and its opposite."""
    return _all([_option(ARGUMENTS["nearest"])], command)


def package_options(command: Command) -> Command:
    """Give ``command`` the options of a package, those of `mlmagic.core.package_arguments`."""
    own = [
        option(
            *(*row.in_shell, *row.options, row.name),
            help=row.help,
            group=GROUP,
            **({"metavar": row.metavar} if row.metavar else {"is_flag": True}),
        )
        for row in TABLE
    ]
    return _all([*own, *map(_option, DEPLOYMENT)], command)


def given_arguments(options: dict[str, Any], rows: Sequence[Argument] = OPTIONS) -> dict[str, Any]:
    """The deployment arguments of ``rows`` that the command line gives, by name."""
    given = {row.name: options[row.name] for row in rows}
    for row in rows:
        if row.kind is dict:
            given[row.name] = pairs(row.option, given[row.name]) if given[row.name] else None
    return {name: value for name, value in given.items() if value is not None}


def inference(engine: Engine, options: dict[str, Any]) -> InferenceHandle | None:
    """The script that a command line names, taken out of ``options``; None without one."""
    names = ("ic", "entry_script", "source_directory", "environment_name", "environment_version")
    ic, entry_script, folder, name, version = (options.pop(each) for each in names)
    keep_base_image = options.pop("keep_base_image")
    if ic and (entry_script or folder):
        raise UsageError("--ic names a script already", hint="Leave out --entry-script.")
    if not ic and not entry_script:
        if folder:
            raise UsageError(
                f"--source-directory {folder!r} needs --entry-script",
                hint="Name the script in that folder, such as --entry-script score.py.",
            )
        return None
    from mlmagic.sdk.configuration_files import read_inference
    from mlmagic.sdk.environment import Environment
    from mlmagic.sdk.inference import InferenceConfig
    from mlmagic.sdk.workspace import Workspace

    workspace = Workspace.over(engine)
    environment = Environment.get(workspace, name, version) if name else None
    made = (
        read_inference(ic, workspace, environment)
        if ic
        else InferenceConfig(entry_script, source_directory=folder, environment=environment)
    )
    if keep_base_image and made.environment is not None:
        made.environment.docker.keep_base_image = True
    return made


def for_engine(
    handle: InferenceHandle | None, config: DeploymentConfig
) -> tuple[InferenceConfig | None, DeploymentConfig]:
    """Both configurations for the engine."""
    return (None, config) if handle is None else handle.for_engine(config)


def deployment(dc: str | None, given: dict[str, Any]) -> DeploymentConfig:
    """The configuration of the file, if there is one, with the arguments of the command line."""
    from mlmagic.core.deployments import with_arguments

    return with_arguments(_read(dc) or _default(), given)


def deployment_on(
    engine: Engine, dc: str | None, target: str | None, given: dict[str, Any]
) -> DeploymentConfig:
    """The same on ``target``, a compute target of this machine or the name of an attached cluster."""
    from mlmagic.core.deployments import with_arguments
    from mlmagic.sdk.cluster_deployment import find_cluster, on_cluster, on_named_cluster
    from mlmagic.sdk.compute import ComputeTarget
    from mlmagic.sdk.workspace import Workspace

    workspace, config = Workspace.over(engine), _read(dc)
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
                hint=f'Give the type in a file: --dc FILE, with {{"computeType": "{target.lower()}"}} in it.',
            ) from None
        attached = [each.name for each in ComputeTarget.list(workspace)]
        raise NotFound("compute target", target, [*engine.targets.names(), *attached]) from None
    # The target is named here, so it does not follow from the file's compute type.
    return with_arguments(replace(config or _default(), target=target, compute_type=""), given)


def _read(dc: str | None) -> DeploymentConfig | None:
    from mlmagic.sdk.configuration_files import read_deployment

    return None if dc is None else read_deployment(dc).to_core()


def _default() -> DeploymentConfig:
    from mlmagic.core.configuration import DEFAULT_TARGET, DeploymentConfig

    return DeploymentConfig(DEFAULT_TARGET)


def _option(row: Argument) -> Command:
    if row.kind is bool:
        return option(
            f"{row.option}/{row.opposite}", row.name, default=None, help=row.option_help, group=row.group
        )
    more: dict[str, Any] = {"type": Quantity(row.read) if row.units else row.kind, "help": row.option_help}
    if row.kind is dict:
        more = {"multiple": True, "help": f"{row.option_help} May repeat."}
    return option(*row.options, row.name, metavar=row.value_name, group=row.group, **more)


def _read_model_ids(file: str) -> list[str]:
    """The ids in a file of ``register -t``: one modelId, or a list of them. Raises `InvalidConfig`."""
    from mlmagic.sdk.configuration_files import read_object

    values = read_object(file)
    records = values if isinstance(values, list) else [values]
    ids = [str(record["modelId"]) for record in records if isinstance(record, dict) and "modelId" in record]
    if len(ids) != len(records):
        raise InvalidConfig(file, values, 'must hold {"modelId": "NAME:VERSION"}')
    return ids


def _all(options: Sequence[Command], command: Command) -> Command:
    for each in reversed(options):
        command = each(command)
    return command
