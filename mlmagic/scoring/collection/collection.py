"""The data collection of this process: a bounded queue, and a thread that hands batches over to be written.

A prediction never waits for it, and never fails because of it. When the queue is full, or the store fails
for longer than it is tried again, records are dropped, counted in GET /metrics, and the log says so. The
requests that the server records itself are read and written by a process beside it; what a script collects
is written here.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property, partial
from time import time
from typing import TYPE_CHECKING

from mlmagic.scoring.collection.entries import Entry, is_sampled
from mlmagic.scoring.collection.request_records import RECORDS, SCORED, answered, asked, records_of
from mlmagic.scoring.collection.settings import CollectionSettings, InvalidCollection
from mlmagic.scoring.delivery.batch_thread import BatchThread, Losses
from mlmagic.scoring.delivery.delivery import Delivery, attempts
from mlmagic.scoring.replayed import is_replayed

if TYPE_CHECKING:
    from mlmagic.scoring.collection.request_records import Record
    from mlmagic.scoring.collection.writer import RowWriter
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response
    from mlmagic.scoring.metrics import Counters

MOST_WAITING_BYTES = 64 << 20
"""About so much memory the records take that wait; more are dropped."""
LEAST_BYTES = 1024
"""Any record counts as so many at least, so that at most 65,536 wait."""
MOST_AT_ONCE = 1024
DELAY_SECONDS = 0.5
"""How long a record waits for others to be appended with."""
MOST_IN_FILE = 16384
FILE_SECONDS = 10.0
"""The same where each batch is a file of its own."""
CLOSE_SECONDS = 5.0
"""How long the end of the process waits for a store that is slow."""
PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Between the attempts to write to a store that fails."""
_QUIET_SECONDS = 5.0
_FULL = "the queue is full: the store is too slow"

Reply = Callable[["Response"], None]


class Collection:
    """Collects the records of one process."""

    def __init__(self, settings: CollectionSettings) -> None:
        self.settings = settings
        self.has_collector = False
        """Whether the script has a collector of its own, which records instead of the server."""
        self.collectors_made = 0
        self._beside: Delivery | None = None
        self._thread = BatchThread(
            "mlmagic data collection",
            self._deliver,
            most_waiting=MOST_WAITING_BYTES,
            most_at_once=MOST_AT_ONCE if settings.appends else MOST_IN_FILE,
            delay_s=DELAY_SECONDS if settings.appends else FILE_SECONDS,
        )
        self._losses = Losses("records of collected data were dropped", _QUIET_SECONDS, lambda: sys.stderr)
        self._counters: Counters | None = None
        self._counting = threading.Lock()
        if settings.writes:
            self._writer  # noqa: B018 (imported at the start, and not beside the first requests)

    def note_collector(self) -> None:
        """The script has made a collector."""
        self.collectors_made += 1
        self.has_collector = True

    @property
    def records_requests(self) -> bool:
        """Whether the server is to record requests, unless the script has a collector."""
        return self.settings.writes and self.settings.records_requests

    def count_in(self, counters: Counters) -> None:
        """Count what is written and dropped in the metrics of the server."""
        self._counters = counters

    def keeps(self, identity: str) -> bool:
        """Whether the records with this correlation id are in the sample."""
        return is_sampled(identity, self.settings.sample_rate)

    def add(self, record: Entry) -> None:
        """Take what a script collects; returns at once."""
        if not self._thread.add(record, max(LEAST_BYTES, record.weight)):
            self._drop(record.records, _FULL)

    def listen(self, request: Request, identity: bytes, reply: Reply) -> Reply:
        """``reply``, which also records the request and its answer, if it was scored without an error."""
        if self.has_collector or request.method not in SCORED or is_replayed(request.fields):
            return reply
        if self.settings.sample_rate < 1 and not self.keeps(identity.decode("latin-1")):
            return reply
        sent, sent_type, sent_left_out = asked(request)

        def heard(response: Response) -> None:
            reply(response)
            if 200 <= response.status < 300 and not self.has_collector:
                got, got_type, got_left_out = answered(response)
                record = (identity, time(), sent, sent_type, sent_left_out, got, got_type, got_left_out)
                if not self._thread.add(record, LEAST_BYTES + len(sent) + len(got)):
                    self._drop(RECORDS, _FULL)

        return heard

    def close(self) -> None:
        """Write all that is waiting, for a few seconds at most."""
        if left := self._thread.close(CLOSE_SECONDS):
            self._drop(sum(map(records_of, left)), "the process ended")
        elif self._beside is not None:
            self._beside.close()
        self._losses.log(at_once=True)

    def _deliver(self, records: Sequence[Record]) -> None:
        """On the thread: have them written, or drop what the store does not take."""
        requests = [record for record in records if isinstance(record, tuple)]
        if requests:
            self._hand_over(self._process(), requests)
        entries = [record for record in records if isinstance(record, Entry)]
        if entries:
            self._hand_over(self._writer, entries)
            for entry, error in self._writer.failed:
                if entry.on_error is not None:
                    with suppress(Exception):  # it is the script's
                        entry.on_error(error)
        self._losses.log()

    @cached_property
    def _writer(self) -> RowWriter:
        from mlmagic.scoring.collection.writer import RowWriter  # most services collect nothing

        return RowWriter(self.settings)

    def _process(self) -> Delivery:
        if self._beside is None:
            from mlmagic.scoring.collection.writer import RowWriter
            from mlmagic.scoring.delivery.process import DeliveryProcess

            self._beside = DeliveryProcess(partial(RowWriter, self.settings))
        return self._beside

    def _hand_over(self, delivery: Delivery, records: Sequence[Record]) -> None:
        """Have them written, with some attempts."""
        for outcome in attempts(delivery, records, PAUSES, self._thread.may_retry_after):
            if self._counters is not None:
                self._counters.collected += outcome.delivered
            if outcome.dropped:
                self._drop(outcome.dropped, outcome.reason)

    def _drop(self, count: int, reason: str) -> None:
        if self._counters is not None:
            with self._counting:  # several threads may drop records
                self._counters.uncollected += count
        self._losses.add(count, reason)


_lock = threading.Lock()
_current: Collection | None = None


def collection() -> Collection:
    """The collection of this process, made from its environment variables at its first use."""
    global _current
    if _current is not None:  # without the lock: a script may fork while another thread is here
        return _current
    with _lock:
        if _current is None:
            _current = Collection(_settings())
            atexit.register(_current.close)
        return _current


def open_collection() -> Collection:
    """The same for a server that starts. Raises `InvalidCollection` for wrong settings."""
    settings = CollectionSettings.of(os.environ)
    settings.check_packages()
    close_collection()
    return collection()


def close_collection() -> None:
    """Write all that is waiting, and read the environment variables again at the next use."""
    global _current
    with _lock:
        closing, _current = _current, None
    if closing is not None:
        atexit.unregister(closing.close)
        closing.close()


def _settings() -> CollectionSettings:
    """Outside a server, wrong settings turn collection off: a script goes on."""
    try:
        return CollectionSettings.of(os.environ)
    except InvalidCollection as error:
        print(f"mlmagic: no data is collected: {error}", file=sys.stderr, flush=True)
        return CollectionSettings()
