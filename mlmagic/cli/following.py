"""Following a deploy or an update to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from mlmagic.cli.base import say

if TYPE_CHECKING:
    from mlmagic.core.webservice import Webservice
    from mlmagic.engine.engine import Engine


def follow(engine: Engine, verb: Callable[[], Webservice], *, wait: bool, log: bool = False) -> None:
    """Do it, tell each change on standard error, print the scoring URI; with ``log`` what it wrote, too."""
    from mlmagic.widgets.cards import service_text

    last = ""

    def tell(record: Webservice) -> None:
        nonlocal last
        text = service_text(record)
        if text != last:
            last = text
            say(text)

    record = verb()
    if not wait:
        tell(record)
        return
    record = engine.services.wait_or_withdraw(record, watching=tell)
    if log:
        for line in engine.services.logs(record.name):
            say(line)
    click.echo(record.scoring_uri)
