"""Progress of a deploy or an update in a shell."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlmagic.cli.output import result, say
from mlmagic.cli.records import service_record

if TYPE_CHECKING:
    from mlmagic.core.webservice import Webservice
    from mlmagic.engine.engine import Engine


def run_and_follow(
    engine: Engine,
    operation: Callable[[], Webservice],
    *,
    wait: bool,
    log: bool = False,
    wait_with: Callable[..., Webservice] | None = None,
) -> None:
    """Start an operation and print the changes of its service to standard error, then the scoring URI.

    Without a terminal, where nobody watches, only changes of its state are printed. With ``log``, the log
    of the service is printed too. ``wait_with`` waits for the end; None is for `Services.wait_or_withdraw`.
    """
    from mlmagic.engine.services.services import DEPLOY_TIMEOUT_SECONDS
    from mlmagic.widgets.cards import service_text

    is_watched = sys.stderr.isatty()
    last = ""

    def print_change(record: Webservice) -> None:
        nonlocal last
        text = service_text(record)
        seen = text if is_watched else str(record.state)
        if seen != last:
            last = seen
            say(text)

    record = operation()
    if not wait:
        print_change(record)
        result(None, service_record(engine, record))
        return
    finish = wait_with or engine.services.wait_or_withdraw
    record = finish(record, DEPLOY_TIMEOUT_SECONDS, watching=print_change, notify=say)
    if log:
        for line in engine.services.logs(record.name):
            say(line)
    result(record.scoring_uri, service_record(engine, record))
