"""`%parity`, `%replay`: compare the answers of a service on two compute targets, or of two services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from IPython.core.magic import line_magic, magics_class
from IPython.display import display

from mlmagic.core.moments import moment
from mlmagic.core.parity import TOLERANCE
from mlmagic.errors import UsageError
from mlmagic.magics.base import SessionMagics, parsed
from mlmagic.magics.datasets import requests_of
from mlmagic.magics.messages import show_message
from mlmagic.magics.options import Arguments, argument, data, number, out

_tolerance = argument(
    "--tolerance",
    type=number("tolerance"),
    default=TOLERANCE,
    metavar="SHARE",
    help=f"Relative tolerance of numbers. Default: {TOLERANCE:g}.",
)


@magics_class
class ParityMagics(SessionMagics):
    """The magic of comparisons."""

    @line_magic
    @parsed
    @argument("name", help="The service.", metavar="NAME")
    @argument(
        "--with",
        dest="target",
        required=True,
        metavar="TARGET",
        help="The compute target of the comparison deployment.",
    )
    @argument(
        "-d",
        "--dataset",
        type=data,
        metavar="EXPRESSION",
        help="Request bodies, as for %profile. Default: the model's sample.",
    )
    @argument(
        "--traffic", action="store_true", help="The requests that the service has recorded, instead of -d."
    )
    @_tolerance
    @out("the comparison")
    def parity(self, args: Arguments) -> Any:
        """Deploy a service on another target too, send both the same requests, and compare the answers.
        The comparison deployment is deleted at the end.

        Examples:
          %parity diabetes-svc --with docker
          %parity diabetes-svc --with docker --traffic
          %parity diabetes-svc --with docker -d samples.csv --tolerance 1e-4
        """
        from mlmagic.sdk.request_bodies import bodies
        from mlmagic.widgets.parities import parity_card

        engine = self.session.engine
        service = engine.services.get(args.name)
        recorded_by = args.name if args.traffic else None
        given = requests_of(self.session, args.dataset, service.models, recorded_by)
        found = engine.parity.check(
            args.name, args.target, bodies(given), tolerance=args.tolerance, notify=show_message
        )
        display(parity_card(found))
        self.assign(args.out, found)

    @line_magic
    @parsed
    @argument("old", help="The service whose requests are sent.", metavar="OLD")
    @argument("new", help="The service to compare with it.", metavar="NEW")
    @argument(
        "-d",
        "--dataset",
        type=data,
        metavar="EXPRESSION",
        help="Request bodies, as for %profile. Default: those that OLD has recorded or collected.",
    )
    @argument("--since", metavar="TIME", help="Collected requests from this time on, or of this age: 24h.")
    @_tolerance
    @out("the comparison")
    def replay(self, args: Arguments) -> Any:
        """Send the requests that OLD has recorded or collected to it and to NEW, and compare the answers.
        Record them with %update OLD --record 1000, or collect them with --collect; a replay counts, too.

        Examples:
          %replay diabetes-svc diabetes-new
          %replay diabetes-svc diabetes-new --since 24h
          %replay diabetes-svc diabetes-new -d samples.csv --tolerance 1e-4
        """
        from mlmagic.sdk.request_bodies import bodies
        from mlmagic.widgets.parities import parity_card

        replays = self.session.engine.replays
        if args.dataset is not None and args.since is not None:
            raise UsageError("-d and --since exclude each other")
        since = moment("--since", args.since, datetime.now(UTC)) if args.since else None
        given = (
            replays.requests_of(args.old, since)
            if args.dataset is None
            else requests_of(self.session, args.dataset, ())
        )
        found = replays.run(args.old, args.new, bodies(given), tolerance=args.tolerance)
        display(parity_card(found))
        self.assign(args.out, found)
