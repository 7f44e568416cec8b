"""What magics share that begin a deploy or an update: they show its card until it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlmagic.core.arguments import Group
from mlmagic.errors import Interrupted
from mlmagic.magics.base import SessionMagics
from mlmagic.magics.cell_lines import cells_of
from mlmagic.magics.live_widgets import show_live_card
from mlmagic.magics.options import Arguments, argument, number

if TYPE_CHECKING:
    from mlmagic.core.webservice import Webservice

no_wait = argument(
    "--no-wait", action="store_true", help="Return at once; the live card continues.", group=Group.RUN
)
timeout = argument(
    "--timeout",
    type=number("timeout", above=0),
    metavar="SECONDS",
    help="Longest time to wait. Default: %config MLMagic.timeout.",
    group=Group.RUN,
)


class FollowingMagics(SessionMagics):
    """Magics that wait for what they have begun."""

    def follow(
        self,
        operation: Callable[[], Webservice],
        notes: list[str],
        args: Arguments,
        wait: Callable[..., Webservice] | None = None,
    ) -> Any:
        """Start a deploy or update, and show its live card and its plain card until it ends.

        ``wait`` waits for the end; None is for `Services.wait_or_withdraw`.
        """
        from mlmagic.magics.live_card import LiveCard
        from mlmagic.sdk.webservice import Webservice as Handle
        from mlmagic.sdk.workspace import Workspace
        from mlmagic.widgets.cards import static_class

        engine = self.session.engine
        record = operation()
        try:
            show_live_card(self.session, record)
            card = LiveCard(record, notes, cells_of(self.session, engine.services.revision(record)))
            if not args.no_wait:
                seconds = args.timeout or self.session.timeout
                record = card.wait(engine, record, seconds, wait or engine.services.wait_or_withdraw)
        except KeyboardInterrupt:  # before the wait, which undoes the deploy itself when it is interrupted
            raise Interrupted(engine.services.withdraw(record)) from None
        handle = Handle.of(Workspace.over(engine), record)
        self.session.note_shown(handle, f'<div class="{static_class(record)}"></div>')
        return self.assign(args.out, handle)
