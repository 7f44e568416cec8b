"""``mlmagic endpoint realtime``: endpoints and their versions, under the names of ``az ml`` v1.

An endpoint has the commands of a service, and those of its versions and their traffic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Commands, Quantity, engine, option, pairs, service_name
from mlmagic.cli.deployment_options import (
    changed_labels,
    deploy_config_file,
    deployment,
    deployment_on,
    deployment_options,
    given_arguments,
    label_options,
    no_wait,
)
from mlmagic.cli.deployment_progress import run_and_follow
from mlmagic.cli.keys import regenerate_key, service_access_token, service_keys
from mlmagic.cli.output import camel, done, output, plain, say, show_listing
from mlmagic.cli.records import deleted, service_record
from mlmagic.cli.script_options import inference, model_ids, models, script
from mlmagic.cli.services import filters, selected, service
from mlmagic.core.arguments import SECONDS, Group, read_quantity
from mlmagic.core.rollout import DEFAULT_EVERY_SECONDS, DEFAULT_GUARD, DEFAULT_STEP
from mlmagic.errors import UsageError

if TYPE_CHECKING:
    from mlmagic.engine.endpoints.version_request import Marks, VersionRequest
    from mlmagic.engine.engine import Engine

_AS_SERVICES = ("run", "logs", "get-logs", "delete", "update")
Command = Any


@click.group(cls=Commands)
def endpoint() -> None:
    """Endpoints: several versions of a service behind one URL."""


@endpoint.group(cls=Commands)
def realtime() -> None:
    """Endpoints for real-time scoring."""


for _name in _AS_SERVICES:
    realtime.add_command(service.commands[_name], _name)
for _command in (service_keys, regenerate_key, service_access_token):
    realtime.add_command(_command)

_version = option("--vn", "--version-name", "version", required=True, metavar="VERSION", help="The version.")


def _marks(command: Command) -> Command:
    """The options of a version's share and marks; read them with `_traffic`."""
    for each in reversed(
        (
            option(
                *("--tp", "--traffic-percentile", "traffic_percentile"),
                type=float,
                metavar="PERCENT",
                help="Percent of the requests that it gets.",
                group=Group.REPLICAS,
            ),
            option(
                "--shadow",
                "shadow_percentile",
                type=float,
                metavar="PERCENT",
                help="Percent of the other versions' requests of which it gets copies. Answers are compared.",
                group=Group.REPLICAS,
            ),
            option(
                "--is-default/--no-default",
                "is_default",
                default=None,
                help="It gets what no version is given.",
                group=Group.REPLICAS,
            ),
            option(
                *("--cvt/--no-cvt", "--control-version-type/--no-control-version-type", "is_control"),
                also=("--is-control-version-type",),
                default=None,
                help="It is the control, which the others are compared with.",
                group=Group.REPLICAS,
            ),
        )
    ):
        command = each(command)
    return command


def _traffic(options: dict[str, Any]) -> Marks:
    from mlmagic.engine.endpoints.version_request import Marks

    names = ("traffic_percentile", "is_default", "is_control", "shadow_percentile")
    return Marks(*(options.pop(name) for name in names))


@realtime.command("list")
@filters
@output("table")
def list_endpoints(form: str, **options: Any) -> None:
    """List the endpoints of the workspace.

    \b
    Examples:
      mlmagic endpoint realtime list
      mlmagic endpoint realtime list --tag stage=prod -o json
    """
    from mlmagic.sdk.webservice import Webservice
    from mlmagic.sdk.workspace import Workspace
    from mlmagic.widgets.versions import endpoints_listing

    with engine() as opened:
        workspace = Workspace.over(opened)
        found = [each.record for each in selected(opened, options) if each.record.endpoint is not None]
        listing = endpoints_listing(found, lambda record: Webservice.of(workspace, record))
        show_listing(listing, lambda: [_record(opened, each.name) for each in found], form)


