"""Taking down: what was replaced is retired, what is not wanted any more stopped or deleted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from mlmagic.core.events import EventKind
from mlmagic.core.webservice import Retiring, State
from mlmagic.engine import staging
from mlmagic.engine.steps import pace
from mlmagic.engine.steps.base import ServiceSteps
from mlmagic.targets.base import BuildsImages
from mlmagic.workspace import services


class EndingSteps(ServiceSteps):
    """Steps at revisions that are to end."""

    def _retire(self) -> float:
        service = self.service
        for old in service.retiring:
            self._end(old.handle)
            staging.unstage(self.memory, service, old.revision)
        with self.memory.writing() as tx:
            if services.observe(tx, service, {"retiring": []}):
                for old in service.retiring:
                    services.forget_revision(tx, service.id, old.revision)
        return pace.AT_ONCE

    def _discard(self) -> float:
        service = self.service
        assert service.candidate is not None
        retiring = [*service.retiring, Retiring(service.candidate, service.candidate_handle)]
        self._write(
            {"candidate": None, "candidate_handle": None, "retiring": [asdict(old) for old in retiring]}
        )
        return pace.AT_ONCE

    def _stop(self) -> float:
        wanted, target = self.service.revision, self._target
        handles = self._end_all(keep=target.halt if isinstance(target, BuildsImages) else target.stop)
        self._write(
            {
                "state": State.STOPPED.value,
                "serving": None,
                "handle": handles.pop(wanted, None),
                "candidate": None,
                "candidate_handle": None,
                "retiring": [asdict(Retiring(number, None)) for number in handles],
                "words": "stopped",
                "error": None,
                "stats": {},
            },
            EventKind.STATE_CHANGED,
            "Stopped",
        )
        return pace.AT_ONCE

    def _delete(self) -> float:
        service = self.service
        self._end_all(keep=self._target.stop)
        # The row goes last: whoever waits for its end finds nothing left.
        shutil.rmtree(self.memory.services_folder / service.id, ignore_errors=True)
        with self.memory.writing() as tx:
            services.remove(tx, service, f"deleted {service.name}")
        return pace.AT_ONCE

    def _end_all(self, *, keep: Callable[[Any], None]) -> dict[int, Mapping[str, Any] | None]:
        """End every revision, the wanted one with ``keep``; returns what they were known by."""
        service = self.service
        handles = self._handles()
        for number, handle in handles.items():
            if number == service.revision and handle is not None:
                keep(self._target.unpack(handle))
            else:
                self._end(handle)
        if service.candidate is None and service.serving != service.revision:
            # Perhaps launched, by somebody who was killed before the handle could be saved.
            self._end_unsaved()
        return handles

    def _end_unsaved(self) -> None:
        service = self.service
        if staging.run_folder(self.memory, service, service.revision).is_dir():
            handle = self._target.find(staging.stage(self.memory, service))
            if handle is not None:
                self._target.stop(handle)

    def _end(self, handle: Mapping[str, Any] | None) -> None:
        if handle is not None:
            self._target.stop(self._target.unpack(handle))
