"""The options that name models, an entry script and its environment, or a file with them: ``--ic``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mlmagic.cli.base import option
from mlmagic.cli.completion import complete_environments, complete_models
from mlmagic.core.arguments import Group
from mlmagic.core.option_rows import OptionRow
from mlmagic.errors import InvalidConfig, UsageError

if TYPE_CHECKING:
    from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
    from mlmagic.engine.engine import Engine
    from mlmagic.sdk.environment import Environment
    from mlmagic.sdk.inference import InferenceConfig as InferenceHandle

Command = Callable[..., Any]
_MODELS = (
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
        multiple=True,
        metavar="FILE",
        help="JSON with the modelId, as register -t writes it; may repeat.",
        group=Group.MODELS,
    ),
)
_SCRIPT = (
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
        shell_complete=complete_environments,
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
        *("--environment-directory", "--ed", "environment_directory"),
        metavar="DIR",
        help="The environment in this folder, as environment scaffold or download writes it.",
        group=Group.ENVIRONMENT,
    ),
    option(
        *("--conda-file", "--cf", "conda_file"),
        metavar="FILE",
        help="A conda specification as the environment, in the folder of the script.",
        group=Group.ENVIRONMENT,
    ),
    option(
        "--keep-base-image",
        is_flag=True,
        help="Use the environment's base image even if it is one of Azure's.",
        group=Group.ENVIRONMENT,
    ),
    option("--runtime", "--rt", "runtime", metavar="RUNTIME", hidden=True),
    option("--base-image", "--bi", "base_image", metavar="NAME", hidden=True),
    option("--base-image-registry", "--ir", "base_image_registry", metavar="ADDRESS", hidden=True),
    option("--extra-docker-file-steps", "--ds", "extra_docker_file_steps", metavar="FILE", hidden=True),
    option("--enable-gpu/--no-enable-gpu", "--eg", "enable_gpu", default=None, hidden=True),
    option("--cuda-version", "--cv", "cuda_version", metavar="VERSION", hidden=True),
)
_DEPRECATED = (
    *("conda_file", "runtime", "base_image", "base_image_registry", "extra_docker_file_steps"),
    *("enable_gpu", "cuda_version"),
)
"""What `Environment` has replaced in Azure ML v1, and its command line still has."""
_PYTHONS = ("python", "python-slim")


def models(command: Command) -> Command:
    """Give ``command`` the options that name models; read them with `model_ids`."""
    return all_of(_MODELS, command)


def script(command: Command) -> Command:
    """Give ``command`` the options that name an entry script; read them with `inference`."""
    return all_of(_SCRIPT, command)


def of_rows(rows: Sequence[OptionRow], group: str) -> list[Command]:
    """The options of a table."""
    return [
        option(
            *(*row.in_shell, *row.options, row.name),
            help=row.help,
            group=group,
            **({"metavar": row.metavar} if row.metavar else {"is_flag": True}),
        )
        for row in rows
    ]


def all_of(options: Sequence[Command], command: Command) -> Command:
    """Give ``command`` several options."""
    for each in reversed(options):
        command = each(command)
    return command


def model_ids(options: dict[str, Any]) -> list[str]:
    """The models that a command line names, taken out of ``options``. Raises `InvalidConfig`."""
    models, files = options.pop("models"), options.pop("metadata")
    return [*models, *(each for file in files for each in _read_model_ids(file))]


def inference(engine: Engine, options: dict[str, Any]) -> InferenceHandle | None:
    """The script that a command line names, taken out of ``options``; None without one."""
    ic, entry_script, folder = (options.pop(each) for each in ("ic", "entry_script", "source_directory"))
    deprecated = {name: value for name in _DEPRECATED if (value := options.pop(name)) is not None}
    keep_base_image = options.pop("keep_base_image")
    environment = _environment(engine, options)
    if ic and (entry_script or folder or deprecated):
        raise UsageError(
            "--ic names script and environment already", hint="Leave the other options of the script out."
        )
    if not ic and not entry_script:
        if folder:
            raise UsageError(
                f"--source-directory {folder!r} needs --entry-script",
                hint="Name the script in that folder, such as --entry-script score.py.",
            )
        return None
    from mlmagic.sdk.configuration_files import read_inference
    from mlmagic.sdk.inference import InferenceConfig
    from mlmagic.sdk.workspace import Workspace

    if ic:
        made = read_inference(ic, Workspace.over(engine), environment)
    else:
        with warnings.catch_warnings():
            # They are deprecated in the SDK; on the command line of Azure ML v1 they are not.
            warnings.simplefilter("ignore", DeprecationWarning)
            made = InferenceConfig(
                entry_script, source_directory=folder, environment=environment, **_arguments(deprecated)
            )
    if keep_base_image and made.environment is not None:
        made.environment.docker.keep_base_image = True
    return made


def for_engine(
    handle: InferenceHandle | None, config: DeploymentConfig
) -> tuple[InferenceConfig | None, DeploymentConfig]:
    """Both configurations for the engine."""
    return (None, config) if handle is None else handle.for_engine(config)


def _environment(engine: Engine, options: dict[str, Any]) -> Environment | None:
    names = ("environment_name", "environment_version", "environment_directory")
    name, version, folder = (options.pop(each) for each in names)
    if not name and not folder:
        return None
    if name and folder:
        raise UsageError(
            "--environment-directory and --environment-name exclude each other", hint="Give one."
        )
    from mlmagic.sdk.environment import Environment
    from mlmagic.sdk.workspace import Workspace

    if folder:
        return Environment.load_from_directory(folder)
    return Environment.get(Workspace.over(engine), name, version)


def _arguments(deprecated: dict[str, Any]) -> dict[str, Any]:
    """As `InferenceConfig` takes them: it knows one Python, and a registry as an object."""
    from mlmagic.sdk.environment_sections import ContainerRegistry

    arguments = dict(deprecated)
    if arguments.get("runtime") in _PYTHONS:
        arguments["runtime"] = _PYTHONS[0]
    if (address := arguments.get("base_image_registry")) is not None:
        registry = ContainerRegistry()
        registry.address = address
        arguments["base_image_registry"] = registry
    return arguments


def _read_model_ids(file: str) -> list[str]:
    """The ids in a file of ``register -t``: one modelId, or a list of them. Raises `InvalidConfig`."""
    from mlmagic.sdk.configuration_files import read_object

    values = read_object(file)
    records = values if isinstance(values, list) else [values]
    ids = [str(record["modelId"]) for record in records if isinstance(record, dict) and "modelId" in record]
    if len(ids) != len(records):
        raise InvalidConfig(file, values, 'must hold {"modelId": "NAME:VERSION"}')
    return ids
