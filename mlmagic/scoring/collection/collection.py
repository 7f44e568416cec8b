"""The data collection of this process: a bounded queue, and a thread that writes batches.

A prediction never waits for it, and never fails because of it. When the queue is full, or the store fails
for longer than it is tried again, records are dropped, counted in GET /metrics, and the log says so.
"""

from __future__ import annotations

import atexit
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from mlmagic.scoring.batch_thread import BatchThread, Losses
from mlmagic.scoring.collection.entries import Entry, is_sampled
from mlmagic.scoring.collection.recorded_requests import Body, ScoredRequest, is_recorded
from mlmagic.scoring.collection.settings import CollectionSettings, InvalidCollection
from mlmagic.scoring.collection.stores import Batch, batches_of, store_of

if TYPE_CHECKING:
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response
    from mlmagic.scoring.metrics import Counters

MOST_WAITING_BYTES = 64 << 20
"""About so much memory the records take that wait; more are dropped."""
LEAST_BYTES = 1024
"""Any record counts as so many, so that at most 65,536 wait."""
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
_SLICE = 8
"""So many requests are read at a time: between them, the thread that answers requests has the interpreter."""
_SPREAD_SECONDS = 0.25
_LONGEST_PAUSE = 0.002

Reply = Callable[["Response"], None]
Record = Entry | ScoredRequest


class Collection:
    """Collects the records of one process."""

    def __init__(self, settings: CollectionSettings) -> None:
        self.settings = settings
        self.has_collector = False
        """Whether the script has a collector of its own, which records instead of the server."""
        self.collectors_made = 0
        self._store = store_of(settings)
        self._thread = BatchThread(
            "mlmagic data collection",
            self._deliver,
            most_waiting=MOST_WAITING_BYTES,
            most_at_once=MOST_AT_ONCE if self._store.appends else MOST_IN_FILE,
            delay_s=DELAY_SECONDS if self._store.appends else FILE_SECONDS,
        )
        self._losses = Losses("records of collected data were dropped", _QUIET_SECONDS, lambda: sys.stderr)
        self._counters: Counters | None = None
        self._counting = threading.Lock()

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

    def add(self, record: Record) -> None:
        """Take a record; returns at once."""
        if not self._thread.add(record, max(LEAST_BYTES, record.weight)):
            self._drop(record.records, "the queue is full: the store is too slow")

    def listen(self, request: Request, identity: str, reply: Reply) -> Reply:
        """``reply``, which also records the request and its answer."""
        if self.has_collector or not self.keeps(identity):
            return reply
        asked = Body.of_request(request)

        def heard(response: Response) -> None:
            reply(response)
            if is_recorded(request, response.status) and not self.has_collector:
                self.add(ScoredRequest(identity, time.time(), asked, Body.of_response(response)))

        return heard

    def close(self) -> None:
        """Write all that is waiting, for a few seconds at most."""
        if left := self._thread.close(CLOSE_SECONDS):
            self._drop(sum(record.records for record in left), "the process ended")
        self._losses.log(at_once=True)

    def _deliver(self, records: Sequence[Record]) -> None:
        """On the thread: write them, or drop what the store does not take."""
        entries: list[Entry] = []
        for at, record in enumerate(records):
            if at % _SLICE == 0 and self._thread.seconds_left == math.inf:
                time.sleep(pause_for(self._thread.backlog))
            try:
                entries += self._entries(record)
            except Exception as error:
                self._drop(record.records, f"{type(error).__name__}: {error}")
        for batch in batches_of(entries):
            self._write(batch)
        self._losses.log()

    def _entries(self, record: Record) -> Sequence[Entry]:
        if isinstance(record, ScoredRequest):
            return record.entries(self.settings)
        return [record.redacted(self.settings.redaction)]

    def _write(self, batch: Batch) -> None:
        for pause in (*PAUSES, None):
            try:
                self._store.write(batch)
            except Exception as error:  # each kind of store has errors of its own
                if pause is not None and self._thread.may_retry_after(pause):
                    continue
                self._drop(len(batch.entries), f"the store failed: {error}")
                for entry in batch.entries:
                    if entry.on_error is not None:
                        with suppress(Exception):  # it is the script's
                            entry.on_error(error)
            else:
                if self._counters is not None:
                    self._counters.collected += len(batch.entries)
            return

    def _drop(self, count: int, reason: str) -> None:
        if self._counters is not None:
            with self._counting:  # several threads may drop records
                self._counters.uncollected += count
        self._losses.add(count, reason)


def pause_for(backlog: int) -> float:
    """Seconds between two slices: the work is spread evenly, and done sooner the more waits."""
    return min(_LONGEST_PAUSE, _SPREAD_SECONDS * _SLICE / max(1, backlog))


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
