"""``mlmagic model deploy --file``: a managed online deployment of Azure ML v2, served here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.cli.deployment_options import deployment_on
from mlmagic.cli.deployment_progress import run_and_follow
from mlmagic.cli.output import say
from mlmagic.cli.script_options import for_engine
from mlmagic.core.arguments import ARGUMENTS, ComputeType, arguments_of

if TYPE_CHECKING:
    from mlmagic.core.webservice import Webservice
    from mlmagic.engine.engine import Engine


def deploy_online(
    engine: Engine,
    file: str,
    name: str | None,
    target: str | None,
    given: Mapping[str, Any],
    overwrite: bool,
    no_wait: bool,
) -> None:
    """Deploy what ``file`` says; ``given`` are arguments of the command line, which come first."""
    from mlmagic.core.model import ModelDescription
    from mlmagic.sdk.online_deployment import read_online_deployment
    from mlmagic.sdk.workspace import Workspace

    read = read_online_deployment(file, Workspace.over(engine))
    for note in read.notes:
        say(note)
    known = arguments_of(ComputeType.of_target(target or "local"))
    wanted = {key: value for key, value in {**read.given, **given}.items() if key in known}
    for key in read.given.keys() - wanted.keys():
        say(f"{ARGUMENTS[key].name} has no effect on {target or 'local'}.")
    inference, config = for_engine(read.inference, deployment_on(engine, None, target, wanted))
    service = name or read.service
    options: dict[str, Any] = {"overwrite": overwrite, "notify": say, "nearest": True}

    def deploy() -> Webservice:
        if isinstance(read.model, Path):
            details = ModelDescription(read.model_name)
            found, model = engine.services.deploy_object(
                service, read.model, details, inference, config, **options
            )
            say(f"registered {model.id}")
            return found
        models = [read.model] if read.model else []
        return engine.services.deploy(service, models, inference, config, **options)

    run_and_follow(engine, deploy, wait=not no_wait)
