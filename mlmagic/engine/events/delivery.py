"""Webhook delivery: a thread beside the supervisor, and one for each subscription that has notices due.

A deploy never waits for a webhook: it records the event, and this thread sends it later. A receiver that
hangs delays only its own notices.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from mlmagic.core.notices import Notice, notice_of
from mlmagic.core.subscription import (
    BUSY_STATUSES,
    Answer,
    Delivery,
    DeliveryState,
    Subscription,
    Verdict,
    judge,
)
from mlmagic.engine.events import webhook
from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace import deliveries, events, subscriptions
from mlmagic.workspace.memory import Memory

Send = Callable[[Subscription, Notice, int], Answer]
"""Sends a notice for the n-th time and returns the receiver's answer; raises nothing."""
CLOCK_SECONDS = 1.0
AT_ONCE = 8
"""How many subscriptions are delivered to at the same time."""

log = logging.getLogger(__name__)


class WebhookDelivery:
    """Sends the notices that are due. ``mark`` is the holder's name in its leases."""

    def __init__(
        self,
        memory: Memory,
        mark: str,
        *,
        send: Send = webhook.send,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._memory, self._mark = memory, mark
        self._send, self._clock, self._jitter = send, clock, jitter
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the delivery thread."""
        self._news.set()
        self._thread = threading.Thread(target=self._run, name="mlmagic-delivery", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Check for due notices now."""
        self._news.set()

    def close(self) -> None:
        """Stop without waiting for notices being sent: the next holder of the lease sends them again."""
        self._closing.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(timeout=CLOCK_SECONDS * 2)

    def claim(self) -> list[str]:
        """Lease the subscriptions that have notices due and whose lease is free; returns their names."""
        now = self._clock()
        with self._memory.reading() as tx:
            due = deliveries.next_due(tx)
        with self._lock:
            busy = set(self._busy)
        if due is None or due > now or len(busy) >= AT_ONCE:
            return []
        with self._memory.reading() as tx:
            if not deliveries.claimable(tx, self._mark, now, but=busy):
                return []
        with self._memory.writing_quietly() as tx:
            return deliveries.claim(tx, self._mark, now, but=busy, most=AT_ONCE - len(busy))

    def serve(self, name: str) -> None:
        """Send all due notices of a subscription one after the other; its lease must be ours."""
        while not self._closing.is_set():
            with self._memory.writing_quietly() as tx:
                delivery = deliveries.take(tx, self._mark, name, self._clock())
                if delivery is None:
                    deliveries.release(tx, self._mark, name)
                    return
                subscription = subscriptions.get(tx, name)
                notice = notice_of(events.get(tx, delivery.event_id), self._memory.location.name)
            if notice is None:
                self._give_up(delivery)
                continue
            answer = self._send(subscription, notice, delivery.attempts + 1)
            if self._closing.is_set():
                return
            self._settle(delivery, answer)

    def _give_up(self, delivery: Delivery) -> None:
        """An event of a kind that only a newer version can write as a notice."""
        verdict = Verdict(
            DeliveryState.DEAD, delivery.next_time, "only a newer version of mlmagic can send it"
        )
        with self._memory.writing_quietly() as tx:
            deliveries.settle(tx, delivery, verdict, None)

    def _settle(self, delivery: Delivery, answer: Answer) -> None:
        verdict = judge(
            answer,
            attempts=delivery.attempts + 1,
            since=delivery.since,
            now=self._clock(),
            jitter=self._jitter(),
        )
        with self._memory.writing_quietly() as tx:
            deliveries.settle(tx, delivery, verdict, answer.status)
            if verdict.state is DeliveryState.WAITING and answer.status in BUSY_STATUSES:
                deliveries.postpone(tx, delivery.subscription, verdict.next_time)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._news.wait(CLOCK_SECONDS)
            self._news.clear()
            try:
                names = [] if self._closing.is_set() else self.claim()
            except WorkspaceUnavailable as error:
                self._memory.report_outage(error)
                self._closing.wait(CLOCK_SECONDS)
                continue
            except Exception:
                if not self._memory.is_there:
                    return
                log.exception("the deliveries cannot be read; trying again")
                self._closing.wait(CLOCK_SECONDS)
                continue
            for name in names:
                with self._lock:
                    self._busy.add(name)
                # A daemon: a receiver that hangs must not keep a process from ending.
                threading.Thread(
                    target=self._serve, args=(name,), name=f"mlmagic-delivery-{name}", daemon=True
                ).start()

    def _serve(self, name: str) -> None:
        try:
            self.serve(name)
        except Exception:
            if self._memory.is_there and not self._closing.is_set():
                log.exception("delivering to %r failed; trying again", name)
                with suppress(Exception), self._memory.writing_quietly() as tx:
                    deliveries.release(tx, self._mark, name)
        finally:
            with self._lock:
                self._busy.discard(name)
            self._news.set()
