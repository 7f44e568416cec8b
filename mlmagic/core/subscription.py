"""Webhook subscriptions, their deliveries, and when a delivery is retried.

The schedule, limits and final statuses are Event Grid's ("Event Grid message delivery and retry"):
10 s, 30 s, 1 min, 5 min, 10 min, 30 min, 1 h, 3 h, 6 h, then every 12 h, up to 30 attempts within 24 hours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from urllib.parse import urlsplit

from mlmagic.core.access import check_key
from mlmagic.core.envelopes import Schema
from mlmagic.core.filters import EventFilter
from mlmagic.errors import InvalidConfig

RETRY_SECONDS = (10, 30, 60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
MOST_ATTEMPTS = 30
LONGEST_SECONDS = 24 * 3600.0
JITTER = 0.1
"""The share by which a delay may grow at random, so that failed deliveries are not all retried at once."""
FINAL_STATUSES = (400, 401, 403, 413)
"""Statuses after which a delivery is not retried: it is dead at once."""
BUSY_STATUSES = (None, 408, 429, 503)
"""Statuses that concern the receiver and not the notice (None: no answer): its other notices wait, too."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{2,63}")


class DeliveryState(StrEnum):
    """The state of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A webhook subscription: its endpoint, schema and filter."""

    name: str
    endpoint: str = field(repr=False)
    """The whole URL. Its query is often a secret: show `shown_endpoint` instead."""
    schema: Schema = Schema.EVENT_GRID
    filter: EventFilter = field(default_factory=EventFilter)
    secret: str | None = field(default=None, repr=False)
    """The secret that signs the bodies; None: bodies are not signed."""
    created_time: float = 0.0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidConfig(
                "subscription name", self.name, "must be 3 to 64 letters, digits or '-', with no '-' first"
            )
        check_endpoint(self.endpoint)
        if self.secret is not None:
            check_key("secret", self.secret)

    @property
    def shown_endpoint(self) -> str:
        """The endpoint without its query."""
        base, question, _ = self.endpoint.partition("?")
        return f"{base}?..." if question else base


@dataclass(frozen=True, slots=True)
class Delivery:
    """The delivery of one notice to one subscription. Times are seconds since the epoch, UTC."""

    subscription: str
    event_id: int
    state: DeliveryState
    attempts: int
    since: float
    """The time it was first due; the limit of 24 hours starts here."""
    next_time: float
    status: int | None
    """The HTTP status of the last answer; None without one."""
    words: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The receiver's answer to one attempt."""

    status: int | None
    words: str = ""
    retry_after: float | None = None
    """The receiver's Retry-After, in seconds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of a delivery after an attempt, and the time of the next one."""

    state: DeliveryState
    next_time: float
    words: str


def judge(answer: Answer, *, attempts: int, since: float, now: float, jitter: float) -> Verdict:
    """Decide whether a delivery is delivered, dead, or retried, and when.

    ``attempts`` includes the attempt of ``answer``; ``jitter`` is between 0 and 1.
    """
    status = answer.status
    if status is not None and 200 <= status < 300:
        return Verdict(DeliveryState.DELIVERED, now, "delivered")
    words = answer.words or f"returned HTTP {status}"
    if status in FINAL_STATUSES:
        return Verdict(DeliveryState.DEAD, now, f"{words}, which is final")
    if attempts >= MOST_ATTEMPTS:
        return Verdict(DeliveryState.DEAD, now, f"{words}; given up after {attempts} attempts")
    delay = max(retry_delay(attempts, jitter), answer.retry_after or 0.0)
    if now + delay > since + LONGEST_SECONDS:
        return Verdict(DeliveryState.DEAD, now, f"{words}; given up, as the next attempt is after 24 hours")
    return Verdict(DeliveryState.WAITING, now + delay, words)


def retry_delay(attempts: int, jitter: float) -> float:
    """The seconds to wait after this many attempts."""
    return RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1] * (1 + JITTER * jitter)


def parse_retry_after(text: str | None, now: float) -> float | None:
    """The seconds in a ``Retry-After`` header (a number or an HTTP date); None for anything else."""
    if not text:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)


def check_endpoint(url: str) -> None:
    """Raises `InvalidConfig` unless it is an absolute http or https URL without a user in it."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except (ValueError, AttributeError):
        sound = False
    plain = isinstance(url, str) and url.isascii() and url.isprintable() and " " not in url
    if not sound or not plain:
        shown = str(url).partition("?")[0]
        raise InvalidConfig(
            "endpoint", shown, "must be an http or https URL", hint="For example https://example.org/hook."
        )
    if parts.username is not None:
        raise InvalidConfig(
            "endpoint",
            f"{parts.scheme}://***@{parts.hostname}",
            "must not contain a user name",
            hint="Sign the bodies with a secret instead.",
        )
    if parts.fragment:
        raise InvalidConfig("endpoint", url.partition("?")[0], "must not have a fragment (#...)")
