"""Requests to services: send one, find one that fits, and read those that a service has recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mlmagic.core import advice
from mlmagic.core.parity import Answer
from mlmagic.core.request_sample import request_sample, request_text
from mlmagic.core.traffic import RecordedRequest, read_recorded
from mlmagic.core.webservice import Webservice
from mlmagic.engine.http.client import Caller, Client
from mlmagic.engine.models.models import Models
from mlmagic.engine.services.keys import Keys
from mlmagic.engine.services.ownership import owned_here
from mlmagic.engine.targets import Targets
from mlmagic.errors import Advice, InvokeError, UsageError, WrongState
from mlmagic.workspace import services
from mlmagic.workspace.memory import Memory

_VERSIONS = ("3.1", "3", "2")
"""Versions of OpenAPI, the most expressive first: not every script can be described in each."""


class Requests:
    """Calls the services of one workspace."""

    def __init__(self, memory: Memory, targets: Targets, client: Client, models: Models, keys: Keys) -> None:
        self._memory, self._targets, self._client = memory, targets, client
        self._models, self._keys = models, keys

    def score(self, name: str, data: Any) -> Any:
        """Send ``data`` to a service and return the parsed answer; raises `InvokeError` unless it is 200."""
        service, caller = self._serving(name)
        return self._client.score(name, str(service.scoring_uri), data, caller)

    def send(self, name: str, body: bytes) -> Answer:
        """Send a request body as it is; returns the answer with any status, 0 if there was none.

        Raises `WrongState` for a service that does not serve.
        """
        service, caller = self._serving(name)
        return self._client.answer(name, str(service.scoring_uri), body, caller)

    def sample(self, name: str) -> str:
        """A request body that fits a service: from its OpenAPI description, else from its models' sample.

        Empty if neither has one; raises `WrongState` for a service that does not serve.
        """
        service, _ = self._serving(name)
        sample = request_sample(self._description(name))
        if sample is not None:
            return request_text(sample)
        for model in self._models.find_all(service.models):
            if model.details.sample_input is not None:
                return request_text({"data": model.details.sample_input})
        return ""

    def recorded(self, name: str, *, last: int | None = None) -> list[RecordedRequest]:
        """The last requests to a service since its last update, oldest first: at most as many as it records.

        Raises `UsageError` for a service that records none; `NotFound`.
        """
        with self._memory.reading() as tx:
            service = owned_here(services.get(tx, name), "read the requests of")
            kept = services.get_revision(tx, service.id, service.revision).config.recorded_requests
        if not kept:
            raise UsageError(
                f"{name!r} does not record its requests",
                hint=Advice(
                    "Record the next 1000 with: {update}", update=advice.update(name, recorded_requests=1000)
                ),
            )
        target = self._targets.get(service.target)
        if not target.capabilities.records_traffic:
            raise UsageError(f"target {service.target!r} does not record requests, so {name!r} has none")
        if service.handle is None:
            return []
        contents = target.traffic(target.unpack(service.handle))
        return read_recorded(contents, kept if last is None else min(last, kept))

    def recording_services(self) -> list[str]:
        """The names of the services that record their requests."""
        with self._memory.reading() as tx:
            return [
                each.name
                for each in services.list_services(tx)
                if services.get_revision(tx, each.id, each.revision).config.recorded_requests
            ]

    def to_replay(self, name: str) -> list[str]:
        """The bodies of the recorded requests; also raises `UsageError` if there are none yet."""
        found = self.recorded(name)
        if not found:
            raise UsageError(f"no requests to {name!r} were recorded since its last update")
        return [request.body for request in found]

    def _serving(self, name: str) -> tuple[Webservice, Caller]:
        """A service that serves, and how to call it; raises `WrongState`, `UsageError`."""
        with self._memory.reading() as tx:
            service = owned_here(services.get(tx, name), "score")
            if service.scoring_uri is None or service.serving is None:
                hint = f"Last seen: {service.words}." if service.words else ""
                raise WrongState(name, service.state, "score", hint=hint)
            return service, self._keys.caller(tx, service)

    def _description(self, name: str) -> Mapping[str, Any]:
        service, caller = self._serving(name)
        for version in _VERSIONS:
            try:
                found = json.loads(
                    self._client.read(name, f"{service.swagger_uri}?version={version}", caller)
                )
            except InvokeError as error:
                if not error.status:
                    break  # the service is away: another version would only take longer
            except ValueError:
                continue
            else:
                if isinstance(found, Mapping):
                    return found
        return {}
