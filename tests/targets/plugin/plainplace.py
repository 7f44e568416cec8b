"""A target as somebody else wrote it for the first contract: a name, a handle and the abstract methods."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from mlmagic.core.webservice import Observation, Phase
from mlmagic.targets.base import ComputeTarget

URL = "http://127.0.0.1:1"
_services = {}
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class PlainHandle:
    job: int


class PlainTarget(ComputeTarget[PlainHandle]):
    name = "plain"
    handle_type = PlainHandle

    def check(self):
        return

    def validate(self, config, *, current_port=None):
        return

    def launch(self, spec, report):
        found = self.find(spec)
        if found is not None:
            return found
        handle = PlainHandle(next(_numbers))
        _services[handle] = spec
        report(f"job {handle.job}")
        return handle

    def find(self, spec):
        return next((handle for handle, known in _services.items() if known.run_dir == spec.run_dir), None)

    def observe(self, handle):
        if handle not in _services:
            return Observation(Phase.GONE, words="no such job")
        return Observation(Phase.RUNNING, url=URL, ready=1)

    def stop(self, handle, *, grace=10.0):
        _services.pop(handle, None)

    def logs(self, handle, *, tail=200, follow=False):
        yield from [f"job {handle.job} started"][: max(tail, 0)] if handle in _services else []
