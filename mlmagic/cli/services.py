"""``mlmagic service``: live services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Commands, complete_models, complete_services, engine, output, say, show
from mlmagic.cli.following import follow
from mlmagic.cli.models import read_model_ids
from mlmagic.cli.settings import deployment, given, inference, script, settings
from mlmagic.errors import InvalidConfig

if TYPE_CHECKING:
    from mlmagic.core.webservice import Webservice

_name = click.option("-n", "--name", required=True, shell_complete=complete_services)


@click.group(cls=Commands)
def service() -> None:
    """Live services."""


@service.command("list")
@click.option("--compute-type", help="Only Local, ACI or AKS.")
@click.option("--model-name")
@click.option("--model-id", shell_complete=complete_models)
@click.option("--tag", "tags", multiple=True, metavar="KEY[=VALUE]")
@click.option("--property", "properties", multiple=True, metavar="KEY[=VALUE]")
@output("table")
def list_services(
    compute_type: str | None,
    model_name: str | None,
    model_id: str | None,
    tags: Sequence[str],
    properties: Sequence[str],
    form: str,
) -> None:
    """List services."""
    from mlmagic.sdk.webservice import Webservice as Handle
    from mlmagic.sdk.workspace import Workspace
    from mlmagic.widgets.cards import services_listing

    with engine() as opened:
        workspace = Workspace.over(opened)
        handles = Handle.list(
            workspace,
            compute_type,
            model_name=model_name,
            model_id=model_id,
            tags=[each.split("=", 1) if "=" in each else each for each in tags],
            properties=[each.split("=", 1) if "=" in each else each for each in properties],
        )
        found = [handle.record for handle in handles]
        if form == "table":
            click.echo(repr(services_listing(found, lambda record: Handle.of(workspace, record))))
            return
    show([service_record(one) for one in found], form)


@service.command("show")
@_name
@output()
def show_service(name: str, form: str) -> None:
    """Show one service."""
    with engine() as opened:
        show(service_record(opened.services.get(name)), form)


@service.command("run")
@_name
@click.option("-d", "--input-data", "data", required=True, help="The request body, or @FILE.")
def run_service(name: str, data: str) -> None:
    """Score: send a request body, print the answer as JSON."""
    body: str | bytes = data
    if data.startswith("@"):
        path = Path(data[1:])
        if not path.is_file():
            raise InvalidConfig("--input-data", data, "names a file that is not there")
        body = path.read_bytes()
    with engine() as opened:
        show(opened.requests.score(name, body))


@service.command("logs")
@_name
@click.option("-l", "--num-lines", "lines", type=click.IntRange(1), default=5000, show_default=True)
@click.option("-f", "--follow", "following", is_flag=True)
@click.option("--events", "events", is_flag=True, help="What happened to it, instead of what it wrote.")
def service_logs(name: str, lines: int, following: bool, events: bool) -> None:
    """Print what a service wrote."""
    from mlmagic.widgets.cards import event_line

    with engine() as opened:
        if events:
            opened.services.get(name)
            for event in opened.events.newest(lines, name):
                click.echo(event_line(event))
            return
        for line in opened.services.logs(name, tail=lines, follow=following):
            click.echo(line)


service.add_command(service_logs, "get-logs")  # as az ml calls it


@service.command("update")
@_name
@click.option(
    "-m", "--model", "models", multiple=True, metavar="NAME[:VERSION]", shell_complete=complete_models
)
@click.option("-f", "--model-metadata-file", "metadata", metavar="FILE", help="JSON with the modelId.")
@script
@click.option("--dc", "--deploy-config-file", "dc", metavar="FILE", help="deploymentconfig.json, or YAML.")
@settings
@click.option("--no-wait", is_flag=True)
def update_service(
    name: str, models: Sequence[str], metadata: str | None, dc: str | None, no_wait: bool, **options: Any
) -> None:
    """Change a service's models, script or settings; it answers all the while."""
    wanted = [*models, *(read_model_ids(metadata) if metadata else [])]
    with engine() as opened:
        handle = inference(opened, options)
        changes = given(options)
        if dc is not None:
            changes = {**_all_settings(dc), **changes}
        if handle is not None and handle.environment_variables:
            changes.setdefault("environment_variables", handle.environment_variables)
        follow(
            opened,
            lambda: opened.services.update(
                name,
                model_names=wanted or None,
                inference=None if handle is None else handle.to_core(),
                config_changes=changes,
                notify=say,
                nearest_python=True,
            ),
            wait=not no_wait,
        )


