"""The engine's verbs for a service that is to stay what it is: anew, newer, or more of it."""

from __future__ import annotations

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.events import EventKind, service_subject
from mlmagic.core.model import ModelFilter
from mlmagic.core.renewal import Renewal, newest_of
from mlmagic.core.webservice import State, Webservice
from mlmagic.engine import sources
from mlmagic.engine.deployment_verbs import DeploymentVerbs, revise
from mlmagic.engine.model_verbs import Notify, silent
from mlmagic.engine.reach import within_reach
from mlmagic.errors import InvalidConfig, UsageError, WrongState
from mlmagic.workspace import events, services

MOST_REPLICAS = 100


class RenewalVerbs(DeploymentVerbs):
    """What can be renewed."""

    def restart(self, name: str) -> Webservice:
        """Bring a service up anew, as it is; returns while it is Transitioning.

        It is an update to what it serves already, so callers are answered all the while. One that is
        Stopped or Failed is started.
        """
        service = within_reach(self.service(name), "restart")
        if service.state in (State.STOPPED, State.FAILED):
            return self.start(name)
        self._targets(service.target).check()
        with self.memory.writing() as tx:
            revision = services.get_revision(tx, service.id, service.revision)
            renewed = revise(tx, name, revision, "restart")
        if revision.config.guarded:
            self._deliver_keys(renewed)
        self._see_to_it()
        return renewed

    def renewal(self, name: str, captured: InferenceConfig | None = None, script_words: str = "") -> Renewal:
        """What an update to the newest versions of its models, and to ``captured``, would change.

        ``script_words`` are what that script is called. Nothing is recorded.
        """
        with self.memory.reading() as tx:
            service = services.get(tx, name)
            revision = services.get_revision(tx, service.id, service.revision)
        newest = {model.name: model.version for model in self.models(ModelFilter(latest=True))}
        script = ""
        if captured is not None:
            with self.memory.files.intake() as intake:
                files, _ = sources.take(intake, captured)
            script = "" if set(files) == set(revision.files) else script_words
        return Renewal(revision.models, newest_of(revision.models, newest), script)

    def renew(
        self,
        name: str,
        renewal: Renewal,
        captured: InferenceConfig | None = None,
        notify: Notify = silent,
    ) -> Webservice:
        """Do what `renewal` said; returns while the service is Transitioning."""
        return self.update(
            name,
            model_names=renewal.newest if renewal.newest != renewal.served else None,
            inference=captured if renewal.script else None,
            notify=notify,
        )

    def can_scale(self, service: Webservice) -> bool:
        """Whether its target can run several replicas of it."""
        target = self._target_of(service)
        return target is not None and target.capabilities.scales

    def scale(self, name: str, replicas: int) -> Webservice:
        """Run so many replicas of a service from now on; returns when it is asked for."""
        if not 1 <= replicas <= MOST_REPLICAS:
            raise InvalidConfig("replicas", replicas, f"must be between 1 and {MOST_REPLICAS}")
        service = within_reach(self.service(name), "scale")
        target = self._targets(service.target)
        if not target.capabilities.scales:
            raise UsageError(
                f"{name!r} runs on {service.target!r}, which runs one replica of a service",
                hint="Deploy it on a target that scales.",
            )
        if service.handle is None or service.serving is None:
            raise WrongState(name, service.state, "scale")
        target.scale(target.unpack(service.handle), replicas)
        words = f"{replicas} replica{'' if replicas == 1 else 's'} asked for"
        with self.memory.writing() as tx:
            events.append(tx, EventKind.SCALED, service_subject(name), words)
        return service
