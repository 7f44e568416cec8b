"""The data collection of this process: what is collected waits in a bounded queue until it is written.

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
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from mlmagic.scoring.collection.entries import Entry, is_sampled
from mlmagic.scoring.collection.request_records import RECORDS, SCORED, Bodies, answered, asked, weight_of
from mlmagic.scoring.collection.settings import CollectionSettings, InvalidCollection
from mlmagic.scoring.delivery.delivery import Outcome
from mlmagic.scoring.delivery.losses import Losses
from mlmagic.scoring.delivery.queue import DeliveryQueue, Plan
from mlmagic.scoring.replayed import MARK, is_replayed

if TYPE_CHECKING:
    from mlmagic.scoring.collection.writer import RowWriter
    from mlmagic.scoring.delivery.process import DeliveryProcess
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


class Collection:
    """Collects the records of one process."""

    def __init__(self, settings: CollectionSettings) -> None:
        self.settings = settings
        self.has_collector = False
        """Whether the script has a collector of its own, which records instead of the server."""
        self.collectors_made = 0
        self._is_sampled = settings.sample_rate < 1
        self._entries = DeliveryQueue(self._plan(), self._report, _records_of, self._tell_script)
        """What the script collects."""
        self._beside: DeliveryProcess | None = None
        self._losses = Losses("records of collected data were dropped", _QUIET_SECONDS, lambda: sys.stderr)
        self._counters: Counters | None = None
        self._counting = threading.Lock()
        if settings.writes:
            self._writer  # noqa: B018 (imported at the start, and not beside the first requests)

    def _plan(self) -> Plan:
        return Plan(
            "mlmagic data collection",
            lambda: self._writer,
            most_waiting=MOST_WAITING_BYTES,
            most_at_once=MOST_AT_ONCE if self.settings.appends else MOST_IN_FILE,
            delay_s=DELAY_SECONDS if self.settings.appends else FILE_SECONDS,
            pauses=PAUSES,
            close_s=CLOSE_SECONDS,
            full="the queue is full: the store is too slow",
            ended="the process ended",
            weigh=_weight_of_entry,
        )

    def note_collector(self) -> None:
        """The script has made a collector."""
        self.collectors_made += 1
        self.has_collector = True

    @property
    def records_requests(self) -> bool:
        """Whether the server is to record requests, unless the script has a collector."""
        return self.settings.writes and self.settings.records_requests

    def record_with(self, process: DeliveryProcess) -> int:
        """Have what the server records written by ``process``; returns the kind of these records."""
        from mlmagic.scoring.collection.writer import RowWriter

        self._beside = process
        plan = replace(
            self._plan(), make=partial(RowWriter, self.settings), weigh=_weight_of_request, records=RECORDS
        )
        return process.register(plan, self._report)

    def count_in(self, counters: Counters) -> None:
        """Count what is written and dropped in the metrics of the server."""
        self._counters = counters

    def keeps(self, identity: str) -> bool:
        """Whether the records with this correlation id are in the sample."""
        return is_sampled(identity, self.settings.sample_rate)

    def add(self, record: Entry) -> None:
        """Take what a script collects; returns at once."""
        self._entries.add(record)

    def bodies_of(self, request: Request, response: Response) -> Bodies | None:
        """What is collected of a request and its answer; None unless it was scored without an error."""
        if not 200 <= response.status < 300 or request.method not in SCORED:
            return None
        if MARK in request.fields and is_replayed(request.fields):
            return None
        if self._is_sampled and not self.keeps(request.identity.decode("latin-1")):
            return None
        return asked(request) + answered(response)

    def close(self) -> None:
        """Write all that is waiting, for a few seconds at most."""
        self._entries.close()
        if self._beside is not None:
            self._beside.close()
        self._losses.log(at_once=True)

    def _tell_script(self) -> None:
        for entry, error in self._writer.failed:
            if entry.on_error is not None:
                with suppress(Exception):  # it is the script's
                    entry.on_error(error)

    def _report(self, outcome: Outcome) -> None:
        if self._counters is not None and (outcome.delivered or outcome.dropped):
            with self._counting:  # several threads may report
                self._counters.collected += outcome.delivered
                self._counters.uncollected += outcome.dropped
        self._losses.report(outcome)

    @cached_property
    def _writer(self) -> RowWriter:
        from mlmagic.scoring.collection.writer import RowWriter  # most services collect nothing

        return RowWriter(self.settings)


def _records_of(entry: Entry) -> int:
    return entry.records


def _weight_of_entry(entry: Entry) -> int:
    return max(LEAST_BYTES, entry.weight)


def _weight_of_request(observed: Sequence[Any]) -> int:
    return LEAST_BYTES + weight_of(observed)


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
