"""``mlmagic model profile``, ``mlmagic profile``: load tests of services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Command, Commands, engine, option
from mlmagic.cli.completion import complete_profiles, complete_services, complete_targets
from mlmagic.cli.output import done, echo, output, say, show, show_listing, write_metadata
from mlmagic.cli.records import deleted
from mlmagic.cli.script_options import for_engine, inference, model_ids, models, script
from mlmagic.core.arguments import Group
from mlmagic.errors import UsageError

if TYPE_CHECKING:
    from mlmagic.core.profile import Profile
    from mlmagic.engine.engine import Engine
    from mlmagic.engine.profiles.profiles import Progress


_REQUESTS, _GOAL, _RESULT = "Requests", "Goal and prices", "Measurement and result"


_UPDATE = "mlmagic model update -i NAME:VERSION --add-tag KEY=VALUE"


# Azure ML v1's guide writes "az ml model profile -i ... --add-tag ..." where it means an update.
@click.command("profile", cls=Command, elsewhere=dict.fromkeys(("-i", "--model-id", "--add-tag"), _UPDATE))
@option("-n", "--name", required=True, help="The profile's name.", group=Group.MODELS)
@models
@script
@option(
    "--idi", "--input-dataset-id", "dataset_id", metavar="NAME[:VERSION]", help="A dataset.", group=_REQUESTS
)
@option(
    *("-d", "--input-data", "file"),
    metavar="FILE",
    help="A CSV file of one column, a JSON list, or lines.",
    group=_REQUESTS,
)
@option(
    "--traffic",
    metavar="SERVICE",
    shell_complete=complete_services,
    help="The requests that this service has recorded.",
    group=_REQUESTS,
)
@option(
    *("--ct", "--compute-target", "target"),
    metavar="TARGET",
    shell_complete=complete_targets,
    default="local",
    show_default=True,
    help="The compute target.",
    group=Group.RESOURCES,
)
@option(
    *("--cc", "--cpu-cores", "--cpu", "cpu"),
    metavar="CORES",
    help="CPU cores to try, such as 0.5,1,2.",
    group=Group.RESOURCES,
)
@option(
    *("--gb", "--memory-gb", "--memory", "memory"),
    also=("--memory-in-gb",),
    metavar="GB",
    help="Memory to try, such as 0.5,1.",
    group=Group.RESOURCES,
)
@option("--p99", metavar="50ms", help="Longest latency of 99 % of requests.", group=_GOAL)
@option("--rps", type=float, metavar="COUNT", help="Requests per second to reach.", group=_GOAL)
@option("--core-price", type=float, metavar="PRICE", help="Price of a core for an hour.", group=_GOAL)
@option("--gb-price", type=float, metavar="PRICE", help="Price of a gigabyte for an hour.", group=_GOAL)
@option(
    "--seconds",
    type=float,
    help="Total time of each load. More time gives narrower intervals. "
    "Default: 1 to 2, as short as the intervals allow.",
    group=_RESULT,
)
@option("--description", default="", metavar="TEXT", help="The description.", group=_RESULT)
@option(
    *("-t", "--output-metadata-file", "metadata_file"),
    metavar="FILE",
    help="Write the result to this file as JSON, for model deploy --profile-input.",
    group=_RESULT,
)
@option("--tag-models", is_flag=True, help="Write the recommendation to the models' tags.", group=_RESULT)
@output()
def profile_model(
    name: str,
    dataset_id: str | None,
    file: str | None,
    traffic: str | None,
    target: str,
    tag_models: bool,
    metadata_file: str | None,
    form: str,
    **options: Any,
) -> None:
    """Measure a service under load with several amounts of CPU and memory, and recommend one.

    \b
    Examples:
      mlmagic model profile -n diabetes -m diabetes -d samples.csv
      mlmagic model profile -n diabetes -m diabetes -d samples.csv --cpu 0.5,1,2 --p99 50ms --rps 200
      mlmagic model profile -n diabetes -m diabetes --traffic diabetes-svc --tag-models
    """
    from mlmagic.core.configuration import DeploymentConfig
    from mlmagic.core.profile_record import details
    from mlmagic.sdk.profile import planned
    from mlmagic.sdk.request_bodies import bodies

    model_names = model_ids(options)
    with engine() as opened:
        handle = inference(opened, options)
        plan = planned(name, target=target, **options)
        script_config, config = for_engine(handle, DeploymentConfig(target))
        made = opened.profiles.measure(
            plan,
            model_names,
            script_config,
            bodies(_dataset(opened, dataset_id, file, traffic)),
            config=config,
            dataset_id=dataset_id,
            watching=_say_progress,
            notify=say,
        )
        if tag_models and made.recommendation is not None:
            opened.profiles.tag_models(made)
    write_metadata(metadata_file, details(made))
    _show_profile(made, form)


_name = option(*("-n", "--name"), required=True, shell_complete=complete_profiles, help="The profile.")


@click.group(cls=Commands)
def profile() -> None:
    """Profiles. Create one with: mlmagic model profile"""


@profile.command("list")
@output("table")
def list_profiles(form: str) -> None:
    """List the newest profile of each name.

    \b
    Example:
      mlmagic profile list
    """
    with engine() as opened:
        _show_several(opened.profiles.list(), form)


@profile.command("show")
@_name
@output()
def show_profile(name: str, form: str) -> None:
    """Show a profile: Azure ML v1's keys; as a table, each CPU and memory.

    \b
    Examples:
      mlmagic profile show -n diabetes
      mlmagic profile show -n diabetes -o table
    """
    with engine() as opened:
        _show_profile(opened.profiles.get(name), form)


@profile.command("compare")
@click.argument("names", nargs=-1, required=True, shell_complete=complete_profiles)
@output("table")
def compare_profiles(names: Sequence[str], form: str) -> None:
    """Compare profiles, such as those of two versions of a model.

    \b
    Example:
      mlmagic profile compare diabetes-1 diabetes-2
    """
    with engine() as opened:
        _show_several([opened.profiles.get(name) for name in names], form)


@profile.command("delete")
@_name
def delete_profile(name: str) -> None:
    """Delete all versions of a profile.

    \b
    Example:
      mlmagic profile delete -n diabetes
    """
    with engine() as opened:
        opened.profiles.delete(name)
    done(f"deleted profile {name}", deleted("name", name))


def _dataset(opened: Engine, dataset_id: str | None, file: str | None, traffic: str | None) -> Any:
    if [dataset_id, file, traffic].count(None) != 2:
        raise UsageError(
            "name one source of requests", hint="One of: --idi DATASET, -d FILE, --traffic SERVICE."
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
        echo(profile_card(made).text)
    else:
        show(details(made), form)


def _show_several(found: Sequence[Profile], form: str) -> None:
    from mlmagic.core.profile_record import details
    from mlmagic.widgets.profiles import profiles_listing

    show_listing(profiles_listing(found, found), lambda: [details(each) for each in found], form)
