"""``mlmagic model deploy``: models and a script as a live web service."""

from __future__ import annotations

from typing import Any

import click

from mlmagic.cli.base import Command, engine, option
from mlmagic.cli.completion import complete_targets
from mlmagic.cli.deployment_options import (
    deploy_config_file,
    deployment_on,
    deployment_options,
    given_arguments,
    no_wait,
    size_of_profile,
)
from mlmagic.cli.deployment_progress import run_and_follow
from mlmagic.cli.online_deployment import deploy_online
from mlmagic.cli.output import say
from mlmagic.cli.script_options import for_engine, inference, model_ids, models, script
from mlmagic.core.arguments import Group
from mlmagic.errors import UsageError


@click.command("deploy", cls=Command)
@option("-n", "--name", help="The service. Default: the endpoint of --file.", group=Group.MODELS)
@models
@script
@option(
    "--file",
    "v2_file",
    metavar="FILE",
    help="An online deployment of Azure ML v2 (YAML), with its model, script and environment.",
    group=Group.MODELS,
)
@option(
    *("--ct", "--compute-target", "target"),
    metavar="TARGET",
    shell_complete=complete_targets,
    help="The compute target, or the name of an attached cluster. Default: local, or the file's.",
    group=Group.RESOURCES,
)
@option(
    *("--cp", "--compute-type", "compute_type"),
    metavar="TYPE",
    help="local, aci or aks, as a file of --dc has it.",
    group=Group.RESOURCES,
)
@deploy_config_file
@option(
    *("--pi", "--profile-input", "profile_input"),
    metavar="FILE",
    help="CPU and memory as a profile recommends them: the file of model profile -t.",
    group=Group.RESOURCES,
)
@deployment_options
@option("--vn", "--version-name", "version_name", metavar="VERSION", hidden=True)
@option("--tp", "--traffic-percentile", "traffic_percentile", type=float, metavar="PERCENT", hidden=True)
@option("--overwrite", is_flag=True, help="Replace the service of that name.", group=Group.RUN)
@no_wait
@option("-v", "verbose", is_flag=True, help="Print the service's log too.", group=Group.RUN)
def deploy_model(
    name: str | None,
    v2_file: str | None,
    dc: str | None,
    target: str | None,
    compute_type: str | None,
    profile_input: str | None,
    version_name: str | None,
    traffic_percentile: float | None,
    overwrite: bool,
    no_wait: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Deploy an entry script with its models, or models without a script, as a live web service.
    Prints the scoring URI once the service is healthy.

    \b
    Examples:
      mlmagic model deploy -n diabetes-svc -m diabetes:1
      mlmagic model deploy -n churn-svc -m churn --entry-script score.py --ct docker --auth
      mlmagic model deploy --file deployment.yml
    """
    from mlmagic.sdk.model_deployment import deploy_record

    wanted = model_ids(options)
    size = size_of_profile(profile_input) if profile_input else {}
    if v2_file is not None:
        if wanted or dc or options["ic"] or options["entry_script"]:
            raise UsageError("--file names model, script and settings already", hint="Leave out the others.")
        with engine() as opened:
            deploy_online(opened, v2_file, name, target, given_arguments(options), overwrite, no_wait)
        return
    if name is None:
        context = click.get_current_context()
        missing = next(each for each in context.command.params if each.name == "name")
        raise click.MissingParameter(ctx=context, param=missing)
    with engine() as opened:
        of_endpoint = {"version_name": version_name, "traffic_percentile": traffic_percentile}
        given = {**size, **given_arguments(options)}
        given |= {key: value for key, value in of_endpoint.items() if value is not None}
        handle = inference(opened, options)
        script_config, config = for_engine(handle, deployment_on(opened, dc, target, given, compute_type))
        run_and_follow(
            opened,
            lambda: deploy_record(
                opened, name, wanted, script_config, config, overwrite=overwrite, notify=say
            ),
            wait=not no_wait,
            log=verbose,
        )
