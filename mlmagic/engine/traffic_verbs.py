"""The engine's verb for traffic: what a service was really asked."""

from __future__ import annotations

from mlmagic.core.traffic import RecordedRequest, read_recorded
from mlmagic.engine.reach import within_reach
from mlmagic.engine.service_verbs import ServiceVerbs
from mlmagic.errors import UsageError
from mlmagic.workspace import services


class TrafficVerbs(ServiceVerbs):
    """What was asked."""

    def traffic(self, name: str, *, last: int | None = None) -> list[RecordedRequest]:
        """The last requests to a service since its last update, oldest first: at most as many as it keeps.

        Raises `UsageError` for a service that keeps none; `NotFound`.
        """
        service = within_reach(self.service(name), "read the traffic of")
        kept = self.revision(service).config.recorded_requests
        if not kept:
            raise UsageError(
                f"{name!r} does not keep its requests",
                hint=f"%update {name} --record 1000 keeps the last 1000 from then on.",
            )
        target = self._targets(service.target)
        if not target.capabilities.records_traffic:
            raise UsageError(f"the target {service.target!r} cannot tell what {name!r} was asked")
        if service.handle is None:
            return []
        contents = target.traffic(target.unpack(service.handle))
        return read_recorded(contents, kept if last is None else min(last, kept))

    def keeping_traffic(self) -> list[str]:
        """The services that keep their requests, by name."""
        with self.memory.reading() as tx:
            return [
                each.name
                for each in services.list_services(tx)
                if services.get_revision(tx, each.id, each.revision).config.recorded_requests
            ]

    def traffic_to_replay(self, name: str) -> list[str]:
        """The bodies of those requests. Raises `UsageError` when there is none yet, too."""
        asked = self.traffic(name)
        if not asked:
            raise UsageError(f"{name!r} was not asked anything since its last update")
        return [request.body for request in asked]
