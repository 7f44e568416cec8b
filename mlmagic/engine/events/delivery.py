"""Delivers notices: a thread beside the supervisor, and one for each subscription that is being served.

Nothing here is in the way of a deploy: what happened is written, and the courier finds it. A receiver that
hangs holds up its own notices only.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from mlmagic.core.notices import Notice, notice_of
from mlmagic.core.subscription import BUSY_STATUSES, Answer, Delivery, DeliveryState, Subscription, judge
from mlmagic.engine.events import webhook
from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace import deliveries, events, subscriptions
from mlmagic.workspace.memory import Memory

Send = Callable[[Subscription, Notice, int], Answer]
"""Sends a notice for the n-th time and says what came back; raises nothing."""
CLOCK_SECONDS = 1.0
AT_ONCE = 8
"""Subscriptions that are served at the same time."""

log = logging.getLogger(__name__)


class WebhookDelivery:
    """Sends what is due. ``mark`` names the holder of its leases."""

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
        """Begin, in a thread of its own."""
        self._news.set()
        self._thread = threading.Thread(target=self._run, name="mlmagic-courier", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look at once: something has changed."""
        self._news.set()

    def close(self) -> None:
        """End. What is being sent is not waited for: whoever comes next sends it again."""
        self._closing.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(timeout=CLOCK_SECONDS * 2)

    def claim(self) -> list[str]:
        """The subscriptions that this courier is to serve now: something is due, and the lease was free."""
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
        """Send all that is due to a subscription, whose lease is ours, one after the other."""
        while not self._closing.is_set():
            with self._memory.writing_quietly() as tx:
                delivery = deliveries.take(tx, self._mark, name, self._clock())
                if delivery is None:
                    deliveries.release(tx, self._mark, name)
                    return
                subscription = subscriptions.get(tx, name)
                notice = notice_of(events.get(tx, delivery.event_id), self._memory.location.name)
            assert notice is not None
            answer = self._send(subscription, notice, delivery.attempts + 1)
            if self._closing.is_set():
                return
            self._settle(delivery, answer)

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
                log.warning("%s Trying again", error)
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
                    target=self._serve, args=(name,), name=f"mlmagic-courier-{name}", daemon=True
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
