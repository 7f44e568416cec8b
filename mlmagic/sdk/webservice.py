"""`Webservice`: a deployed service, found by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from mlmagic.core import webservice as core
from mlmagic.core.access import AccessToken
from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.core.deployments import config_changes
from mlmagic.core.model import ModelFilter, added_properties
from mlmagic.core.revisions import RevisionSummary
from mlmagic.core.traffic_history import BUCKETS, MOST_BUCKETS, TrafficPoint
from mlmagic.engine.services.services import DEPLOY_TIMEOUT_SECONDS
from mlmagic.errors import InvalidConfig, MLMagicError, NotFound, UsageError
from mlmagic.sdk.exceptions import WebserviceException, raised_with, raises
from mlmagic.sdk.inference import InferenceConfig
from mlmagic.sdk.labels import label_filter
from mlmagic.sdk.messages import show_line
from mlmagic.sdk.model_references import ModelLike, model_ids
from mlmagic.sdk.webservice_attributes import WebserviceAttributes
from mlmagic.sdk.workspace_base import WorkspaceBase
from mlmagic.visible_text import visible

Webservices = list["Webservice"]
Revisions = list[RevisionSummary]
TrafficPoints = list[TrafficPoint]
"""Names for them, because `Webservice.list` hides the built-in one in its class."""
_KNOWN_COMPUTE_TYPES = ("Local", "ACI", "AKS", "AKSENDPOINT", "IOT", "MIR")


@raises(WebserviceException)
class Webservice(WebserviceAttributes):
    """A deployed service. Each attribute is read from the workspace at the moment it is used.

    ``Webservice(workspace, name)`` finds a service and returns an object of the class of its compute type.
    All methods raise `WebserviceException`. Where there is no service of that name, the message begins with
    ``WebserviceNotFound``, as in Azure ML v1.
    """

    def __new__(cls, workspace: WorkspaceBase, name: str, **more: Any) -> Webservice:
        found = Webservice.of(workspace, _find(workspace, name))
        if not isinstance(found, cls):
            raise WebserviceException(
                f"{name!r} is a {found.compute_type} service, not a {cls.__name__}",
                hint=f"Use Webservice(workspace, {name!r}).",
            )
        return found

    def __init__(self, workspace: WorkspaceBase, name: str) -> None:
        """Does nothing: `__new__` has found the service."""

    @classmethod
    def of(cls, workspace: WorkspaceBase, record: core.Webservice) -> Webservice:
        """The object for a service's record."""
        made: Webservice = object.__new__(workspace.service_class(record))
        made.workspace, made._record = workspace, record
        return made

    @staticmethod
    def list(
        workspace: WorkspaceBase,
        compute_type: str | None = None,
        image_name: str | None = None,
        image_id: str | None = None,
        model_name: str | None = None,
        model_id: str | None = None,
        tags: Iterable[Any] | None = None,
        properties: Iterable[Any] | None = None,
        image_digest: str | None = None,
    ) -> Webservices:
        """List the services that match all arguments given. A tag is ``'key'`` or ``['key', 'value']``.

        Of an endpoint it is the endpoint, not its versions.
        """
        if compute_type is not None and compute_type.upper() not in map(str.upper, _KNOWN_COMPUTE_TYPES):
            raise InvalidConfig(
                "compute_type", compute_type, f"must be one of {', '.join(_KNOWN_COMPUTE_TYPES)}"
            )
        wanted = ModelFilter(tags=label_filter(tags), properties=label_filter(properties))
        workspace.engine.supervision.ensure_for_services()
        versions = workspace.engine.endpoints.owned_services()
        found = [
            Webservice.of(workspace, record)
            for record in workspace.engine.services.list()
            if record.name not in versions
            and (model_id is None or model_id in record.models)
            and (model_name is None or model_name in {each.partition(":")[0] for each in record.models})
            and wanted.accepts_labels(record.tags, record.properties)
        ]
        return [
            each
            for each in found
            if compute_type is None or each.compute_type.upper() == compute_type.upper()
        ]

    def run(self, input: Any) -> Any:
        """Score ``input``: text and bytes are sent unchanged, other values as JSON.

        Returns the parsed response.
        Raises `WebserviceException` with ``status``, the whole ``body`` and the script's ``traceback``.
        """
        return self._engine.requests.score(self.name, input)

    def get_keys(self) -> tuple[str, str]:
        """The primary and the secondary key. `run` sends one of them."""
        return self._engine.keys.get(self.name)

    def regen_key(self, key: str, set_key: str | None = None) -> None:
        """Replace the ``Primary`` or ``Secondary`` key by ``set_key`` or a new one; the other stays valid."""
        self._engine.keys.regenerate(self.name, key, set_key)

    def get_token(self) -> tuple[str, datetime]:
        """A token, and the time (UTC) after which to get a new one."""
        token = self.get_access_token()
        return token.access_token, token.refresh_after

    def get_access_token(self) -> AccessToken:
        """A token with access_token, token_type, refresh_after and expiry_on."""
        return self._engine.keys.access_token(self.name)

    def get_logs(self, num_lines: int = 5000, init: bool = False) -> str:
        """The last ``num_lines`` lines of the service's log, those of ``init()`` included."""
        return "\n".join(self._engine.services.logs(self.name, tail=num_lines))

    def traffic_history(self, intervals: int = BUCKETS) -> TrafficPoints:
        """The traffic of the last 15 minutes in equal intervals, oldest first.

        Each point has ``time`` (the end of the interval, in seconds since the epoch), ``seconds``,
        ``requests_per_second``, ``errors_per_second``, ``p50_ms`` and ``p99_ms`` (latencies in milliseconds),
        ``cpu_cores`` and ``memory_bytes``. Latencies, CPU and memory are None for intervals without requests,
        and CPU and memory also if the compute target does not measure them.
        ``to_record()`` returns all of them as a dict. Traffic is also measured while no notebook is open.
        """
        if not 1 <= intervals <= MOST_BUCKETS:
            raise InvalidConfig("intervals", intervals, f"must be between 1 and {MOST_BUCKETS}")
        return [*self._engine.services.traffic_history(self.name).resampled(intervals)]

    def update_deployment_state(self) -> None:
        """Does nothing: each attribute is read when it is used."""
        _ = self.record

    def wait_for_deployment(self, show_output: bool = False, timeout_sec: float | None = None) -> None:
        """Wait until the deployment or update has succeeded or failed.

        Raises `WebserviceException` with the script's own error, or with the last state seen after
        ``timeout_sec`` seconds (ten minutes by default).
        """
        timeout = DEPLOY_TIMEOUT_SECONDS if timeout_sec is None else timeout_sec
        now = self._engine.services.get(self.name)
        # Another process may have requested a later update; wait for that. But an update of ours that failed
        # and was rolled back has a lower number now, and its failure must be raised.
        wanted = now if now.revision > self._record.revision else self._record
        progress = StateProgress() if show_output else None
        try:
            self._record = self._engine.services.wait(
                wanted, timeout, watching=progress or (lambda record: None), notify=print
            )
        except MLMagicError:
            if progress:
                print(f'{self.compute_type} service creation operation finished, operation "Failed"')
            raise
        if progress:
            self._print_success()

    def _print_success(self) -> None:
        print(f'{self.compute_type} service creation operation finished, operation "Succeeded"')

    def update(
        self,
        models: Iterable[ModelLike] | None = None,
        inference_config: InferenceConfig | CoreInferenceConfig | None = None,
        **settings: Any,
    ) -> None:
        """Change models, script or settings; arguments that are not given stay as they are.

        ``settings`` are the arguments of its ``deploy_configuration``. Tags are replaced, properties are
        added. Returns at once, see `wait_for_deployment`.
        """
        self._update(models, inference_config, settings)

    def _update(
        self,
        models: Iterable[ModelLike] | None,
        inference_config: InferenceConfig | CoreInferenceConfig | None,
        settings: Mapping[str, Any],
    ) -> None:
        given = {name: value for name, value in settings.items() if value is not None}
        if models is None and inference_config is None and not given:
            raise UsageError(
                "No parameters provided to update.", hint="Give models, inference_config or settings."
            )
        if models is None and inference_config is None and set(given) == {"num_replicas"}:
            self._record = self._engine.replicas.set(self.name, given["num_replicas"])
            return
        changes = config_changes(self._revision.config, given)
        inference = inference_config
        if isinstance(inference, InferenceConfig):
            if inference.environment_variables:
                changes["environment_variables"] = inference.environment_variables
            inference = inference.to_core()
        self._record = self._engine.services.update(
            self.name,
            model_names=None if models is None else model_ids(self._engine, models),
            inference=inference,
            config_changes=changes,
            notify=show_line,
            nearest=True,
        )

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags; they replace tags of the same key."""
        self._label(tags={**self.tags, **tags})
        print("Service tag add operation complete.")

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Remove tags by key."""
        removed = {tags} if isinstance(tags, str) else set(tags)
        self._label(tags={key: value for key, value in self.tags.items() if key not in removed})
        print("Service tag remove operation complete.")

    def add_properties(self, properties: Mapping[str, str]) -> None:
        """Add properties. Raises for a key that is set: properties never change."""
        self._label(properties=added_properties(self.properties, properties))
        print("Service property add operation complete.")

    def _label(self, **changes: Mapping[str, str]) -> None:
        self._record = self._engine.services.label(self.name, **changes)

    def stop(self) -> None:
        """Stop the service without deleting it."""
        self._record = self._engine.services.stop(self.name)

    def start(self) -> None:
        """Start a stopped or failed service. Returns at once, see `wait_for_deployment`."""
        self._record = self._engine.services.start(self.name)

    def restart(self) -> None:
        """Restart the service without downtime. Returns at once, see `wait_for_deployment`."""
        self._record = self._engine.services.restart(self.name)

    def rollback(self, revision: int | None = None) -> int:
        """Go back to the models, script, environment and settings of an earlier revision.

        They become a new revision, and the present one serves until that is Healthy. Tags, properties,
        description and keys stay. Without ``revision``: the last one before the present revision that was
        Healthy and differs from it. While an update is under way, a rollback to the revision that serves
        cancels the update.
        Returns the number of the earlier revision at once, see `wait_for_deployment`.
        """
        done = self._engine.services.rollback(self.name, revision, notify=show_line)
        self._record = done.service
        return done.revision

    def revisions(self) -> Revisions:
        """The revisions, the newest first: models, script, target, status and what changed with each."""
        return self._engine.services.revisions(self.name)

    def delete(self) -> None:
        """Stop and delete the service; prints a line if it was deleted before."""
        try:
            self._engine.services.delete(self.name)
        except NotFound:
            print(f"No service with name {self.name} found to delete.")

    @classmethod
    def deserialize(cls, workspace: WorkspaceBase, webservice_payload: Mapping[str, Any]) -> Webservice:
        """The service of a dict that `serialize` returned, as it is now."""
        return Webservice(workspace, str(webservice_payload.get("name", "")))


class StateProgress:
    """Prints each change of a service's state once."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, record: core.Webservice) -> None:
        text = f"{record.state}: {record.words}" if record.words else str(record.state)
        if text != self._last:
            self._last = text
            print(visible(text))


def _find(workspace: WorkspaceBase, name: str) -> core.Webservice:
    try:
        return workspace.engine.services.get(name)
    except NotFound as error:
        raise raised_with(
            WebserviceException,
            error,
            f"WebserviceNotFound: Webservice with name {name} not found in provided workspace",
        ) from None
