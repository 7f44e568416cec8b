"""`%events`, `%subscribe`, `%unsubscribe`, `%follow`, `%unfollow`."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from mlmagic.core.filters import EventFilter
from mlmagic.errors import UsageError
from mlmagic.magics.arguments import Arguments, kept, number
from mlmagic.magics.notes import show_note
from mlmagic.magics.running import SessionMagics, parsed


@magics_class
class NewsMagics(SessionMagics):
    """The magics for what happens, and who is told of it."""

    @line_magic
    @parsed
    @magic_arguments()
    @argument("-n", "--lines", type=number("lines", int, above=0), default=50, help="How many (default 50).")
    @argument("--subscriptions", action="store_true", help="Who is told of them.")
    @argument("--deliveries", nargs="?", const="", metavar="NAME", help="What was told: to all, or to NAME.")
    @argument("--dead", action="store_true", help="With --deliveries: only those that were given up.")
    @argument("--redeliver", metavar="NAME", help="Try again what NAME did not take.")
    @argument("--follows", action="store_true", help="Which services follow which models.")
    @kept("the list")
    def events(self, args: Arguments) -> Any:
        """List what happened in the workspace, and who was told."""
        from mlmagic.widgets import news

        engine = self.session.engine
        chosen = [args.subscriptions, args.deliveries is not None, args.redeliver is not None, args.follows]
        if sum(chosen) > 1:
            raise UsageError("--subscriptions, --deliveries, --redeliver and --follows exclude each other")
        if args.dead and args.deliveries is None:
            raise UsageError("--dead needs --deliveries", hint="%events --deliveries --dead lists them.")
        if args.redeliver is not None:
            show_note(f"{engine.events.redeliver(args.redeliver)} to be delivered to {args.redeliver} again.")
            return None
        if args.subscriptions:
            listing = news.subscriptions_listing(engine.events.subscriptions())
        elif args.follows:
            listing = news.follows_listing(engine.follows.list())
        elif args.deliveries is not None:
            told = engine.events.deliveries(args.deliveries or None, dead=args.dead)
            listing = news.deliveries_listing(told[: args.lines])
        else:
            listing = news.events_listing(engine.events.newest(args.lines))
        return self.keep_as(args.out, listing)

    @line_magic
    @parsed
    @magic_arguments()
    @argument("name", help="The subscription: 3 to 64 letters, digits, dashes.")
    @argument("--endpoint", required=True, metavar="URL", help="The webhook, http or https.")
    @argument(
        "--event-type",
        action="append",
        default=[],
        metavar="TYPE",
        help="Only these, such as ModelRegistered; may repeat.",
    )
    @argument("--subject-begins-with", metavar="TEXT", help="Only subjects such as models/diabetes.")
    @argument("--subject-ends-with", metavar="TEXT", help="Only subjects that end so.")
    @argument(
        "--advanced-filter",
        action="append",
        default=[],
        metavar="FILTER",
        help="Such as \"data.ModelTags.stage StringIn ('prod')\"; may repeat, and all must hold.",
    )
    @argument("--schema", default="eventgrid", metavar="SCHEMA", help="eventgrid (default) or cloudevents.")
    @argument("--secret", metavar="TEXT", help="Sign each body with it; better $name than the text itself.")
    @argument("--no-handshake", action="store_true", help="Do not ask the endpoint whether it agrees.")
    def subscribe(self, args: Arguments) -> None:
        """Have the workspace's events sent to a webhook, from now on."""
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
        show_note(f"{made.name}: {made.shown_endpoint} is told of {made.filter}.")

    @line_magic
    @parsed
    @magic_arguments()
    @argument("name", help="The subscription.")
    def unsubscribe(self, args: Arguments) -> None:
        """Send nothing more to a subscription."""
        self.session.engine.events.unsubscribe(args.name)
        show_note(f"{args.name} is told of nothing more.")

    @line_magic
    @parsed
    @magic_arguments()
    @argument("name", help="The service.")
    @argument("--model", required=True, metavar="NAME", help="The model; the service serves a version of it.")
    @argument("--tag", metavar="KEY=VALUE", help="Only versions with this tag, from when they have it.")
    def follow(self, args: Arguments) -> None:
        """Update a service to each new version of a model; the old one answers until the new one does."""
        show_note(f"{self.session.engine.follows.add(args.name, args.model, args.tag)}, from now on.")

    @line_magic
    @parsed
    @magic_arguments()
    @argument("name", help="The service.")
    @argument("--model", metavar="NAME", help="Only this model (default: all it follows).")
    def unfollow(self, args: Arguments) -> None:
        """Update a service by itself no longer."""
        for follow in self.session.engine.follows.remove(args.name, args.model):
            show_note(f"{follow.service} follows {follow.model} no longer.")
