"""The tables of alert rules, and of the alerts that are pending or firing.

An alert that fires or is resolved is an event, written in the transaction that changes the row. So neither a
kill nor another supervisor forgets a notification or repeats it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select

from mlmagic.core.alert import Alert, AlertRule, AlertState, Severity
from mlmagic.core.notices import NOTICE_DATA, alert_changed
from mlmagic.core.webservice import Webservice
from mlmagic.errors import AlreadyExists, NotFound
from mlmagic.workspace import events
from mlmagic.workspace.database import alert_rules, alerts, now, services


def add_rule(tx: Connection, rule: AlertRule) -> None:
    """Add a rule. Raises `AlreadyExists`."""
    if rule.name in rule_names(tx):
        raise AlreadyExists("alert rule", rule.name, hint="Delete it first, or use another name.")
    tx.execute(insert(alert_rules).values(name=rule.name, definition=rule.to_record()))


def get_rule(tx: Connection, name: str) -> AlertRule:
    """The rule of that name. Raises `NotFound` with the existing ones."""
    row = tx.execute(select(alert_rules).where(alert_rules.c.name == name)).first()
    if row is None:
        raise NotFound("alert rule", name, rule_names(tx))
    return AlertRule.of_record(row.definition)


def list_rules(tx: Connection) -> list[AlertRule]:
    """All rules, by name."""
    query = select(alert_rules.c.definition).order_by(alert_rules.c.name)
    return [AlertRule.of_record(definition) for definition in tx.scalars(query)]


def rule_names(tx: Connection) -> list[str]:
    """The names of all rules."""
    return list(tx.scalars(select(alert_rules.c.name).order_by(alert_rules.c.name)))


def remove_rule(tx: Connection, name: str) -> None:
    """Delete a rule with its alerts; those that fire are resolved. Raises `NotFound`."""
    rule = get_rule(tx, name)
    query = select(alerts, services.c.name).join(services, services.c.id == alerts.c.service_id)
    for row in tx.execute(query.where(alerts.c.rule == name)).all():
        _end(tx, _alert(row), rule, row.name, "the rule was deleted")
    tx.execute(delete(alert_rules).where(alert_rules.c.name == name))


def list_alerts(tx: Connection) -> list[Alert]:
    """The alerts that are pending or firing, by rule."""
    return [_alert(row) for row in tx.execute(select(alerts).order_by(alerts.c.rule, alerts.c.service_id))]


def write(tx: Connection, before: Alert, after: Alert, rule: AlertRule, service: str) -> bool:
    """Record the alert ``after`` an evaluation; returns whether it is an event.

    ``before`` is the one that was evaluated: nothing is written if the row has changed since.
    """
    if _get(tx, before) != before:
        return False
    _put(tx, after)
    if after.state is AlertState.FIRING and before.state is not AlertState.FIRING:
        happening = alert_changed(rule, after.service_id, service, fired=after.since, value=after.value)
        _publish(tx, happening, f"{rule.name} ({rule.severity}): {rule.words}; {after.value}")
        return True
    if before.state is AlertState.FIRING and after.state is not AlertState.FIRING:
        _resolve(tx, before, rule, service, after.since, after.value)
        return True
    return False


def end_of_service(tx: Connection, service: Webservice) -> None:
    """Delete the alerts of a deleted service; those that fire are resolved. Rules stay."""
    for row in tx.execute(select(alerts).where(alerts.c.service_id == service.id)).all():
        _end(tx, _alert(row), get_rule(tx, row.rule), service.name, "the service was deleted")


def _end(tx: Connection, alert: Alert, rule: AlertRule, service: str, why: str) -> None:
    if alert.state is AlertState.FIRING:
        _resolve(tx, alert, rule, service, now(tx), why)
    tx.execute(delete(alerts).where(_row(alert)))


def _resolve(
    tx: Connection, fired: Alert, rule: AlertRule, service: str, resolved: float, value: str
) -> None:
    happening = alert_changed(
        rule, fired.service_id, service, fired=fired.since, resolved=resolved, value=value
    )
    _publish(tx, happening, f"{rule.name} ({rule.severity}): {value}")


def _publish(tx: Connection, happening: Any, message: str) -> None:
    data = {NOTICE_DATA: dict(happening.data)}
    events.append(tx, happening.kind, happening.subject, message, data)


def _get(tx: Connection, like: Alert) -> Alert:
    row = tx.execute(select(alerts).where(_row(like))).first()
    return Alert(like.rule, like.service_id) if row is None else _alert(row)


def _put(tx: Connection, alert: Alert) -> None:
    tx.execute(delete(alerts).where(_row(alert)))
    if alert.state is not AlertState.INACTIVE:
        values = {column.name: getattr(alert, column.name) for column in alerts.c}
        tx.execute(insert(alerts).values(**{**values, "state": alert.state.value}))


def _row(alert: Alert) -> Any:
    return (alerts.c.rule == alert.rule) & (alerts.c.service_id == alert.service_id)


def _alert(row: Any) -> Alert:
    return Alert(
        row.rule,
        row.service_id,
        AlertState(row.state),
        row.since,
        row.checked_time,
        Severity(row.severity),
        row.condition,
        row.value,
    )
