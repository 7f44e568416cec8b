"""`mlmagic events`, and `mlmagic service follow` and `unfollow`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Command, Commands, option, service_name
from mlmagic.cli.base import engine as opened
from mlmagic.cli.completion import complete_models, complete_subscriptions
from mlmagic.cli.output import done, output, plain, show_listing
from mlmagic.cli.records import deleted
from mlmagic.errors import InvalidConfig

if TYPE_CHECKING:
    from mlmagic.core.subscription import Subscription

_subscribed = option(
    *("-n", "--name"), required=True, shell_complete=complete_subscriptions, help="The subscription."
)


@click.group(cls=Commands)
def events() -> None:
    """Events of the workspace, webhook subscriptions and deliveries."""


@events.command("list")
@option(
    *("-l", "--num-lines", "lines"),
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="Number of the last events.",
)
@option("--subscriptions", is_flag=True, help="List the webhook subscriptions instead.")
@option("--follows", is_flag=True, help="List the services that follow a model instead.")
@output("table")
def list_events(lines: int, subscriptions: bool, follows: bool, form: str) -> None:
    """List the last events, the webhook subscriptions, or the services that follow a model.

    \b
    Examples:
      mlmagic events list -l 20
      mlmagic events list --subscriptions
      mlmagic events list --follows
    """
    from mlmagic.widgets import news

    with opened() as engine:
        if subscriptions:
            listing = news.subscriptions_listing(engine.events.subscriptions())
        elif follows:
            listing = news.follows_listing(engine.follows.list())
        else:
            listing = news.events_listing(engine.events.newest(lines))
    show_listing(listing, lambda: [_subscription(each) if subscriptions else each for each in listing], form)


@events.command("subscribe")
@option("-n", "--name", required=True, help="The subscription.")
@option("--endpoint", required=True, metavar="URL", help="The webhook's URL, http or https.")
@option(
    "--event-type",
    "types",
    multiple=True,
    metavar="TYPE",
    help="Only events of this type, such as ModelRegistered; may repeat.",
    group="Filters",
)
@option(
    "--subject-begins-with",
    metavar="TEXT",
    help="Only events whose subject begins so, such as models/diabetes.",
    group="Filters",
)
@option("--subject-ends-with", metavar="TEXT", help="Only events whose subject ends so.", group="Filters")
@option(
    "--advanced-filter",
    "advanced",
    multiple=True,
    metavar="FILTER",
    help="For example \"data.ModelTags.stage StringIn ('prod')\"; may repeat, and all must match.",
    group="Filters",
)
@option(
    "--schema",
    default="eventgrid",
    show_default=True,
    metavar="SCHEMA",
    help="eventgrid or cloudevents.",
    group="Delivery",
)
@option(
    "--secret-env",
    metavar="VARIABLE",
    help="Sign each body with the secret in this environment variable.",
    group="Delivery",
)
@option("--no-handshake", is_flag=True, help="Skip the validation of the endpoint.", group="Delivery")
def subscribe(
    name: str,
    endpoint: str,
    types: Sequence[str],
    subject_begins_with: str | None,
    subject_ends_with: str | None,
    advanced: Sequence[str],
    schema: str,
    secret_env: str | None,
    no_handshake: bool,
) -> None:
    """Send the new events of the workspace to a webhook.

    \b
    Examples:
      mlmagic events subscribe -n team-chat --endpoint https://chat.example/hook
      mlmagic events subscribe -n retrain --endpoint https://ci.example/hook --event-type ModelRegistered
    """
    from mlmagic.core.filters import EventFilter

    wanted = EventFilter.read(types, subject_begins_with, subject_ends_with, advanced)
    secret = None if secret_env is None else _variable(secret_env)
    with opened() as engine:
        made = engine.events.subscribe(
            name, endpoint, schema=schema, wanted=wanted, secret=secret, handshake=not no_handshake
        )
    done(f"Subscription {made.name}: {made.shown_endpoint} receives {made.filter}", _subscription(made))


@events.command("unsubscribe")
@_subscribed
def unsubscribe(name: str) -> None:
    """Delete a webhook subscription.

    \b
    Example:
      mlmagic events unsubscribe -n team-chat
    """
    with opened() as engine:
        engine.events.unsubscribe(name)
    done(f"deleted subscription {name}", deleted("name", name))


@events.command("deliveries")
@option("-n", "--name", help="Only deliveries of this subscription.")
@option("--dead", is_flag=True, help="Only deliveries that were given up.")
@output("table")
def list_deliveries(name: str | None, dead: bool, form: str) -> None:
    """List the webhook deliveries, done and pending.

    \b
    Examples:
      mlmagic events deliveries
      mlmagic events deliveries -n team-chat --dead
    """
    from mlmagic.widgets.news import deliveries_listing

    with opened() as engine:
        found = engine.events.deliveries(name, dead=dead)
    show_listing(
        deliveries_listing(found),
        lambda: [{**plain(delivery), "event": plain(event)} for delivery, event in found],
        form,
    )


@events.command("redeliver")
@_subscribed
def redeliver(name: str) -> None:
    """Retry the failed deliveries of a subscription.

    \b
    Example:
      mlmagic events redeliver -n team-chat
    """
    with opened() as engine:
        count = engine.events.redeliver(name)
    done(f"deliveries to {name} that will be retried: {count}", {"name": name, "retried": count})


@events.command("delete-deliveries")
@_subscribed
def delete_deliveries(name: str) -> None:
    """Delete the deliveries of a subscription that are finished: accepted, or given up.
    Those that are still to be sent stay.

    \b
    Example:
      mlmagic events delete-deliveries -n team-chat
    """
    with opened() as engine:
        count = engine.events.delete_deliveries(name)
    done(f"deleted deliveries to {name}: {count}", {"name": name, "deletedDeliveries": count})


@click.command("follow", cls=Command)
@service_name
@option(
    *("-m", "--model"),
    required=True,
    metavar="NAME",
    shell_complete=complete_models,
    help="The model; the service serves a version of it.",
)
@option("--tag", metavar="KEY=VALUE", help="Follow only versions with this tag, once they have it.")
def follow(name: str, model: str, tag: str | None) -> None:
    """Update a service to each new version of a model.
    The old revision answers until the new one is healthy.

    \b
    Example:
      mlmagic service follow -n diabetes-svc -m diabetes --tag stage=prod
    """
    with opened() as engine:
        made = engine.follows.add(name, model, tag)
    done(f"{made}, from now on", made)


@click.command("unfollow", cls=Command)
@service_name
@option("-m", "--model", metavar="NAME", help="Stop following only this model. Default: all models.")
def unfollow(name: str, model: str | None) -> None:
    """Stop following a model.

    \b
    Examples:
      mlmagic service unfollow -n diabetes-svc
      mlmagic service unfollow -n diabetes-svc -m diabetes
    """
    with opened() as engine:
        ended = engine.follows.remove(name, model)
    done("\n".join(f"{each.service} no longer follows {each.model}" for each in ended), ended)


def _subscription(made: Subscription) -> dict[str, Any]:
    """Without its secrets: the endpoint's query is often one, too."""
    kept = replace(made, secret=None)
    return {**plain(kept), "endpoint": made.shown_endpoint, "signed": made.secret is not None}


def _variable(name: str) -> str:
    """The value of an environment variable: other users could read a secret in the command line."""
    value = os.environ.get(name)
    if not value:
        raise InvalidConfig("--secret-env", name, "names an environment variable that is not set")
    return value
