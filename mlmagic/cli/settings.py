"""The settings of a service as options, and the files that say the same: ``--ic``, ``--dc``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import pairs
from mlmagic.core.settings import FLAGS, LABELS, NUMBERS, TEXTS
from mlmagic.errors import UsageError

if TYPE_CHECKING:
    from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
    from mlmagic.engine.engine import Engine
    from mlmagic.sdk.inference import InferenceConfig as InferenceHandle


def settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``command`` the settings of a service; read them with `given`."""
    options = [
        click.option(each.option, *each.aliases, each.field, type=each.convert, help=each.help)
        for each in NUMBERS
    ]
    options += [
        click.option(f"{each.option}/{each.opposite}", each.field, default=None, help=each.help)
        for each in FLAGS
    ]
    options += [click.option(each.option, each.field, metavar=each.metavar, help=each.help) for each in TEXTS]
    options += [
        click.option(each.option, each.field, multiple=True, metavar="KEY=VALUE", help=each.help)
        for each in LABELS
    ]
    return _all(options, command)


def script(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give ``command`` the options that name an entry script; read them with `inference`."""
    return _all(
        [
            click.option(
                "--ic", "--inference-config-file", "ic", metavar="FILE", help="inferenceconfig.json, or YAML."
            ),
            click.option("--entry-script", "--es", "entry_script", help="A script file."),
            click.option("--source-directory", "--sd", "source_directory", metavar="DIR"),
            click.option(
                "-e",
                "--environment-name",
                "environment_name",
                metavar="NAME",
                help="A registered environment.",
            ),
            click.option("--ev", "--environment-version", "environment_version", metavar="VERSION"),
        ],
        command,
    )


def given(options: dict[str, Any]) -> dict[str, Any]:
    """What the line sets, by the names of `DeploymentConfig`."""
    found = {each.field: options[each.field] for each in (*NUMBERS, *FLAGS, *TEXTS)}
    for label in LABELS:
        words = options[label.field]
        found[label.field] = pairs(label.option, words) if words else None
    return {field: value for field, value in found.items() if value is not None}


def inference(engine: Engine, options: dict[str, Any]) -> InferenceHandle | None:
    """The script that a line names, taken out of ``options``; None if it names none."""
    names = ("ic", "entry_script", "source_directory", "environment_name", "environment_version")
    ic, entry_script, folder, name, version = (options.pop(each) for each in names)
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
    if ic:
        return read_inference(ic, workspace, environment)
    return InferenceConfig(entry_script, source_directory=folder, environment=environment)


def deployed(
    handle: InferenceHandle | None, config: DeploymentConfig
) -> tuple[InferenceConfig | None, DeploymentConfig]:
    """Both as the engine takes them."""
    return (None, config) if handle is None else handle.for_engine(config)


def deployment(dc: str | None, target: str | None, settings_given: dict[str, Any]) -> DeploymentConfig:
    """The configuration of the file, if there is one, with what the line sets besides."""
    from mlmagic.core.configuration import DEFAULT_TARGET, DeploymentConfig

    if dc is None:
        return DeploymentConfig(target or DEFAULT_TARGET, **settings_given)
    from mlmagic.sdk.configuration_files import read_deployment

    config = read_deployment(dc).to_core()
    return replace(config, **{**settings_given, **({"target": target} if target else {})})


def _all(options: Sequence[Callable[..., Any]], command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command
