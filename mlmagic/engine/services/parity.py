"""Parity: the same requests to a service and to a comparison deployment of it on another target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlmagic.core.environment import needs_of, package_name
from mlmagic.core.notify import Notify, silent
from mlmagic.core.parity import TOLERANCE, Parity, compare_all, package_differences
from mlmagic.core.replacements import with_replacements
from mlmagic.core.webservice import Revision, ServiceSpec, Webservice
from mlmagic.engine import staging
from mlmagic.engine.environments.builds import ready_for
from mlmagic.engine.environments.runtime import runtime_for
from mlmagic.engine.http.client import Caller, Client
from mlmagic.engine.models.models import Models
from mlmagic.engine.profiles.trial import wait_until_up
from mlmagic.engine.requirements import completed, with_compiled
from mlmagic.engine.services.keys import Keys
from mlmagic.engine.services.ownership import owned_here
from mlmagic.engine.services.temporary_work import TemporaryWork
from mlmagic.engine.targets import Targets
from mlmagic.errors import InvalidConfig, WrongState
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace import services
from mlmagic.workspace.memory import Memory


class ParityChecks:
    """Compares services between targets."""

    def __init__(
        self,
        memory: Memory,
        targets: Targets,
        client: Client,
        models: Models,
        keys: Keys,
        temporary_work: TemporaryWork,
    ) -> None:
        self._memory, self._targets, self._client = memory, targets, client
        self._models, self._keys, self._temporary_work = models, keys, temporary_work

    def check(
        self,
        name: str,
        target_name: str,
        rows: Sequence[bytes],
        *,
        tolerance: float = TOLERANCE,
        notify: Notify = silent,
    ) -> Parity:
        """Send the same requests to a service and to a comparison deployment, which is deleted afterwards.

        Each of ``rows`` is a request body. Numbers may differ by ``tolerance``, a relative difference. Raises
        `WrongState` for a service that does not answer, and what a launch raises.
        """
        if not rows:
            raise InvalidConfig("requests", rows, "must have at least one", hint="Each is a request body.")
        with self._memory.reading() as tx:
            service = owned_here(services.get(tx, name), "compare")
            if service.scoring_uri is None or service.serving is None or service.handle is None:
                raise WrongState(name, service.state, "compare")
            revision = services.get_revision(tx, service.id, service.revision)
            caller = self._keys.caller(tx, service)
        target = self._targets.usable(target_name)
        with self._temporary_work.begin("parity") as work:
            spec = self._comparison_spec(service, revision, target, work.folder, notify)
            notify(f"starting {name} on {target_name}")
            with work.running(target, spec, notify) as handle:
                url = wait_until_up(target, handle)
                compared = Caller(staging.trial_key(spec))
                answers = [
                    (
                        self._client.answer(name, service.scoring_uri, row, caller),
                        self._client.answer(name, f"{url}/score", row, compared),
                    )
                    for row in (rows[0], *rows)  # the first answer of each is its warm-up
                ][1:]
                packages = self._package_differences(service, target, handle, spec)
        differences, milliseconds = compare_all(answers, tolerance)
        return Parity(name, service.target, target_name, len(rows), differences, milliseconds, packages)

    def _comparison_spec(
        self,
        service: Webservice,
        revision: Revision,
        target: ComputeTarget[Any],
        folder: Path,
        notify: Notify,
    ) -> ServiceSpec:
        used, inference = self._models.find_all(revision.models), revision.inference
        self._memory.files.copy_out(revision.files, folder / "app")
        needs = completed(
            needs_of(inference.environment), inference, used, self._memory.files, is_recorded=True
        )
        needs = with_compiled(needs, revision.compiled)
        runtime = runtime_for(target, needs, notify, nearest=True)
        ready = ready_for(target, runtime.python, inference.environment, folder, notify)
        if inference.environment is not None:
            environment = with_replacements(inference.environment, ready.replacements)
            inference = replace(inference, environment=environment)
        name = f"comparison-of-{service.name}"[:32].rstrip("-")
        config = revision.config.for_trial(target.name)
        spec = replace(
            staging.scratch_spec(self._memory, folder, name, inference, used, config, revision.compiled),
            revision=revision.number,
            python=ready.python,
            server_path=ready.server_path,
        )
        return staging.with_trial_key(spec, target)

    def _package_differences(
        self, service: Webservice, target: ComputeTarget[Any], handle: Any, spec: ServiceSpec
    ) -> tuple[tuple[str, str, str], ...]:
        own = self._targets.get(service.target)
        if not own.capabilities.lists_packages or not target.capabilities.lists_packages:
            return ()
        here = own.packages(own.unpack(service.handle or {}))
        there = target.packages(handle)
        needed = [package_name(line) for line in spec.requirements] or sorted(here.keys() & there.keys())
        return package_differences(here, there, ["python", *needed])
