"""Replays: the requests that one service had, sent to it and to another one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mlmagic.core import advice
from mlmagic.core.parity import TOLERANCE, Parity, compare_all
from mlmagic.engine.collected_data.collected_data import CollectedData
from mlmagic.engine.services.requests import Requests
from mlmagic.errors import Advice, UsageError


class Replays:
    """Compares the answers of two services to the requests of one."""

    def __init__(self, requests: Requests, collected_data: CollectedData) -> None:
        self._requests, self._collected_data = requests, collected_data

    def requests_of(self, name: str, since: datetime | None = None) -> list[str]:
        """The bodies of the requests to a service: those that it recorded, or else has collected.

        ``since`` is a time of collected ones. Raises `UsageError` if there are none; `NotFound`.
        """
        if since is None and name in self._requests.recording_services():
            return self._requests.to_replay(name)
        try:
            return self._collected_data.bodies(name, since=since)
        except UsageError as error:
            raise UsageError(
                f"there are no requests to {name!r} to replay: {error}",
                hint=Advice(
                    "Keep them with: {record}, or with: {collect}",
                    record=advice.update(name, recorded_requests=1000),
                    collect=advice.update(name, collect_model_data=True),
                ),
            ) from None

    def run(self, old: str, new: str, rows: Sequence[bytes], *, tolerance: float = TOLERANCE) -> Parity:
        """Send each of ``rows``, a request's body, to both services, and compare the answers.

        Numbers may differ by ``tolerance``, a relative difference. Raises `UsageError` for one service twice,
        and `WrongState` for one that does not serve.
        """
        if old == new:
            raise UsageError(f"{old!r} is compared with itself: name two services")
        for name in (new, old):
            self._requests.send(name, rows[0])  # its first answer may have to warm up
        answers = [(self._requests.send(old, row), self._requests.send(new, row)) for row in rows]
        differences, milliseconds = compare_all(answers, tolerance)
        bodies = {each.row: rows[each.row].decode("utf-8", "replace") for each in differences}
        return Parity("", old, new, len(rows), differences, milliseconds, (), bodies)