@realtime.command("create")
@service_name
@option("--vn", "--version-name", "version", metavar="VERSION", help="The first version. Default: NAME.")
@option(
    "--service",
    "services",
    multiple=True,
    metavar="VERSION=SERVICE",
    help="A service that exists, as a version; may repeat. The first is the default one.",
    group=Group.MODELS,
)
@models
@script
@option(
    *("--ct", "--compute-target", "target"),
    metavar="TARGET",
    help="The compute target of the version. Default: local, or the file's.",
    group=Group.RESOURCES,
)
@deploy_config_file
@deployment_options
@option("--overwrite", is_flag=True, help="Replace the endpoint of that name.", group=Group.RUN)
@no_wait
def create_endpoint(
    name: str,
    version: str | None,
    services: Sequence[str],
    target: str | None,
    dc: str | None,
    overwrite: bool,
    no_wait: bool,
    **options: Any,
) -> None:
    """Create an endpoint with its first version, or over services that exist.

    \b
    Examples:
      mlmagic endpoint realtime create -n shop --vn blue -m shop:1
      mlmagic endpoint realtime create -n shop --service blue=shop-one --service green=shop-two
    """
    wanted = model_ids(options)
    with engine() as opened:
        given = given_arguments(options)
        handle = inference(opened, options)
        if services:
            if wanted or handle or version:
                raise UsageError("--service names versions already", hint="Leave out models and script.")
            config = deployment_on(opened, dc, target, given)
            over = pairs("--service", services)
            run_and_follow(
                opened,
                lambda: opened.endpoints.create_over(name, over, config, notify=say),
                wait=not no_wait,
            )
            return
        config = deployment_on(opened, dc, target, given)
        script_config = None
        if handle is not None:
            script_config, config = handle.for_engine(config)
        from mlmagic.engine.endpoints.version_request import VersionRequest

        request = VersionRequest(wanted, script_config, config, nearest=True)
        percent = config.compute_settings.get("traffic_percentile")
        run_and_follow(
            opened,
            lambda: opened.endpoints.create(
                name, version, request, traffic_percentile=percent, overwrite=overwrite, notify=say
            ),
            wait=not no_wait,
        )


@realtime.command("create-version")
@service_name
@_version
@option("--service", metavar="SERVICE", help="A service that exists.", group=Group.MODELS)
@models
@script
@_marks
@deploy_config_file
@deployment_options
@label_options
@no_wait
def create_version(
    name: str, version: str, service: str | None, dc: str | None, no_wait: bool, **options: Any
) -> None:
    """Add a version to an endpoint. What is not named is as in the default version.

    \b
    Examples:
      mlmagic endpoint realtime create-version -n shop --vn green -m shop:2 --tp 10
      mlmagic endpoint realtime create-version -n shop --vn green --service shop-two
    """
    marks = _traffic(options)
    with engine() as opened:
        request = _request(opened, opened.endpoints.endpoint(name).default.service, dc, options)
        if service is not None:
            opened.endpoints.attach(name, version, service, marks)
            _say_shares(opened, name)
            return
        run_and_follow(
            opened,
            lambda: opened.endpoints.create_version(name, version, request, marks, notify=say),
            wait=not no_wait,
        )


@realtime.command("update-version")
@service_name
@_version
@models
@script
@_marks
@deploy_config_file
@deployment_options
@label_options
@no_wait
def update_version(name: str, version: str, dc: str | None, no_wait: bool, **options: Any) -> None:
    """Change what a version serves, its settings, or its share of the requests.

    \b
    Examples:
      mlmagic endpoint realtime update-version -n shop --vn green --tp 40
      mlmagic endpoint realtime update-version -n shop --vn green -m shop:3
      mlmagic endpoint realtime update-version -n shop --vn green --is-default
    """
    marks = _traffic(options)
    with engine() as opened:
        service = opened.endpoints.endpoint(name).version(version).service
        request = _request(opened, service, dc, options)
        run_and_follow(
            opened,
            lambda: opened.endpoints.update_version(name, version, request, marks, notify=say),
            wait=not no_wait,
        )


@realtime.command("delete-version")
@service_name
@_version
@option("--no-wait", is_flag=True, hidden=True)  # it is deleted at once
def delete_version(name: str, version: str, no_wait: bool) -> None:
    """Delete a version. Its share of the requests goes to the default version.

    \b
    Example:
      mlmagic endpoint realtime delete-version -n shop --vn blue
    """
    with engine() as opened:
        opened.endpoints.delete_version(name, version)
        done(f"deleted version {version} of {name}", {"name": name, **deleted("versionName", version)})


@realtime.command("show")
@service_name
@output()
def show_endpoint(name: str, form: str) -> None:
    """Show an endpoint with its versions: shares, figures, and what shadows answered differently.

    \b
    Examples:
      mlmagic endpoint realtime show -n shop
      mlmagic endpoint realtime show -n shop -o table
    """
    from mlmagic.widgets.versions import versions_listing

    with engine() as opened:
        opened.endpoints.endpoint(name)  # raises for a service that is none
        record = opened.services.get(name)
        show_listing(versions_listing(record), lambda: _record(opened, name), form)


@realtime.command("traffic")
@service_name
@click.argument("shares", nargs=-1, required=True, metavar="VERSION=PERCENT...")
def set_traffic(name: str, shares: Sequence[str]) -> None:
    """Change the shares of several versions at once. What is left goes to the default version.

    \b
    Example:
      mlmagic endpoint realtime traffic -n shop blue=90 green=10
    """
    from mlmagic.core.endpoint import read_shares

    with engine() as opened:
        opened.traffic.set(name, read_shares(shares))
        _say_shares(opened, name)


