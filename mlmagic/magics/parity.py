"""`%parity`: whether a service answers the same on another target."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments
from IPython.display import display

from mlmagic.core.parity import TOLERANCE
from mlmagic.magics.arguments import Arguments, data, kept, number
from mlmagic.magics.datasets import requests_of
from mlmagic.magics.notes import show_note
from mlmagic.magics.running import SessionMagics, parsed


@magics_class
class ParityMagics(SessionMagics):
    """The comparison's magic."""

    @line_magic
    @parsed
    @magic_arguments()
    @argument("name", help="The service.")
    @argument("--with", dest="target", required=True, metavar="TARGET", help="Where its twin runs.")
    @argument(
        "-d",
        "--dataset",
        type=data,
        metavar="{EXPRESSION}",
        help="Request bodies, as for %%profile (default: the model's sample).",
    )
    @argument("--traffic", action="store_true", help="In place of -d: what the service was asked (--record).")
    @argument(
        "--tolerance",
        type=number("tolerance"),
        default=TOLERANCE,
        help=f"How much numbers may differ, as a share (default {TOLERANCE:g}).",
    )
    @kept("the comparison")
    def parity(self, args: Arguments) -> Any:
        """Ask a service and its twin on another target the same, and show where they differ."""
        from mlmagic.sdk.request_bodies import bodies
        from mlmagic.widgets.parities import parity_card

        engine = self.session.engine
        service = engine.services.get(args.name)
        recorded_by = args.name if args.traffic else None
        given = requests_of(self.session, args.dataset, service.models, recorded_by)
        found = engine.parity.check(
            args.name, args.target, bodies(given), tolerance=args.tolerance, notify=show_note
        )
        display(parity_card(found))
        self.keep_as(args.out, found)
