"""Events of the workspace: list and publish them, subscribe webhooks, and see what was delivered."""

from __future__ import annotations

import time
from collections.abc import Callable

from mlmagic.core.envelopes import Schema
from mlmagic.core.events import Event, service_subject
from mlmagic.core.filters import EventFilter
from mlmagic.core.notices import NOTICE_DATA, Happening, check_happening, source_of
from mlmagic.core.subscription import Delivery, DeliveryState, Subscription
from mlmagic.engine.events import webhook
from mlmagic.workspace import deliveries, events, subscriptions
from mlmagic.workspace.memory import Memory


class Events:
    """The events of one workspace and the webhook subscriptions to them."""

    def __init__(self, memory: Memory, on_news: Callable[[], None]) -> None:
        """``on_news`` is called when there is something to deliver."""
        self._memory, self._on_news = memory, on_news

    def publish(self, happening: Happening) -> None:
        """Publish an event to subscribers: a finished run, a data drift (built by `mlmagic.core.notices`).

        Models, services and alert rules publish their own events. Raises `InvalidConfig` for a kind that is
        not sent to subscribers.
        """
        check_happening(happening)
        with self._memory.writing() as tx:
            data = {NOTICE_DATA: dict(happening.data)}
            events.append(tx, happening.kind, happening.subject, f"{happening.subject} was published", data)
        self._on_news()

    def subscribe(
        self,
        name: str,
        endpoint: str,
        *,
        schema: str = Schema.EVENT_GRID,
        wanted: EventFilter | None = None,
        secret: str | None = None,
        handshake: bool = True,
    ) -> Subscription:
        """Send the workspace's future events to a webhook.

        The endpoint must first accept a handshake (`webhook.shake_hands`), unless ``handshake`` is False.
        With a ``secret`` each body is signed. Raises `InvalidConfig`, `AlreadyExists`, or `UsageError` for an
        endpoint that does not accept; nothing is recorded then.
        """
        subscription = Subscription(
            name, endpoint, Schema.named(schema), wanted or EventFilter(), secret, time.time()
        )
        with self._memory.reading() as tx:
            subscriptions.check_free(tx, name)
        webhook.check_endpoint(subscription)
        if handshake:
            webhook.shake_hands(subscription, source_of(self._memory.location.name))
        with self._memory.writing() as tx:
            subscriptions.add(tx, subscription)
        return subscription

    def unsubscribe(self, name: str) -> None:
        """Delete a subscription and its pending deliveries."""
        with self._memory.writing() as tx:
            subscriptions.remove(tx, name)

    def subscriptions(self) -> list[Subscription]:
        """All webhook subscriptions."""
        with self._memory.reading() as tx:
            return subscriptions.list_subscriptions(tx)

    def deliveries(self, name: str | None = None, *, dead: bool = False) -> list[tuple[Delivery, Event]]:
        """Deliveries with their events, newest first; of one subscription if named, or the dead ones."""
        with self._memory.reading() as tx:
            if name is not None:
                subscriptions.get(tx, name)
            states = (DeliveryState.DEAD,) if dead else ()
            found = deliveries.list_deliveries(tx, name, states)
            pairs = [(each, events.get(tx, each.event_id)) for each in found]
        self._on_news()  # a killed kernel may have left deliveries that nobody sends
        return pairs

    def redeliver(self, name: str) -> int:
        """Send the dead deliveries of a subscription again, as new ones; returns their number."""
        with self._memory.writing() as tx:
            subscriptions.get(tx, name)
            count = deliveries.revive(tx, name)
        self._on_news()
        return count

    def delete_deliveries(self, name: str) -> int:
        """Delete the deliveries of a subscription that were accepted, or given up; returns their number."""
        with self._memory.writing() as tx:
            subscriptions.get(tx, name)
            return deliveries.delete_finished(tx, name)

    def newest(self, count: int, service: str | None = None) -> list[Event]:
        """The last ``count`` events of the workspace, oldest first; only those of ``service`` if given."""
        with self._memory.reading() as tx:
            return events.newest(tx, count, subject=service_subject(service) if service else None)

    def list(self, *, after: int = 0, service: str | None = None) -> list[Event]:
        """The events after id ``after``, oldest first; only those of ``service`` if given."""
        with self._memory.reading() as tx:
            return events.after(tx, after, subject=service_subject(service) if service else None)
