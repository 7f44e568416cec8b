"""Tables of events, webhook subscriptions, webhook deliveries and followed models."""

from __future__ import annotations

from collections.abc import Sequence

from mlmagic.core import advice
from mlmagic.core.events import Event
from mlmagic.core.follow import Follow
from mlmagic.core.subscription import Delivery, Subscription
from mlmagic.errors import Advice
from mlmagic.widgets import html
from mlmagic.widgets.cards import Listing


def events_listing(events: Sequence[Event]) -> Listing:
    """The events: time, kind, subject and message."""
    rows = [[html.ago(event.time), str(event.kind), event.subject, event.message] for event in events]
    caption = f"The last {len(events)} events" if events else "No events."
    return Listing(events, ["When", "Event", "Subject", "Message"], rows, caption)


def subscriptions_listing(subscriptions: Sequence[Subscription]) -> Listing:
    """Name, endpoint (without its query), envelope and filter; a secret is shown only as `signed`."""
    rows = [
        [
            each.name,
            each.shown_endpoint,
            str(each.schema),
            str(each.filter),
            "signed" if each.secret is not None else "–",
        ]
        for each in subscriptions
    ]
    none = Advice("No subscriptions. Create one with: {first}", first=advice.FIRST["subscription"])
    caption = "Subscriptions" if rows else none
    return Listing(subscriptions, ["Name", "Endpoint", "Schema", "Filter", "Payload"], rows, caption)


def deliveries_listing(deliveries: Sequence[tuple[Delivery, Event]]) -> Listing:
    """The webhook deliveries: subscription, event, state, attempts and last result."""
    rows = [
        [
            delivery.subscription,
            str(event.kind),
            event.subject,
            html.ago(event.time),
            str(delivery.state),
            str(delivery.attempts),
            delivery.words or "–",
        ]
        for delivery, event in deliveries
    ]
    headings = ["Subscription", "Event", "Subject", "When", "State", "Attempts", "Last result"]
    return Listing(deliveries, headings, rows, "Deliveries" if rows else "No deliveries.")


def follows_listing(follows: Sequence[Follow]) -> Listing:
    """The services that follow a model: service, model, tag and the outcome of the last version."""
    rows = [[each.service, each.model, each.tag or "any", each.last or "–"] for each in follows]
    none = Advice("No service follows a model. Follow one with: {first}", first=advice.FIRST["follow"])
    caption = "Services that follow a model" if rows else none
    return Listing(follows, ["Service", "Model", "Tag", "Last version"], rows, caption)