@service.command("parity")
@_name
@click.option("--with", "target", required=True, metavar="TARGET", help="Where its twin runs.")
@click.option("-d", "--input-data", "file", metavar="FILE", help="CSV, JSON list, or lines.")
@click.option("--traffic", is_flag=True, help="In place of -d: what the service was asked (--record).")
@click.option("--tolerance", type=float, default=1e-6, show_default=True, help="Of numbers, as a share.")
@output("table")
def compare_service(
    name: str, target: str, file: str | None, traffic: bool, tolerance: float, form: str
) -> None:
    """Ask a service and its twin on another target the same; exit code 1 where they differ."""
    from mlmagic.sdk.request_bodies import bodies
    from mlmagic.widgets.parities import parity_card

    if (file is None) != traffic:
        raise click.UsageError("name either -d FILE or --traffic")
    with engine() as opened:
        given = bodies(opened.requests.to_replay(name) if traffic else file)
        found = opened.parity.check(name, target, given, tolerance=tolerance, notify=say)
    if form == "table":
        click.echo(parity_card(found).text)
    else:
        show(asdict(found), form)
    if not found.same:
        click.get_current_context().exit(1)


@service.command("traffic")
@_name
@click.option("-n", "--last", type=click.IntRange(min=1), help="How many (default: all that are kept).")
@output("table")
def show_traffic(name: str, last: int | None, form: str) -> None:
    """What a service was asked since its last update, where it keeps that (--record)."""
    from mlmagic.widgets.traffic import traffic_listing

    with engine() as opened:
        asked = opened.requests.recorded(name, last=last)
    if form == "table":
        click.echo(repr(traffic_listing(asked)))
    else:
        show([asdict(request) for request in asked], form)


@service.command("stop")
@_name
def stop_service(name: str) -> None:
    """End a service's process and keep its record."""
    with engine() as opened:
        opened.services.stop(name)
    say(f"stopped {name}")


@service.command("start")
@_name
@click.option("--no-wait", is_flag=True)
def start_service(name: str, no_wait: bool) -> None:
    """Bring a stopped or failed service up again."""
    with engine() as opened:
        follow(opened, lambda: opened.services.start(name), wait=not no_wait)


@service.command("restart")
@_name
@click.option("--no-wait", is_flag=True)
def restart_service(name: str, no_wait: bool) -> None:
    """Bring a service up anew as it is; it answers all the while."""
    with engine() as opened:
        follow(opened, lambda: opened.services.restart(name), wait=not no_wait)


@service.command("get-keys")
@_name
@output()
def service_keys(name: str, form: str) -> None:
    """Print the two keys of a service."""
    with engine() as opened:
        _show_keys(opened.keys.get(name), form)


@service.command("regen-key")
@_name
@click.option("-k", "--key", "which", required=True, metavar="Primary|Secondary")
@click.option("-s", "--set-key", help="The new key (default: made anew).")
@output()
def regenerate_key(name: str, which: str, set_key: str | None, form: str) -> None:
    """Make one of the two keys anew; callers that use the other notice nothing."""
    with engine() as opened:
        _show_keys(opened.keys.regenerate(name, which, set_key), form)


@service.command("get-access-token")
@_name
@output()
def service_access_token(name: str, form: str) -> None:
    """Print a token for a service, with the time to ask for the next."""
    with engine() as opened:
        token = opened.keys.access_token(name)
    record = {
        "accessToken": token.access_token,
        "tokenType": token.token_type,
        "refreshAfter": token.refresh_after.isoformat(),
        "expiryOn": token.expiry_on.isoformat(),
    }
    show(record, form)


@service.command("delete")
@_name
def delete_service(name: str) -> None:
    """End a service and forget it."""
    with engine() as opened:
        opened.services.delete(name)
    say(f"deleted {name}")


def service_record(record: Webservice) -> dict[str, Any]:
    """A service as data."""
    hidden = ("handle", "candidate_handle", "retiring")
    values = {key: value for key, value in asdict(record).items() if key not in hidden}
    return {**values, "scoring_uri": record.scoring_uri, "swagger_uri": record.swagger_uri}


def _all_settings(dc: str) -> dict[str, Any]:
    """What a file says of a service, but for the place: that it cannot change."""
    config = asdict(deployment(dc, None, {}))
    kept = ("target", "live", "environment_variables")
    return {name: value for name, value in config.items() if name not in kept}


def _show_keys(keys: tuple[str, str], form: str) -> None:
    show({"primaryKey": keys[0], "secondaryKey": keys[1]}, form)
