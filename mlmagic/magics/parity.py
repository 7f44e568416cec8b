"""`%parity`: compares the answers of a service on two compute targets."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import line_magic, magics_class
from IPython.display import display

from mlmagic.core.parity import TOLERANCE
from mlmagic.magics.base import SessionMagics, parsed
from mlmagic.magics.datasets import requests_of
from mlmagic.magics.messages import show_message
from mlmagic.magics.options import Arguments, argument, data, number, out


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
    @argument(
        "--tolerance",
        type=number("tolerance"),
        default=TOLERANCE,
        metavar="SHARE",
        help=f"Relative tolerance of numbers. Default: {TOLERANCE:g}.",
    )
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
