"""The commands of a service's revisions and replicas, such as ``mlmagic service rollback``."""

from __future__ import annotations

import click

from mlmagic.cli.base import Command, engine, option, service_name
from mlmagic.cli.completion import complete_revisions
from mlmagic.cli.deployment_options import no_wait
from mlmagic.cli.deployment_progress import run_and_follow
from mlmagic.cli.output import done, output, say, show_listing
from mlmagic.cli.records import service_record


@click.command("rollback", cls=Command)
@service_name
@option(
    *("-r", "--revision"),
    type=click.IntRange(min=1),
    metavar="REVISION",
    shell_complete=complete_revisions,
    help="The number of the revision. Default: the last one before the present revision that was Healthy and "
    "differs from it.",
    group="Service",
)
@no_wait
def rollback_service(name: str, revision: int | None, no_wait: bool) -> None:
    """Go back to the models, script, environment and settings of an earlier revision.
    They become a new revision. The present one answers until that is healthy. Tags and keys stay.

    \b
    Examples:
      mlmagic service rollback -n diabetes-svc
      mlmagic service rollback -n diabetes-svc --revision 3
    """
    with engine() as opened:
        run_and_follow(
            opened,
            lambda: opened.services.rollback(name, revision, notify=say).service,
            wait=not no_wait,
        )


@click.command("scale", cls=Command)
@service_name
@option(
    *("-r", "--replicas"),
    type=int,
    required=True,
    metavar="COUNT",
    help="How many are to run.",
    group="Service",
)
@no_wait
def scale_service(name: str, replicas: int, no_wait: bool) -> None:
    """Set how many replicas of a service share its requests. Callers get answers all the while.
    An update or a rollback keeps the number. Autoscaling of the target ends with it.

    \b
    Example:
      mlmagic service scale -n diabetes-svc --replicas 4
    """
    with engine() as opened:
        run_and_follow(
            opened,
            lambda: opened.replicas.set(name, replicas),
            wait=not no_wait,
            wait_with=opened.replicas.wait,
        )


@click.command("pause-update", cls=Command)
@service_name
def pause_update(name: str) -> None:
    """Replace no more replicas of a service on Kubernetes; those of both revisions answer.

    \b
    Example:
      mlmagic service pause-update -n diabetes-svc
    """
    with engine() as opened:
        opened.rolling_updates.pause(name)
        done(f"the update of {name} is paused", service_record(opened, opened.services.get(name)))


@click.command("resume-update", cls=Command)
@service_name
def resume_update(name: str) -> None:
    """Go on with the update of a service that is paused.

    \b
    Example:
      mlmagic service resume-update -n diabetes-svc
    """
    with engine() as opened:
        opened.rolling_updates.resume(name)
        done(f"the update of {name} goes on", service_record(opened, opened.services.get(name)))


@click.command("revisions", cls=Command)
@service_name
@output("table")
def list_revisions(name: str, form: str) -> None:
    """List the revisions of a service: what serves, what was Healthy, and what changed.
    Each deploy, update, restart and rollback adds one.

    \b
    Examples:
      mlmagic service revisions -n diabetes-svc
      mlmagic service revisions -n diabetes-svc -o json
    """
    from mlmagic.widgets.revisions import revisions_listing

    with engine() as opened:
        found = opened.services.revisions(name)
    show_listing(revisions_listing(name, found), lambda: found, form)
