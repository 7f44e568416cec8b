"""`%events`, `%subscribe`, `%unsubscribe`, `%follow`, `%unfollow`."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import line_magic, magics_class

from mlmagic.errors import UsageError
from mlmagic.magics.base import SessionMagics, parsed
from mlmagic.magics.messages import show_message
from mlmagic.magics.options import Arguments, argument, number, out


@magics_class
class EventMagics(SessionMagics):
    """The magics of events, webhook subscriptions and followed models."""

    @line_magic
    @parsed
    @argument(
        *("-n", "--lines"),
        type=number("lines", int, above=0),
        default=50,
        metavar="COUNT",
        help="Number of the last entries to list. Default: 50.",
    )
    @argument("--subscriptions", action="store_true", help="List the webhook subscriptions instead.")
    @argument(
        "--deliveries",
        nargs="?",
        const="",
        metavar="NAME",
        help="List the webhook deliveries instead, of all subscriptions or of NAME.",
    )
    @argument("--dead", action="store_true", help="With --deliveries: only those that were given up.")
    @argument("--redeliver", metavar="NAME", help="Retry the failed deliveries of the subscription NAME.")
    @argument(
        "--delete-deliveries",
        metavar="NAME",
        help="Delete the finished deliveries of the subscription NAME: accepted, or given up.",
    )
    @argument("--follows", action="store_true", help="List the services that follow a model instead.")
    @out("the list")
    def events(self, args: Arguments) -> Any:
        """List the events of the workspace, its webhook subscriptions or their deliveries.

        Examples:
          %events
          %events --deliveries --dead
          %events --redeliver team-chat
        """
        from mlmagic.widgets import news

        engine = self.session.engine
        chosen = [
            args.subscriptions,
            args.deliveries is not None,
            args.redeliver is not None,
            args.delete_deliveries is not None,
            args.follows,
        ]
        if sum(chosen) > 1:
            raise UsageError(
                "--subscriptions, --deliveries, --redeliver, --delete-deliveries and --follows "
                "exclude each other"
            )
        if args.dead and args.deliveries is None:
            raise UsageError("--dead needs --deliveries", hint="Use: %events --deliveries --dead")
        if args.redeliver is not None:
            count = engine.events.redeliver(args.redeliver)
            show_message(f"Deliveries to {args.redeliver} that will be retried: {count}.")
            return None
        if args.delete_deliveries is not None:
            count = engine.events.delete_deliveries(args.delete_deliveries)
            show_message(f"Deleted deliveries to {args.delete_deliveries}: {count}.")
            return None
        if args.subscriptions:
            listing = news.subscriptions_listing(engine.events.subscriptions())
        elif args.follows:
            listing = news.follows_listing(engine.follows.list())
        elif args.deliveries is not None:
            deliveries = engine.events.deliveries(args.deliveries or None, dead=args.dead)
            listing = news.deliveries_listing(deliveries[: args.lines])
        else:
            listing = news.events_listing(engine.events.newest(args.lines))
        return self.assign(args.out, listing)

    @line_magic
    @parsed
    @argument("name", metavar="NAME", help="The subscription: 3 to 64 letters, digits, dashes.")
    @argument("--endpoint", required=True, metavar="URL", help="The webhook's URL, http or https.")
    @argument(
        "--event-type",
        action="append",
        default=[],
        metavar="TYPE",
        help="Only events of this type, such as ModelRegistered; may repeat.",
        group="Filters",
    )
    @argument(
        "--subject-begins-with",
        metavar="TEXT",
        help="Only events whose subject begins so, such as models/diabetes.",
        group="Filters",
    )
    @argument(
        "--subject-ends-with", metavar="TEXT", help="Only events whose subject ends so.", group="Filters"
    )
    @argument(
        "--advanced-filter",
        action="append",
        default=[],
        metavar="FILTER",
        help="For example \"data.ModelTags.stage StringIn ('prod')\"; may repeat, and all must match.",
        group="Filters",
    )
    @argument(
        "--schema",
        default="eventgrid",
        metavar="SCHEMA",
        help="eventgrid or cloudevents. Default: eventgrid.",
        group="Delivery",
    )
    @argument(
        "--secret",
        metavar="TEXT",
        help="Sign each body with this secret; better $name than the secret itself.",
        group="Delivery",
    )
    @argument(
        "--no-handshake",
        action="store_true",
        help="Skip the validation of the endpoint.",
        group="Delivery",
    )
    def subscribe(self, args: Arguments) -> None:
        """Send the new events of the workspace to a webhook.

        Examples:
          %subscribe team-chat --endpoint https://chat.example/hook
          %subscribe retrain --endpoint $url --event-type ModelRegistered --secret $secret
        """
        from mlmagic.core.filters import EventFilter

        wanted = EventFilter.read(
            args.event_type, args.subject_begins_with, args.subject_ends_with, args.advanced_filter
        )
        made = self.session.engine.events.subscribe(
            args.name,
            args.endpoint,
            schema=args.schema,
            wanted=wanted,
            secret=args.secret,
            handshake=not args.no_handshake,
        )
        show_message(f"Subscription {made.name}: {made.shown_endpoint} receives {made.filter}.")

    @line_magic
    @parsed
    @argument("name", metavar="NAME", help="The subscription.")
    def unsubscribe(self, args: Arguments) -> None:
        """Delete a webhook subscription.

        Example:
          %unsubscribe team-chat
        """
        self.session.engine.events.unsubscribe(args.name)
        show_message(f"Deleted subscription {args.name}.")

    @line_magic
    @parsed
    @argument("name", metavar="NAME", help="The service.")
    @argument(
        "--model", required=True, metavar="MODEL", help="The model, of which the service serves a version."
    )
    @argument("--tag", metavar="KEY=VALUE", help="Follow only versions with this tag, once they have it.")
    def follow(self, args: Arguments) -> None:
        """Update a service to each new version of a model.
        The old revision answers until the new one is healthy.

        Examples:
          %follow diabetes-svc --model diabetes
          %follow diabetes-svc --model diabetes --tag stage=prod
        """
        show_message(f"{self.session.engine.follows.add(args.name, args.model, args.tag)}, from now on.")

    @line_magic
    @parsed
    @argument("name", metavar="NAME", help="The service.")
    @argument("--model", metavar="MODEL", help="Stop following only this model. Default: all models.")
    def unfollow(self, args: Arguments) -> None:
        """Stop following a model.

        Examples:
          %unfollow diabetes-svc
          %unfollow diabetes-svc --model diabetes
        """
        for follow in self.session.engine.follows.remove(args.name, args.model):
            show_message(f"{follow.service} no longer follows {follow.model}.")
