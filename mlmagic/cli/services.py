"""``mlmagic service``: the services of the workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Commands, engine, labels, option, service_name
from mlmagic.cli.completion import complete_models, complete_services, complete_targets
from mlmagic.cli.deployment_options import (
    changed_labels,
    deploy_config_file,
    deployment,
    deployment_options,
    given_arguments,
    label_options,
    no_wait,
)
from mlmagic.cli.deployment_progress import run_and_follow
from mlmagic.cli.output import done, echo, end_with, output, result, say, show, show_listing
from mlmagic.cli.records import deleted, service_record
from mlmagic.cli.script_options import all_of, inference, model_ids, models, of_rows, script
from mlmagic.core.log_arguments import GROUP, ROWS
from mlmagic.errors import InvalidConfig

if TYPE_CHECKING:
    from mlmagic.core.configuration import DeploymentConfig
    from mlmagic.core.parity import Parity
    from mlmagic.engine.engine import Engine
    from mlmagic.sdk.webservice import Webservice as Handle

Command = Callable[..., Any]


_LAZY = {
    "data": "collected_data:collected_data",
    "follow": "events:follow",
    "get-access-token": "keys:service_access_token",
    "get-keys": "keys:service_keys",
    "labels": "collected_data:add_labels",
    "metrics": "service_metrics:service_metrics",
    "pause-update": "revisions:pause_update",
    "regen-key": "keys:regenerate_key",
    "resume-update": "revisions:resume_update",
    "revisions": "revisions:list_revisions",
    "rollback": "revisions:rollback_service",
    "scale": "revisions:scale_service",
    "unfollow": "events:unfollow",
}


@click.group(cls=Commands, lazy_subcommands=_LAZY)
def service() -> None:
    """Live web services."""


_FILTERS = (
    option("-c", "--compute-type", metavar="TYPE", help="Only services on Local, ACI or AKS."),
    option("--image-digest", hidden=True),  # no service has one
    option("--model-name", metavar="NAME", help="Only services of a model of this name."),
    option(
        "--model-id",
        metavar="NAME:VERSION",
        shell_complete=complete_models,
        help="Only services of this model.",
    ),
    option("--tag", "tags", multiple=True, metavar="KEY[=VALUE]", help="Only services with this tag."),
    option(
        "--property",
        "properties",
        multiple=True,
        metavar="KEY[=VALUE]",
        help="Only services with this property.",
    ),
)


def filters(command: Command) -> Command:
    """Give ``command`` the options that select services; read them with `selected`."""
    return all_of(_FILTERS, command)


def selected(opened: Engine, options: dict[str, Any]) -> list[Handle]:
    """The services and endpoints that a command line selects."""
    from mlmagic.sdk.webservice import Webservice
    from mlmagic.sdk.workspace import Workspace

    for name in ("tags", "properties"):
        options[name] = labels(options[name])
    has_digest = options.pop("image_digest") is not None
    return [] if has_digest else list(Webservice.list(Workspace.over(opened), **options))


@service.command("list")
@filters
@output("table")
def list_services(form: str, **options: Any) -> None:
    """List the services of the workspace.

    \b
    Examples:
      mlmagic service list
      mlmagic service list --tag stage=prod
      mlmagic service list -o json
    """
    from mlmagic.sdk.webservice import Webservice
    from mlmagic.sdk.workspace import Workspace
    from mlmagic.widgets.cards import services_listing
    from mlmagic.workspace.identity import machine

    with engine() as opened:
        workspace = Workspace.over(opened)
        found = [each.record for each in selected(opened, options)]
        listing = services_listing(found, lambda record: Webservice.of(workspace, record), machine())
        show_listing(listing, lambda: [service_record(opened, one) for one in found], form)


@service.command("show")
@service_name
@output()
def show_service(name: str, form: str) -> None:
    """Show a service as JSON.

    \b
    Example:
      mlmagic service show -n diabetes-svc
    """
    with engine() as opened:
        show(service_record(opened, opened.services.get(name)), form)


@service.command("run")
@service_name
@option("-d", "--input-data", "data", metavar="DATA", help="The request body, or @FILE. Default: none.")
def run_service(name: str, data: str | None) -> None:
    """Send a request body to a service and print the answer as JSON.

    \b
    Examples:
      mlmagic service run -n diabetes-svc -d '{"data": [[1, 2, 3]]}'
      mlmagic service run -n diabetes-svc -d @sample.json
    """
    body: str | bytes = data or ""
    if data is not None and data.startswith("@"):
        path = Path(data[1:])
        if not path.is_file():
            raise InvalidConfig("--input-data", data, "names a file that does not exist")
        body = path.read_bytes()
    with engine() as opened:
        show(opened.requests.score(name, body))


def _log_filters(command: Command) -> Command:
    return all_of(of_rows(ROWS, GROUP), command)


@service.command("logs")
@option(
    *("-n", "--name", "names"),
    multiple=True,
    shell_complete=complete_services,
    help="Its name; may repeat.",
    group="Service",
)
@option("--all", "of_all", is_flag=True, help="The logs of all services.", group="Service")
@_log_filters
@option(
    *("-l", "--num-lines", "lines"),
    also=("--num_lines",),
    type=click.IntRange(1),
    default=5000,
    show_default=True,
    help="Number of the last lines to print.",
)
@option("-f", "--follow", "following", is_flag=True, help="Print new lines too, until it is interrupted.")
@option("--events", "events", is_flag=True, help="Print the service's events instead of its log.")
@option("-i", "--init", "init", is_flag=True, hidden=True)  # the log of init() is in the same log
def service_logs(
    names: Sequence[str],
    of_all: bool,
    lines: int,
    following: bool,
    events: bool,
    init: bool,
    **filters: str | None,
) -> None:
    """Print the log of a service, or its events; of several services, the merged log.

    \b
    Examples:
      mlmagic service logs -n diabetes-svc -l 200 --follow
      mlmagic service logs -n diabetes-svc --events
      mlmagic service logs --all --level error --since 1h
    """
    from mlmagic.widgets.log_lines import log_lines

    with engine() as opened:
        found = log_lines(opened, names, lines, filters, of_all=of_all, follow=following, events=events)
        if following:
            for line in found:
                echo(line)
            return
        kept = list(found)
    result("\n".join(kept) if kept else None, kept)


service.add_command(service_logs, "get-logs")  # as az ml calls it


@service.command("update")
@service_name
@models
@script
@deploy_config_file
@deployment_options
@label_options
@no_wait
def update_service(name: str, dc: str | None, no_wait: bool, **options: Any) -> None:
    """Change a service's models, script or settings. What is not named stays.
    The old revision answers until the new one is healthy.

    \b
    Examples:
      mlmagic service update -n diabetes-svc -m diabetes:2
      mlmagic service update -n diabetes-svc --entry-script score.py --cpu 0.5
      mlmagic service update -n diabetes-svc --auth --tag stage=prod
    """
    from mlmagic.core.deployments import changed_fields

    wanted = model_ids(options)
    with engine() as opened:
        handle = inference(opened, options)
        given = given_arguments(options)
        current = opened.services.revision(opened.services.get(name)).config
        if dc is None:
            changes = changed_fields(current, given)
        else:
            changes = _all_fields(deployment(dc, given)) | changed_fields(deployment(dc, {}), given)
        changes |= changed_labels(current, options)
        if handle is not None and handle.environment_variables:
            changes.setdefault("environment_variables", handle.environment_variables)
        run_and_follow(
            opened,
            lambda: opened.services.update(
                name,
                model_names=wanted or None,
                inference=None if handle is None else handle.to_core(),
                config_changes=changes,
                notify=say,
                nearest=True,
            ),
            wait=not no_wait,
        )


@service.command("parity")
@service_name
@option(
    "--with",
    "target",
    required=True,
    metavar="TARGET",
    shell_complete=complete_targets,
    help="The compute target of the comparison deployment.",
)
@option("-d", "--input-data", "file", metavar="FILE", help="Request bodies: CSV, a JSON list, or lines.")
@option("--traffic", is_flag=True, help="The requests that the service recorded, instead of -d.")
@option("--tolerance", type=float, default=1e-6, show_default=True, help="Relative tolerance of numbers.")
@output("table")
def compare_service(
    name: str, target: str, file: str | None, traffic: bool, tolerance: float, form: str
) -> None:
    """Deploy a service on another target too, send both the same requests, and compare the answers.
    The comparison deployment is deleted at the end. Exit code 1: the answers differ.

    \b
    Examples:
      mlmagic service parity -n diabetes-svc --with docker -d samples.csv
      mlmagic service parity -n diabetes-svc --with docker --traffic
    """
    from mlmagic.sdk.request_bodies import bodies

    if (file is None) != traffic:
        raise click.UsageError("name either -d FILE or --traffic", click.get_current_context())
    with engine() as opened:
        given = bodies(opened.requests.to_replay(name) if traffic else file)
        found = opened.parity.check(name, target, given, tolerance=tolerance, notify=say)
    _show_comparison(found, form)


def _show_comparison(found: Parity, form: str) -> None:
    """Show it; ends with exit code 1 if the answers differ."""
    from mlmagic.widgets.parities import parity_card

    if form == "table":
        echo(parity_card(found).text)
    else:
        show(found, form)
    if not found.same:
        end_with(1)


@service.command("replay")
@service_name
@option(
    "--with",
    "new",
    required=True,
    metavar="SERVICE",
    shell_complete=complete_services,
    help="The service to compare with it.",
)
@option(
    *("-d", "--input-data", "file"),
    metavar="FILE",
    help="Request bodies: CSV, a JSON list, or lines. Default: those that the service recorded or collected.",
)
@option("--since", metavar="TIME", help="Collected requests from this time on, or of this age: 24h.")
@option("--tolerance", type=float, default=1e-6, show_default=True, help="Relative tolerance of numbers.")
@output("table")
def replay_service(
    name: str, new: str, file: str | None, since: str | None, tolerance: float, form: str
) -> None:
    """Send the requests of a service to it and to another one, and compare the answers.
    Exit code 1: the answers differ.

    \b
    Examples:
      mlmagic service replay -n diabetes-svc --with diabetes-new
      mlmagic service replay -n diabetes-svc --with diabetes-new -d samples.csv
    """
    from datetime import UTC, datetime

    from mlmagic.core.moments import moment
    from mlmagic.sdk.request_bodies import bodies

    if file is not None and since is not None:
        raise click.UsageError("-d and --since exclude each other", click.get_current_context())
    with engine() as opened:
        start = moment("--since", since, datetime.now(UTC)) if since else None
        given = bodies(opened.replays.requests_of(name, start) if file is None else file)
        found = opened.replays.run(name, new, given, tolerance=tolerance)
    _show_comparison(found, form)


@service.command("traffic")
@service_name
@option(
    *("-l", "--last"),
    type=click.IntRange(min=1),
    help="Number of the last requests. Default: all recorded requests.",
)
@output("table")
def show_traffic(name: str, last: int | None, form: str) -> None:
    """List the requests that a service has recorded since its last update.
    Turn recording on with: mlmagic service update -n NAME --record COUNT

    \b
    Examples:
      mlmagic service traffic -n diabetes-svc
      mlmagic service traffic -n diabetes-svc --last 10 -o json
    """
    from mlmagic.widgets.traffic import traffic_listing

    with engine() as opened:
        requests = opened.requests.recorded(name, last=last)
    show_listing(traffic_listing(requests), lambda: requests, form)


@service.command("stop")
@service_name
def stop_service(name: str) -> None:
    """Stop a service without deleting it.

    \b
    Example:
      mlmagic service stop -n diabetes-svc
    """
    with engine() as opened:
        opened.services.stop(name)
        done(f"stopped {name}", service_record(opened, opened.services.get(name)))


@service.command("start")
@service_name
@no_wait
def start_service(name: str, no_wait: bool) -> None:
    """Start a stopped or failed service.

    \b
    Example:
      mlmagic service start -n diabetes-svc
    """
    with engine() as opened:
        run_and_follow(opened, lambda: opened.services.start(name), wait=not no_wait)


@service.command("restart")
@service_name
@no_wait
def restart_service(name: str, no_wait: bool) -> None:
    """Restart a service without downtime.

    \b
    Example:
      mlmagic service restart -n diabetes-svc
    """
    with engine() as opened:
        run_and_follow(opened, lambda: opened.services.restart(name), wait=not no_wait)


@service.command("delete")
@service_name
def delete_service(name: str) -> None:
    """Delete a service.

    \b
    Example:
      mlmagic service delete -n diabetes-svc
    """
    with engine() as opened:
        opened.services.delete(name)
    done(f"deleted {name}", deleted("name", name))


def _all_fields(config: DeploymentConfig) -> dict[str, Any]:
    """The fields of a file's configuration that an update can change, which the target is not."""
    kept = ("target", "live", "environment_variables")
    return {name: value for name, value in asdict(config).items() if name not in kept}
