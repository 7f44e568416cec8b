"""`%alert`: rules that alert about the services of the workspace."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import line_magic, magics_class

from mlmagic.core.alert_arguments import GROUP, ROWS, rule_of
from mlmagic.errors import UsageError, nearest
from mlmagic.magics.base import SessionMagics, parsed
from mlmagic.magics.messages import show_message
from mlmagic.magics.options import Arguments, argument, out, with_rows

ACTIONS = ("create", "list", "show", "delete")


@magics_class
class AlertMagics(SessionMagics):
    """The magic of alert rules."""

    @line_magic
    @parsed
    @argument(
        "words",
        nargs="*",
        metavar="ACTION NAME",
        help="create, list, show or delete, and the name of the rule. Default: list.",
    )
    @with_rows(ROWS, GROUP)
    @out("the list of rules", GROUP)
    def alert(self, args: Arguments) -> Any:
        """Create, list and delete alert rules. An alert that fires or is resolved is an event: webhooks
        receive it (%subscribe), and the card of the service and %logs NAME --events show it.

        Examples:
          %alert create errors --condition "error_rate > 5%" --for 2m
          %alert create slow --service "wine-*" --condition "p99 > 200ms" --severity error
          %alert delete errors
        """
        action, *names = args.words or ["list"]
        options = {row.name: getattr(args, row.name) for row in ROWS}
        if action not in ACTIONS:
            match = nearest(action, ACTIONS)
            raise UsageError(
                f"%alert has no action {action!r}",
                hint=f"Did you mean {match!r}?" if match else f"The actions are {', '.join(ACTIONS)}.",
            )
        wanted = 0 if action == "list" else 1
        if len(names) != wanted:
            takes = "one NAME" if wanted else "no NAME"
            raise UsageError(f"%alert {action} takes {takes}, and not {' '.join(names) or 'nothing'!r}")
        given = next((row.options[0] for row in ROWS if options[row.name] is not None), None)
        if given and action != "create":
            raise UsageError(
                f"{given} needs create", hint="For example %alert create NAME --condition drift."
            )
        alerts = self.session.engine.alerts
        if action == "create":
            made = alerts.create(rule_of(names[0], options))
            show_message(f"Alert rule {made.name}: {made.severity} if {made.words}, at {made.watched}.")
            return None
        if action == "delete":
            alerts.delete(names[0])
            show_message(f"Deleted alert rule {names[0]}.")
            return None
        from mlmagic.widgets.alerts import alerts_listing

        rules = [alerts.get(names[0])] if names else alerts.list()
        return self.assign(args.out, alerts_listing(rules, alerts.status()))
