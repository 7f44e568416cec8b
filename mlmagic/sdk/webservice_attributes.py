"""The attributes of a deployed service, read from its record. See `mlmagic.sdk.webservice.Webservice`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlmagic.core import webservice as core
from mlmagic.core.compiled_models import lines_of
from mlmagic.core.replacements import Replacement, without_replacements
from mlmagic.errors import NotFound
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.exceptions import WebserviceException, raises
from mlmagic.sdk.workspace_base import WorkspaceBase

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine


@raises(WebserviceException)
class WebserviceAttributes:
    """Each attribute is read from the workspace at the moment it is used."""

    workspace: WorkspaceBase
    _record: core.Webservice

    @property
    def _engine(self) -> Engine:
        return self.workspace.engine

    @property
    def _revision(self) -> core.Revision:
        return self._engine.services.revision(self.record)

    @property
    def record(self) -> core.Webservice:
        """The whole record, read now. Raises `NotFound` if the service was deleted."""
        self._record = self._engine.services.get(self._record.name)
        return self._record

    @property
    def name(self) -> str:
        """The service's name in its workspace and in its URLs."""
        return self._record.name

    @property
    def state(self) -> str:
        """Transitioning, Healthy, Unhealthy, Unschedulable, Failed or Stopped."""
        return str(self.record.state)

    @property
    def error(self) -> dict[str, Any] | None:
        """Why the service or its last update failed (phase, type, message, traceback); None if it did not."""
        error = self.record.error
        return dict(error) if error else None

    @property
    def scoring_uri(self) -> str | None:
        """The URL to POST requests to; None before the service listens."""
        return self.record.scoring_uri

    @property
    def swagger_uri(self) -> str | None:
        """The URL of the service's OpenAPI (Swagger) description; None before the service listens."""
        return self.record.swagger_uri

    @property
    def compute_type(self) -> str:
        """Local, ACI or AKS; the compute target's name if Azure ML v1 has none for it."""
        return self._record.target

    @property
    def models_ids(self) -> tuple[str, ...]:
        """``name:version`` of each model."""
        return tuple(self.record.models)

    @property
    def models(self) -> Any:
        """The `Model` objects that the service serves."""
        return [self.workspace.model_of(self._engine.models.get(each)) for each in self.models_ids]

    @property
    def tags(self) -> dict[str, str]:
        """Text by text; may change."""
        return dict(self.record.tags)

    @property
    def properties(self) -> dict[str, str]:
        """Text by text; properties can be added and never change."""
        return dict(self.record.properties)

    @property
    def description(self) -> str:
        """The description that the service was deployed with."""
        return self.record.description

    @property
    def created_time(self) -> datetime:
        """When the service was deployed first (UTC)."""
        return datetime.fromtimestamp(self._record.created_time, UTC)

    @property
    def updated_time(self) -> datetime:
        """When its record changed last (UTC)."""
        return datetime.fromtimestamp(self.record.updated_time, UTC)

    @property
    def created_by(self) -> str:
        """Empty: a workspace has no user accounts."""
        return ""

    @property
    def image(self) -> None:
        """None, as are ``image_id`` and ``image_digest``: the workspace has no list of images."""
        return None

    image_id = image_digest = None

    @property
    def environment(self) -> Any:
        """The `Environment` that the service was deployed with, as it was written; None without one.

        `replacements` has the versions that are used in place of some.
        """
        record = self._revision.inference.environment
        return None if record is None else Environment.from_record(without_replacements(record))

    @property
    def replacements(self) -> list[Replacement]:
        """The versions that are used in place of those of the environment: package, wanted, used, reason."""
        return list(self.record.replacements)

    @property
    def compilation(self) -> list[str]:
        """What compiling its models to ONNX gave, a line for each file; empty if it uses none compiled.

        For example ``Compiled: predict (equal to 1e-12 on 2,000 rows)`` or ``Not compiled: REASON``.
        """
        return list(lines_of(self.record.compiled))

    @property
    def auth_enabled(self) -> bool:
        """Whether requests need a key."""
        return self._revision.config.auth_enabled

    @property
    def token_auth_enabled(self) -> bool:
        """Whether requests need a token."""
        return self._revision.config.token_auth_enabled

    def serialize(self) -> dict[str, Any]:
        """The service as a dict of JSON values, with Azure ML v1's keys."""
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
            "workspaceName": self.workspace.name,
            "imageId": None,
            "imageDigest": None,
            "imageDetails": None,
            "scoringUri": record.scoring_uri,
            "swaggerUri": record.swagger_uri,
            "createdBy": self.created_by,
            "modelIds": [*record.models],
            **self._extra_values(),
        }

    def _extra_values(self) -> dict[str, Any]:
        """What a compute type adds to `serialize`."""
        return {}

    def __repr__(self) -> str:
        kind = type(self).__name__
        try:
            record = self.record
        except NotFound:
            return f"{kind}(name={self.name!r}, deleted)"
        return (
            f"{kind}(name={record.name!r}, state={str(record.state)!r}, scoring_uri={record.scoring_uri!r})"
        )
