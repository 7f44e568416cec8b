"""``mlmagic alert``: rules that alert about the services of a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mlmagic.cli.base import Commands, engine, option
from mlmagic.cli.completion import complete_alert_rules
from mlmagic.cli.output import done, output, plain, show_listing
from mlmagic.cli.records import deleted
from mlmagic.cli.script_options import all_of, of_rows
from mlmagic.core.alert_arguments import GROUP, ROWS, rule_of

if TYPE_CHECKING:
    from mlmagic.core.alert import AlertRule
    from mlmagic.engine.alerts.alerts import AlertStatus

_named = option("-n", "--name", required=True, shell_complete=complete_alert_rules, help="The rule.")


@click.group(cls=Commands)
def alert() -> None:
    """Alert rules on state, error rate, latency, request rate and drift."""


def _rule_options(command: Any) -> Any:
    return all_of(of_rows(ROWS, GROUP), command)


@alert.command("create")
@option("-n", "--name", required=True, help="The rule.")
@_rule_options
def create_rule(name: str, **options: Any) -> None:
    """Create an alert rule. An alert that fires or is resolved is an event, which webhooks receive.

    \b
    Examples:
      mlmagic alert create -n errors --condition "error_rate > 5%" --for 2m
      mlmagic alert create -n slow --service "wine-*" --condition "p99 > 200ms" --severity error
      mlmagic alert create -n sick --condition "state == Unhealthy|Failed"
    """
    with engine() as opened:
        made = opened.alerts.create(rule_of(name, options))
    done(f"alert rule {made.name}: {made.severity} if {made.words}, at {made.watched}", _record(made))


@alert.command("list")
@output("table")
def list_rules(form: str) -> None:
    """List the alert rules, and the state of their alerts.

    \b
    Example:
      mlmagic alert list
    """
    with engine() as opened:
        rules, found = opened.alerts.list(), opened.alerts.status()
    _show(rules, found, form)


@alert.command("show")
@_named
@output("table")
def show_rule(name: str, form: str) -> None:
    """Show an alert rule, and the state of its alerts.

    \b
    Example:
      mlmagic alert show -n errors
    """
    with engine() as opened:
        rule, found = opened.alerts.get(name), opened.alerts.status(rule=name)
    _show([rule], found, form, one=True)


@alert.command("delete")
@_named
def delete_rule(name: str) -> None:
    """Delete an alert rule. Its alerts that fire are resolved.

    \b
    Example:
      mlmagic alert delete -n errors
    """
    with engine() as opened:
        opened.alerts.delete(name)
    done(f"deleted alert rule {name}", deleted("name", name))


def _show(rules: list[AlertRule], found: list[AlertStatus], form: str, *, one: bool = False) -> None:
    from mlmagic.widgets.alerts import alerts_listing

    def records() -> Any:
        listed = [
            {**_record(rule), "alerts": [_alert(each) for each in found if each.rule == rule]}
            for rule in rules
        ]
        return listed[0] if one else listed

    show_listing(alerts_listing(rules, found), records, form)


def _record(rule: AlertRule) -> dict[str, Any]:
    record: dict[str, Any] = plain(rule)
    return {**record, "condition": str(rule.condition)}


def _alert(found: AlertStatus) -> dict[str, Any]:
    record: dict[str, Any] = plain(found)
    del record["rule"]
    return record
