"""The engine's verbs for news: publish, subscribe, see what was delivered; and follow a model."""

from __future__ import annotations

import time

from mlmagic.core.envelopes import Schema
from mlmagic.core.events import Event, service_subject
from mlmagic.core.filters import EventFilter
from mlmagic.core.follow import Follow, check_tag, served_version
from mlmagic.core.names import check_model_name
from mlmagic.core.notices import TOLD, Happening, check_happening, source_of
from mlmagic.core.subscription import Delivery, DeliveryState, Subscription
from mlmagic.engine import webhook
from mlmagic.engine.service_verbs import ServiceVerbs
from mlmagic.errors import UsageError
from mlmagic.workspace import deliveries, events, follows, services, subscriptions


class EventVerbs(ServiceVerbs):
    """What can be done with news."""

    def publish(self, happening: Happening) -> None:
        """Tell subscribers of something: a run's end, a drift (`mlmagic.core.notices` makes them).

        Models and services tell of themselves. Raises `InvalidConfig` for what the documents do not have.
        """
        check_happening(happening)
        with self.memory.writing() as tx:
            data = {TOLD: dict(happening.data)}
            events.append(tx, happening.kind, happening.subject, f"{happening.subject} was told of", data)
        self._see_to_news()

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
        """Have the workspace's events sent to a webhook, from now on.

        The endpoint is asked first (`webhook.shake_hands`), unless ``handshake`` is False. With a ``secret``
        each body is signed. Raises `InvalidConfig`, `AlreadyExists`, or `UsageError` for an endpoint that
        does not agree; nothing is recorded then.
        """
        subscription = Subscription(
            name, endpoint, Schema.named(schema), wanted or EventFilter(), secret, time.time()
        )
        with self.memory.reading() as tx:
            subscriptions.check_free(tx, name)
        if handshake:
            webhook.shake_hands(subscription, source_of(self.memory.location.name))
        if secret is not None or "?" in endpoint:
            self.memory.keep_private()
        with self.memory.writing() as tx:
            subscriptions.add(tx, subscription)
        return subscription

    def unsubscribe(self, name: str) -> None:
        """Send nothing more to a subscription, and forget what was on its way."""
        with self.memory.writing() as tx:
            subscriptions.remove(tx, name)

    def subscriptions(self) -> list[Subscription]:
        with self.memory.reading() as tx:
            return subscriptions.list_subscriptions(tx)

    def deliveries(self, name: str | None = None, *, dead: bool = False) -> list[tuple[Delivery, Event]]:
        """Deliveries with their events, newest first: of one subscription if named, or the dead ones."""
        with self.memory.reading() as tx:
            if name is not None:
                subscriptions.get(tx, name)
            states = (DeliveryState.DEAD,) if dead else ()
            found = deliveries.list_deliveries(tx, name, states)
            pairs = [(each, events.get(tx, each.event_id)) for each in found]
        self._see_to_news()  # a killed kernel may have left them without anybody
        return pairs

    def redeliver(self, name: str) -> int:
        """Try the dead deliveries of a subscription again, as if they were new; returns how many."""
        with self.memory.writing() as tx:
            subscriptions.get(tx, name)
            count = deliveries.revive(tx, name)
        self._see_to_news()
        return count

    def events(self, *, after: int = 0, service: str | None = None) -> list[Event]:
        """What happened, oldest first; to one service if named."""
        with self.memory.reading() as tx:
            return events.after(tx, after, subject=service_subject(service) if service else None)

    def newest_events(self, count: int, service: str | None = None) -> list[Event]:
        """The last events of the workspace, oldest first; of one service if named."""
        with self.memory.reading() as tx:
            return events.newest(tx, count, subject=service_subject(service) if service else None)

    def follow(self, service: str, model: str, tag: str | None = None) -> Follow:
        """Update a service to each new version of a model that it serves, from now on.

        With ``tag`` (``key=value``), to each version that is registered with it, or gets it later. Each
        version is tried once, never an older one than is served; see `mlmagic.core.follow`.
        """
        check_model_name(model)
        check_tag(tag)
        follow = Follow(service, model, tag)
        with self.memory.writing() as tx:
            record = services.get(tx, service)
            if served_version(record.models, model) is None:
                raise UsageError(
                    f"{service!r} does not serve {model!r}, so it cannot follow it",
                    hint=f"It serves {', '.join(record.models) or 'no model'}.",
                )
            follows.put(tx, record, follow)
        self._see_to_it()
        return follow

    def unfollow(self, service: str, model: str | None = None) -> list[Follow]:
        """Follow a model (without one: any) no longer; raises `NotFound` if it was not followed."""
        with self.memory.writing() as tx:
            return follows.end(tx, services.get(tx, service), model)

    def follows(self, service: str | None = None) -> list[Follow]:
        """Who follows what, and what became of the last version."""
        with self.memory.reading() as tx:
            found = services.list_services(tx) if service is None else [services.get(tx, service)]
            return [follow for each in found for follow in follows.of_service(tx, each)]
