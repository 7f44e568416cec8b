"""`mlmagic events`, and `mlmagic service follow` and `unfollow`."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from mlmagic.cli.base import Command, Commands, say
from mlmagic.cli.base import engine as opened
from mlmagic.errors import InvalidConfig


@click.group(cls=Commands)
def events() -> None:
    """What happened in the workspace, and who is told of it."""


@events.command("list")
@click.option("-l", "--num-lines", "lines", type=click.IntRange(1), default=50, show_default=True)
@click.option("--subscriptions", is_flag=True, help="Who is told of them, instead.")
@click.option("--follows", is_flag=True, help="Which services follow which models, instead.")
def list_events(lines: int, subscriptions: bool, follows: bool) -> None:
    """List the last events, the subscriptions, or who follows what."""
    from mlmagic.widgets import news

    with opened() as engine:
        if subscriptions:
            listing = news.subscriptions_listing(engine.events.subscriptions())
        elif follows:
            listing = news.follows_listing(engine.follows.list())
        else:
            listing = news.events_listing(engine.events.newest(lines))
    click.echo(repr(listing))


@events.command("subscribe")
@click.option("-n", "--name", required=True)
@click.option("--endpoint", required=True, metavar="URL", help="The webhook, http or https.")
@click.option("--event-type", "types", multiple=True, help="Only these, such as ModelRegistered.")
@click.option("--subject-begins-with")
@click.option("--subject-ends-with")
@click.option(
    "--advanced-filter",
    "advanced",
    multiple=True,
    metavar="FILTER",
    help="Such as \"data.ModelTags.stage StringIn ('prod')\"; all must hold.",
)
@click.option("--schema", default="eventgrid", show_default=True, help="Or cloudevents.")
@click.option("--secret-env", metavar="VARIABLE", help="Sign each body with this variable's value.")
@click.option("--no-handshake", is_flag=True, help="Do not ask the endpoint whether it agrees.")
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
    """Have the workspace's events sent to a webhook, from now on."""
    from mlmagic.core.filters import EventFilter

    wanted = EventFilter.read(types, subject_begins_with, subject_ends_with, advanced)
    secret = None if secret_env is None else _variable(secret_env)
    with opened() as engine:
        made = engine.events.subscribe(
            name, endpoint, schema=schema, wanted=wanted, secret=secret, handshake=not no_handshake
        )
    say(f"{made.name}: {made.shown_endpoint} is told of {made.filter}")


@events.command("unsubscribe")
@click.option("-n", "--name", required=True)
def unsubscribe(name: str) -> None:
    """Send nothing more to a subscription."""
    with opened() as engine:
        engine.events.unsubscribe(name)
    say(f"{name} is told of nothing more")


@events.command("deliveries")
@click.option("-n", "--name", help="Only those to this subscription.")
@click.option("--dead", is_flag=True, help="Only those that were given up.")
def list_deliveries(name: str | None, dead: bool) -> None:
    """List what was told to whom, and what is on its way."""
    from mlmagic.widgets.news import deliveries_listing

    with opened() as engine:
        listing = deliveries_listing(engine.events.deliveries(name, dead=dead))
    click.echo(repr(listing))


@events.command("redeliver")
@click.option("-n", "--name", required=True)
def redeliver(name: str) -> None:
    """Try again what a subscription did not take."""
    with opened() as engine:
        count = engine.events.redeliver(name)
    say(f"{count} to be delivered to {name} again")


@click.command("follow", cls=Command)
@click.option("-n", "--name", required=True, help="The service.")
@click.option("-m", "--model", required=True, metavar="NAME")
@click.option("--tag", metavar="KEY=VALUE", help="Only versions with this tag, from when they have it.")
def follow(name: str, model: str, tag: str | None) -> None:
    """Update a service to each new version of a model; the old one answers until the new one does."""
    with opened() as engine:
        say(f"{engine.follows.add(name, model, tag)}, from now on")


@click.command("unfollow", cls=Command)
@click.option("-n", "--name", required=True, help="The service.")
@click.option("-m", "--model", metavar="NAME", help="Only this model.")
def unfollow(name: str, model: str | None) -> None:
    """Update a service by itself no longer."""
    with opened() as engine:
        for ended in engine.follows.remove(name, model):
            say(f"{ended.service} follows {ended.model} no longer")


def _variable(name: str) -> str:
    """What an environment variable holds: a secret in a command line would be seen by others."""
    value = os.environ.get(name)
    if not value:
        raise InvalidConfig("--secret-env", name, "names an environment variable that is not set")
    return value