@realtime.command("switch")
@service_name
@_version
def switch_traffic(name: str, version: str) -> None:
    """Give all requests to one version at once, which becomes the default one (blue-green).

    \b
    Example:
      mlmagic endpoint realtime switch -n shop --vn green
    """
    with engine() as opened:
        opened.traffic.switch(name, version)
        _say_shares(opened, name)


@realtime.command("stick")
@service_name
@option(
    "--by",
    required=True,
    metavar="client|body|header:NAME|none",
    help="What keeps requests at one version.",
)
def stick_traffic(name: str, by: str) -> None:
    """Keep the requests of a client, with the same body, or with the same header at one version.

    \b
    Example:
      mlmagic endpoint realtime stick -n shop --by header:x-user-id
    """
    with engine() as opened:
        opened.traffic.stick(name, None if by == "none" else by)
        kept = f"are kept by {by}" if by != "none" else "are not kept"
        done(f"requests of {name} {kept}", _record(opened, name))


@realtime.command("rollout")
@service_name
@option("--vn", "--version-name", "version", metavar="VERSION", help="The version. Default: the newest one.")
@option("--step", type=float, default=DEFAULT_STEP, show_default=True, help="Percent that each step adds.")
@option(
    "--every",
    type=Quantity(lambda text: read_quantity("every", text, SECONDS)),
    default=DEFAULT_EVERY_SECONDS,
    metavar="TIME",
    help="How long a step lasts at least, such as 30s or 2m. Default: 1m.",
)
@option(
    "--if",
    "guard",
    default=DEFAULT_GUARD,
    metavar="CONDITION",
    show_default=True,
    help='When it goes on, such as "p99<80ms and errors<1%"; otherwise it goes back.',
)
@option("--stop", is_flag=True, help="End the rollout that is under way; the traffic stays.")
@option("--revert", is_flag=True, help="End it, and give the traffic back as it was before.")
@option("--pause", is_flag=True, help="Begin no more steps; where the condition fails, it still goes back.")
@option("--resume", is_flag=True, help="Go on with a rollout that is paused.")
def roll_out(
    name: str,
    version: str | None,
    step: float,
    every: float,
    guard: str,
    stop: bool,
    revert: bool,
    pause: bool,
    resume: bool,
) -> None:
    """Give a version more and more of the requests, as long as a condition holds.
    It goes on, or back, by itself; each step is an event with its reason.

    \b
    Examples:
      mlmagic endpoint realtime rollout -n shop --vn green --step 10 --every 2m --if "p99<80ms and errors<1%"
      mlmagic endpoint realtime rollout -n shop --stop
    """
    if stop + revert + pause + resume > 1:
        raise UsageError(
            "--stop, --revert, --pause and --resume exclude each other", hint="Give one of them."
        )
    with engine() as opened:
        if pause:
            opened.traffic.pause_rollout(name)
        elif resume:
            opened.traffic.resume_rollout(name)
        elif stop or revert:
            opened.traffic.stop_rollout(name, revert=revert)
        else:
            chosen = version or opened.traffic.newest_treatment(name)
            opened.traffic.roll_out(name, chosen, step=step, every=every, guard=guard)
        _say_shares(opened, name)


def _request(opened: Engine, service: str, dc: str | None, options: dict[str, Any]) -> VersionRequest:
    """What a version is to serve, of the options that differ from those of ``service``."""
    from mlmagic.core.deployments import changed_fields
    from mlmagic.engine.endpoints.version_request import VersionRequest

    wanted, handle = model_ids(options), inference(opened, options)
    given = given_arguments(options)
    config = deployment(dc, given) if dc else None
    current = opened.services.revision(opened.services.get(service)).config
    changes: dict[str, Any] = changed_fields(current, given) if given else {}
    changes |= changed_labels(current, options)
    if handle is not None and handle.environment_variables:
        changes.setdefault("environment_variables", handle.environment_variables)
    return VersionRequest(
        wanted or None,
        None if handle is None else handle.to_core(),
        config,
        changes=changes or None,
        nearest=True,
    )


def _say_shares(opened: Engine, name: str) -> None:
    shares = opened.endpoints.endpoint(name).shares
    words = ", ".join(f"{version} {percent:g} %" for version, percent in shares.items())
    done(f"{name}: {words}", _record(opened, name))


def _record(opened: Engine, name: str) -> dict[str, Any]:
    """An endpoint: the keys of a service, then its versions, their traffic and figures."""
    figures = {key: _without_histogram(value) for key, value in opened.endpoints.figures(name).items()}
    found = plain(opened.endpoints.endpoint(name))
    theirs = service_record(opened, opened.services.get(name))
    for key in ("endpoint", "versionFigures"):
        del theirs[key]
    return {**theirs, **found, "figures": figures}


def _without_histogram(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {camel(key): value for key, value in figures.items() if key != "latencies"}
