"""What a notebook and a terminal show of events, subscriptions, deliveries and who follows what."""

from __future__ import annotations

from collections.abc import Sequence

from mlmagic.core.events import Event
from mlmagic.core.follow import Follow
from mlmagic.core.subscription import Delivery, Subscription
from mlmagic.widgets import html
from mlmagic.widgets.cards import Listing


def events_listing(events: Sequence[Event]) -> Listing:
    """What happened: when, what kind, to what, in words."""
    rows = [[html.ago(event.time), str(event.kind), event.subject, event.message] for event in events]
    caption = f"The last {len(events)} events" if events else "Nothing has happened yet."
    return Listing(events, ["When", "Event", "Subject", "What"], rows, caption)


def subscriptions_listing(subscriptions: Sequence[Subscription]) -> Listing:
    """Name, endpoint (without its query), envelope and filter; a secret is only said to be there."""
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
    caption = "Subscriptions" if rows else "No subscriptions. %subscribe NAME --endpoint URL makes one."
    return Listing(subscriptions, ["Name", "Endpoint", "Schema", "Wants", "Bodies"], rows, caption)


def deliveries_listing(deliveries: Sequence[tuple[Delivery, Event]]) -> Listing:
    """To whom, what, where it stands, and what was last answered."""
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
    headings = ["Subscription", "Event", "Subject", "When", "Delivery", "Attempts", "Last"]
    return Listing(deliveries, headings, rows, "Deliveries" if rows else "Nothing is or was on its way.")


def follows_listing(follows: Sequence[Follow]) -> Listing:
    """Which service follows which model, with which tag, and what became of the last version."""
    rows = [[each.service, each.model, each.tag or "any", each.last or "–"] for each in follows]
    caption = "Services that follow a model" if rows else "No service follows a model. %follow makes one."
    return Listing(follows, ["Service", "Model", "Tag", "Last version"], rows, caption)
