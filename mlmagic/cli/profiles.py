"""``mlmagic model profile``, ``mlmagic profile``: how fast a service is, at which size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Command, Commands, complete_models, engine, output, say, show
from mlmagic.cli.models import read_model_ids
from mlmagic.cli.settings import deployed, inference, script
from mlmagic.errors import UsageError

if TYPE_CHECKING:
    from mlmagic.core.profile import Profile
    from mlmagic.engine.engine import Engine
    from mlmagic.engine.profiles.profiles import Progress


@click.command("profile", cls=Command)
@click.option("-n", "--name", required=True, help="What the profile is called.")
@click.option(
    "-m", "--model", "models", multiple=True, metavar="NAME[:VERSION]", shell_complete=complete_models
)
@click.option("-f", "--model-metadata-file", "metadata", metavar="FILE", help="JSON with the modelId.")
@script
@click.option("--idi", "--input-dataset-id", "dataset_id", metavar="NAME[:VERSION]", help="A dataset.")
@click.option("-d", "--input-data", "file", metavar="FILE", help="CSV of one column, JSON list, or lines.")
@click.option("--traffic", metavar="SERVICE", help="In place of -d: what this service was asked (--record).")
@click.option("--cc", "--cpu-cores", "--cpu", "cpu", metavar="CORES", help="Sizes to try, such as 0.5,1,2.")
@click.option("--gb", "--memory-gb", "--memory", "memory", metavar="GB", help="Sizes to try, such as 0.5,1.")
@click.option("--p99", metavar="50ms", help="What 99 of 100 requests are to be answered within.")
@click.option("--rps", type=float, help="Requests per second that are to be answered.")
@click.option("--core-price", type=float, help="Of an hour of a core.")
@click.option("--gb-price", type=float, help="Of an hour of a gigabyte.")
@click.option(
    "--seconds", type=float, default=2.0, show_default=True, help="Of each load, in sum over its turns."
)
@click.option("--ct", "--compute-target", "target", default="local", show_default=True)
@click.option("--description", default="")
@click.option("--tag-models", is_flag=True, help="Write the recommendation to the models' tags.")
@output()
def profile_model(
    name: str,
    models: Sequence[str],
    metadata: str | None,
    dataset_id: str | None,
    file: str | None,
    traffic: str | None,
    target: str,
    tag_models: bool,
    form: str,
    **options: Any,
) -> None:
    """Measure a service of models under load at several sizes, and recommend one."""
    from mlmagic.core.configuration import DeploymentConfig
    from mlmagic.sdk.profile import planned
    from mlmagic.sdk.request_bodies import bodies

    with engine() as opened:
        handle = inference(opened, options)
        plan = planned(name, target=target, **options)
        script_config, config = deployed(handle, DeploymentConfig(target))
        made = opened.profiles.measure(
            plan,
            [*models, *(read_model_ids(metadata) if metadata else [])],
            script_config,
            bodies(_dataset(opened, dataset_id, file, traffic)),
            config=config,
            dataset_id=dataset_id,
            watching=_say_progress,
            notify=say,
        )
        if tag_models and made.recommendation is not None:
            opened.profiles.tag_models(made)
    _show_profile(made, form)


@click.group(cls=Commands)
def profile() -> None:
    """Profiles that were made (mlmagic model profile makes one)."""


@profile.command("list")
@output("table")
def list_profiles(form: str) -> None:
    """List profiles: the newest of each name."""
    with engine() as opened:
        _show_several(opened.profiles.list(), form)


@profile.command("show")
@click.option("-n", "--name", required=True)
@output()
def show_profile(name: str, form: str) -> None:
    """Show one profile: the documents' keys; as a table, each size."""
    with engine() as opened:
        _show_profile(opened.profiles.get(name), form)


@profile.command("compare")
@click.argument("names", nargs=-1, required=True)
@output("table")
def compare_profiles(names: Sequence[str], form: str) -> None:
    """Set profiles beside each other, such as those of two versions of a model."""
    with engine() as opened:
        _show_several([opened.profiles.get(name) for name in names], form)


def _dataset(opened: Engine, dataset_id: str | None, file: str | None, traffic: str | None) -> Any:
    if [dataset_id, file, traffic].count(None) != 2:
        raise UsageError(
            "which requests to ask with?", hint="Name one: --idi DATASET, -d FILE, or --traffic SERVICE."
        )
    if file is not None:
        return file
    if traffic is not None:
        return opened.requests.to_replay(traffic)
    from mlmagic.sdk.dataset import Dataset
    from mlmagic.sdk.workspace import Workspace

    return Dataset.get_by_id(Workspace.over(opened), str(dataset_id))


def _say_progress(progress: Progress, profile: Profile) -> None:
    say(f"{100 * progress.done:3.0f} %  {progress.words}")


def _show_profile(made: Profile, form: str) -> None:
    from mlmagic.core.profile_record import details
    from mlmagic.widgets.profiles import profile_card

    if form == "table":
        click.echo(profile_card(made).text)
    else:
        show(details(made), form)


def _show_several(found: Sequence[Profile], form: str) -> None:
    from mlmagic.core.profile_record import details
    from mlmagic.widgets.profiles import profiles_listing

    if form == "table":
        click.echo(repr(profiles_listing(found, found)))
    else:
        show([details(each) for each in found], form)
