"""`Webservice`: a handle of a deployed service; every value is the workspace's, not its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from mlmagic.core import webservice as core
from mlmagic.core.access import AccessToken
from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.core.deployments import config_changes
from mlmagic.core.model import ModelFilter, added_properties
from mlmagic.engine.services.services import DEPLOY_TIMEOUT_SECONDS
from mlmagic.errors import InvalidConfig, MLMagicError, NotFound, UsageError
from mlmagic.sdk.exceptions import WebserviceException, raises, told_with
from mlmagic.sdk.labels import label_filter
from mlmagic.sdk.model import Model
from mlmagic.sdk.references import references

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine
    from mlmagic.sdk.inference import InferenceConfig
    from mlmagic.sdk.workspace import Workspace

Webservices = list["Webservice"]
"""It has a name because `Webservice.list` hides the built-in one in its class."""
COMPUTE_TYPES = {"local": "Local", "docker": "ACI", "kubernetes": "AKS"}
"""The documents' name for what runs on a target."""


@raises(WebserviceException)
class Webservice:
    """A service. Reading an attribute reads the service's record as it is at that moment.

    ``Webservice(workspace, name)`` finds one, and is of the class of its compute type. Raises
    `WebserviceException`, as all methods do; the message begins with ``WebserviceNotFound`` where there is
    none, which code of the first SDK looks for.
    """

    _classes: ClassVar[dict[str, type[Webservice]]] = {}
    """By target."""
    _engine: Engine
    _record: core.Webservice

    def __new__(cls, workspace: Workspace, name: str, **more: Any) -> Webservice:
        found = _find(workspace.engine, name)
        kind = _class_of(workspace.engine, found)
        if not issubclass(kind, cls):
            raise WebserviceException(
                f"{name!r} is a {_compute_type(found)} service, no {cls.__name__}",
                hint=f"Webservice(workspace, {name!r}) finds it.",
            )
        made = object.__new__(kind)
        made._engine, made._record = workspace.engine, found
        return made

    def __init__(self, workspace: Workspace, name: str) -> None:
        """Everything was done by `__new__`."""

    @classmethod
    def of(cls, engine: Engine, record: core.Webservice) -> Webservice:
        """The handle of a record."""
        made = object.__new__(_class_of(engine, record))
        made._engine, made._record = engine, record
        return made

    @staticmethod
    def list(
        workspace: Workspace,
        compute_type: str | None = None,
        image_name: str | None = None,
        image_id: str | None = None,
        model_name: str | None = None,
        model_id: str | None = None,
        tags: Iterable[Any] | None = None,
        properties: Iterable[Any] | None = None,
        image_digest: str | None = None,
    ) -> Webservices:
        """Those that fit all that is named. A tag is ``'key'`` or ``['key', 'value']``."""
        known = ("Local", "ACI", "AKS", "AKSENDPOINT", "IOT", "MIR")
        if compute_type is not None and compute_type.upper() not in map(str.upper, known):
            raise InvalidConfig("compute_type", compute_type, f"must be one of {', '.join(known)}")
        wanted = ModelFilter(tags=label_filter(tags), properties=label_filter(properties))
        return [
            Webservice.of(workspace.engine, record)
            for record in workspace.engine.services.list()
            if (compute_type is None or _compute_type(record).upper() == compute_type.upper())
            and (model_id is None or model_id in record.models)
            and (model_name is None or model_name in {each.partition(":")[0] for each in record.models})
            and wanted.accepts_labels(record.tags, record.properties)
        ]

    @property
    def record(self) -> core.Webservice:
        """The whole record, read now; raises `NotFound` when the service was deleted."""
        self._record = self._engine.services.get(self._record.name)
        return self._record

    @property
    def name(self) -> str:
        """In its workspace, and in its addresses."""
        return self._record.name

    @property
    def state(self) -> str:
        """Transitioning, Healthy, Unhealthy, Unschedulable, Failed or Stopped."""
        return str(self.record.state)

    @property
    def error(self) -> dict[str, Any] | None:
        """Why it failed, or why its last update did: phase, type, message, traceback."""
        error = self.record.error
        return dict(error) if error else None

    @property
    def scoring_uri(self) -> str | None:
        """Where it is asked, with POST; None before it listens."""
        return self.record.scoring_uri

    @property
    def swagger_uri(self) -> str | None:
        """Where it describes itself."""
        return self.record.swagger_uri

    @property
    def compute_type(self) -> str:
        """Local, ACI or AKS; the target's name where the documents have none."""
        return _compute_type(self._record)

    @property
    def workspace(self) -> Workspace:
        """Where it is recorded."""
        from mlmagic.sdk.workspace import Workspace

        return Workspace.over(self._engine)

    @property
    def models_ids(self) -> tuple[str, ...]:
        """``name:version`` of each model."""
        return tuple(self.record.models)

    @property
    def models(self) -> Any:
        """The models it serves."""
        return [Model.of(self._engine, self._engine.models.get(each)) for each in self.models_ids]

    @property
    def tags(self) -> dict[str, str]:
        """What may change, text to text."""
        return dict(self.record.tags)

    @property
    def properties(self) -> dict[str, str]:
        """What is only added to, text to text."""
        return dict(self.record.properties)

    @property
    def description(self) -> str:
        """What it is."""
        return self.record.description

    @property
    def created_time(self) -> datetime:
        """UTC."""
        return datetime.fromtimestamp(self._record.created_time, UTC)

    @property
    def updated_time(self) -> datetime:
        """UTC."""
        return datetime.fromtimestamp(self.record.updated_time, UTC)

    @property
    def created_by(self) -> str:
        """Nobody: a workspace here knows no users."""
        return ""

    @property
    def image(self) -> None:
        """No image: None, as are ``image_id`` and ``image_digest``."""
        return None

    image_id = image_digest = None

    @property
    def environment(self) -> Any:
        """The `Environment` it was deployed with; None without one."""
        from mlmagic.sdk.environment import Environment

        record = self._revision.inference.environment
        return None if record is None else Environment._from_record(dict(record))

    def run(self, input: Any) -> Any:
        """Score: text and bytes are sent as they are, anything else as JSON; returns the parsed answer.

        Raises `WebserviceException` with ``status``, the whole ``body`` and the script's ``traceback``.
        """
        return self._engine.requests.score(self.name, input)

    @property
    def auth_enabled(self) -> bool:
        """Whether callers need a key."""
        return self._revision.config.auth_enabled

    @property
    def token_auth_enabled(self) -> bool:
        """Whether callers need a token."""
        return self._revision.config.token_auth_enabled

    @property
    def _revision(self) -> core.Revision:
        return self._engine.services.revision(self.record)

    def get_keys(self) -> tuple[str, str]:
        """The primary and the secondary key; `run` sends one by itself."""
        return self._engine.keys.get(self.name)

    def regen_key(self, key: str, set_key: str | None = None) -> None:
        """Make the ``Primary`` or ``Secondary`` key anew, or set it; callers of the other notice nothing."""
        self._engine.keys.regenerate(self.name, key, set_key)

    def get_token(self) -> tuple[str, datetime]:
        """A token, and the time (UTC) at which to ask for the next."""
        token = self.get_access_token()
        return token.access_token, token.refresh_after

    def get_access_token(self) -> AccessToken:
        """A token with access_token, token_type, refresh_after and expiry_on."""
        return self._engine.keys.access_token(self.name)

    def get_logs(self, num_lines: int = 5000, init: bool = False) -> str:
        """What the service wrote, its last ``num_lines`` lines; what ``init()`` wrote is among them."""
        return "\n".join(self._engine.services.logs(self.name, tail=num_lines))

    def update_deployment_state(self) -> None:
        """Nothing to do: each value is read when it is asked for."""
        _ = self.record

    def wait_for_deployment(self, show_output: bool = False, timeout_sec: float | None = None) -> None:
        """Wait until the deploy or update has ended; it ends the moment the service is final.

        Raises `WebserviceException` with the script's own error, or with what was last seen after
        ``timeout_sec`` seconds (ten minutes by default).
        """
        timeout = DEPLOY_TIMEOUT_SECONDS if timeout_sec is None else timeout_sec
        now = self._engine.services.get(self.name)
        # Of an update that somebody else has asked for meanwhile; but one of ours that failed and was taken
        # back has a lower number now, and is to be told of.
        wanted = now if now.revision > self._record.revision else self._record
        progress = Progress() if show_output else None
        try:
            self._record = self._engine.services.wait(
                wanted, timeout, watching=progress or (lambda record: None)
            )
        except MLMagicError:
            if progress:
                print(f'{self.compute_type} service creation operation finished, operation "Failed"')
            raise
        if progress:
            self._say_done()

    def _say_done(self) -> None:
        print(f'{self.compute_type} service creation operation finished, operation "Succeeded"')

    def update(
        self,
        models: Iterable[str | Model] | None = None,
        inference_config: InferenceConfig | CoreInferenceConfig | None = None,
        **settings: Any,
    ) -> None:
        """Change models, script or settings; what is not named stays. Returns at once, see
        `wait_for_deployment`. Settings are the arguments of its ``deploy_configuration``; tags are replaced,
        properties are added to.
        """
        self._update(models, inference_config, settings)

    def _update(
        self,
        models: Iterable[str | Model] | None,
        inference_config: InferenceConfig | CoreInferenceConfig | None,
        settings: Mapping[str, Any],
    ) -> None:
        given = {name: value for name, value in settings.items() if value is not None}
        if models is None and inference_config is None and not given:
            raise UsageError("No parameters provided to update.", hint="Name models, a script or settings.")
        changes = config_changes(self._revision.config, given)
        inference = inference_config
        if inference is not None and not isinstance(inference, CoreInferenceConfig):
            if inference.environment_variables:
                changes["environment_variables"] = inference.environment_variables
            inference = inference.to_core()
        self._record = self._engine.services.update(
            self.name,
            model_names=None if models is None else references(self._engine, models),
            inference=inference,
            config_changes=changes,
            notify=print,
            nearest_python=True,
        )

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags, replacing those of the same key."""
        self._label(tags={**self.tags, **tags})
        print("Service tag add operation complete.")

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Remove tags by key."""
        gone = {tags} if isinstance(tags, str) else set(tags)
        self._label(tags={key: value for key, value in self.tags.items() if key not in gone})
        print("Service tag remove operation complete.")

    def add_properties(self, properties: Mapping[str, str]) -> None:
        """Add properties; those that are set already never change."""
        self._label(properties=added_properties(self.properties, properties))
        print("Service property add operation complete.")

    def _label(self, **changes: Mapping[str, str]) -> None:
        self._record = self._engine.services.label(self.name, **changes)

    def stop(self) -> None:
        """End its process and keep its record."""
        self._record = self._engine.services.stop(self.name)

    def start(self) -> None:
        """Bring it up again; returns at once, see `wait_for_deployment`."""
        self._record = self._engine.services.start(self.name)

    def restart(self) -> None:
        """Bring it up anew as it is, answering all the while; returns at once, see `wait_for_deployment`."""
        self._record = self._engine.services.restart(self.name)

    def delete(self) -> None:
        """End it and forget it; returns when it is gone. One that is gone already is told, and no error."""
        try:
            self._engine.services.delete(self.name)
        except NotFound:
            print(f"No service with name {self.name} found to delete.")

    def serialize(self) -> dict[str, Any]:
        """The service as a dict of JSON, with the first SDK's keys."""
        record = self.record
        return {
            "name": record.name,
            "description": record.description,
            "tags": dict(record.tags),
            "properties": dict(record.properties),
            "state": str(record.state),
            "createdTime": self.created_time.isoformat(),
            "updatedTime": self.updated_time.isoformat(),
            "error": self.error,
            "computeType": self.compute_type,
            "workspaceName": self._engine.location.name,
            "imageId": None,
            "imageDigest": None,
            "imageDetails": None,
            "scoringUri": record.scoring_uri,
            "swaggerUri": record.swagger_uri,
            "createdBy": self.created_by,
            "modelIds": [*record.models],
            **self._own_values(),
        }

    def _own_values(self) -> dict[str, Any]:
        """What its compute type adds."""
        return {}

    @classmethod
    def deserialize(cls, workspace: Workspace, webservice_payload: Mapping[str, Any]) -> Webservice:
        """The service that `serialize` told of, as it is now."""
        return Webservice(workspace, str(webservice_payload.get("name", "")))

    def __repr__(self) -> str:
        kind = type(self).__name__
        try:
            record = self.record
        except NotFound:
            return f"{kind}(name={self.name!r}, deleted)"
        return (
            f"{kind}(name={record.name!r}, state={str(record.state)!r}, scoring_uri={record.scoring_uri!r})"
        )


class Progress:
    """Prints each change of a service once."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, record: core.Webservice) -> None:
        text = f"{record.state}: {record.words}" if record.words else str(record.state)
        if text != self._last:
            self._last = text
            print(text)


def _class_of(engine: Engine, record: core.Webservice) -> type[Webservice]:
    """By its target; the documents' ``local`` may be a container, too."""
    target = record.target
    if target == "docker" and engine.services.revision(record).config.compute_type == "local":
        target = "local"
    return Webservice._classes.get(target, Webservice)


def _compute_type(record: core.Webservice) -> str:
    return COMPUTE_TYPES.get(record.target, record.target)


def _find(engine: Engine, name: str) -> core.Webservice:
    try:
        return engine.services.get(name)
    except NotFound as error:
        raise told_with(
            WebserviceException,
            error,
            f"WebserviceNotFound: Webservice with name {name} not found in provided workspace",
        ) from None
