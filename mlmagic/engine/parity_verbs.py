"""The engine's verb for parity: the same requests to a service and to its twin on another target."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlmagic.core.environment import package_name
from mlmagic.core.names import ModelReference
from mlmagic.core.parity import TOLERANCE, Parity, compare, package_differences
from mlmagic.core.webservice import Revision, ServiceSpec, Webservice
from mlmagic.engine import staging
from mlmagic.engine.environments.builds import Ready, make_ready
from mlmagic.engine.environments.place import place_for
from mlmagic.engine.model_verbs import Notify, silent
from mlmagic.engine.profiling.trial import wait_until_up
from mlmagic.engine.reach import within_reach
from mlmagic.engine.service_verbs import ServiceVerbs
from mlmagic.errors import InvalidConfig, WrongState
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace import models


class ParityVerbs(ServiceVerbs):
    """What can be compared."""

    def parity(
        self,
        name: str,
        target_name: str,
        rows: Sequence[bytes],
        *,
        tolerance: float = TOLERANCE,
        notify: Notify = silent,
    ) -> Parity:
        """Ask a service and its twin on another target the same; the twin is gone afterwards.

        Each of ``rows`` is a request's body. Numbers may differ by ``tolerance``, as a share. Raises
        `WrongState` for a service that does not answer, and what a launch raises.
        """
        if not rows:
            raise InvalidConfig("requests", rows, "must be one at least", hint="Each is a body.")
        service = within_reach(self.service(name), "compare")
        if service.scoring_uri is None or service.serving is None or service.handle is None:
            raise WrongState(name, service.state, "compare")
        target = self._targets(target_name)
        target.check()
        revision = self.revision(service)
        with self.memory.reading() as tx:
            caller = self._caller(tx, service)
        with tempfile.TemporaryDirectory(prefix="mlmagic-parity-") as folder:
            spec = self._twin(service, revision, target, Path(folder), notify)
            notify(f"starting {name} on {target_name}")
            handle = target.launch(spec, notify)
            try:
                url = wait_until_up(target, handle)
                asked = [
                    (
                        self.client.answer(name, service.scoring_uri, row, caller),
                        self.client.answer(name, f"{url}/score", row),
                    )
                    for row in (rows[0], *rows)  # the first answer of each is its warm-up
                ][1:]
                packages = self._package_differences(service, target, handle, spec)
            finally:
                target.stop(handle, grace=1.0)
        differences = [found for row, pair in enumerate(asked) for found in compare(row, *pair, tolerance)]
        here, there = (statistics.median(pair[which].milliseconds for pair in asked) for which in (0, 1))
        return Parity(
            name, service.target, target_name, len(rows), tuple(differences), (here, there), packages
        )

    def _twin(
        self,
        service: Webservice,
        revision: Revision,
        target: ComputeTarget[Any],
        folder: Path,
        notify: Notify,
    ) -> ServiceSpec:
        with self.memory.reading() as tx:
            used = [models.get(tx, ModelReference.parse(model)) for model in revision.models]
        self.memory.files.copy_out(revision.files, folder / "app")
        place = place_for(target, revision.inference, notify, nearest_python=True)
        ready = Ready(place.python)
        if target.capabilities.runs_interpreter:
            ready = make_ready(place.python, revision.inference.environment, folder, notify)
        name = f"twin-of-{service.name}"[:32].rstrip("-")
        config = revision.config.for_trial(target.name)
        return replace(
            staging.scratch_spec(self.memory, folder, name, revision.inference, used, config),
            revision=revision.number,
            python=ready.python,
            server_path=ready.server_path,
        )

    def _package_differences(
        self, service: Webservice, target: ComputeTarget[Any], handle: Any, spec: ServiceSpec
    ) -> tuple[tuple[str, str, str], ...]:
        own = self._targets(service.target)
        if not own.capabilities.lists_packages or not target.capabilities.lists_packages:
            return ()
        here = own.packages(own.unpack(service.handle or {}))
        there = target.packages(handle)
        needed = [package_name(line) for line in spec.requirements] or sorted(here.keys() & there.keys())
        return package_differences(here, there, ["python", *needed])
