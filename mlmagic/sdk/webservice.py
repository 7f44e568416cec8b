"""`Webservice`: a handle of a deployed service; every value is the workspace's, not its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlmagic.core import webservice as core
from mlmagic.core.access import AccessToken
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.engine.service_verbs import DEPLOY_TIMEOUT_SECONDS
from mlmagic.errors import NotFound
from mlmagic.sdk.model import Model

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine


class Webservice:
    """A service. Reading an attribute reads the service's record as it is at that moment."""

    def __init__(self, engine: Engine, record: core.Webservice) -> None:
        self._engine = engine
        self._record = record

    @property
    def record(self) -> core.Webservice:
        """The whole record, read now; raises `NotFound` when the service was deleted."""
        self._record = self._engine.service(self._record.name)
        return self._record

    @property
    def name(self) -> str:
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
        return self.record.scoring_uri

    @property
    def swagger_uri(self) -> str | None:
        return self.record.swagger_uri

    @property
    def compute_type(self) -> str:
        return self._record.target

    @property
    def models(self) -> list[str]:
        """Ids, ``name:version``."""
        return list(self.record.models)

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.record.tags)

    @property
    def properties(self) -> dict[str, str]:
        return dict(self.record.properties)

    @property
    def description(self) -> str:
        return self.record.description

    @property
    def created_time(self) -> datetime:
        """UTC."""
        return datetime.fromtimestamp(self._record.created_time, UTC)

    @property
    def updated_time(self) -> datetime:
        """UTC."""
        return datetime.fromtimestamp(self.record.updated_time, UTC)

    def run(self, input_data: Any) -> Any:
        """Score: text and bytes are sent as they are, anything else as JSON; returns the parsed answer.

        Raises `InvokeError` with the status, the whole body and the script's traceback.
        """
        return self._engine.invoke(self.name, input_data)

    @property
    def auth_enabled(self) -> bool:
        """Whether callers need a key."""
        return self._config.auth_enabled

    @property
    def token_auth_enabled(self) -> bool:
        """Whether callers need a token."""
        return self._config.token_auth_enabled

    @property
    def _config(self) -> DeploymentConfig:
        return self._engine.revision(self.record).config

    def get_keys(self) -> tuple[str, str]:
        """The primary and the secondary key; `run` sends one by itself."""
        return self._engine.get_keys(self.name)

    def regen_key(self, key: str, set_key: str | None = None) -> None:
        """Make the ``Primary`` or ``Secondary`` key anew, or set it; callers of the other notice nothing."""
        self._engine.regen_key(self.name, key, set_key)

    def get_token(self) -> tuple[str, datetime]:
        """A token, and the time (UTC) at which to ask for the next."""
        token = self.get_access_token()
        return token.access_token, token.refresh_after

    def get_access_token(self) -> AccessToken:
        """A token with access_token, token_type, refresh_after and expiry_on."""
        return self._engine.get_access_token(self.name)

    def get_logs(self, num_lines: int = 5000) -> str:
        """What the service wrote, its last ``num_lines`` lines."""
        return "\n".join(self._engine.logs(self.name, tail=num_lines))

    def wait_for_deployment(self, show_output: bool = False, timeout_sec: float | None = None) -> None:
        """Wait until the deploy or update has ended; raises with the script's own error if it failed."""
        timeout = DEPLOY_TIMEOUT_SECONDS if timeout_sec is None else timeout_sec
        now = self._engine.service(self.name)
        # Of an update that somebody else has asked for meanwhile; but one of ours that failed and was taken
        # back has a lower number now, and is to be told of.
        wanted = now if now.revision > self._record.revision else self._record
        self._record = self._engine.wait(wanted, timeout)
        if show_output:
            print(f"{self._record.state}: {self._record.scoring_uri}")

    def update(
        self,
        *,
        models: Iterable[str | Model] | None = None,
        inference_config: InferenceConfig | None = None,
        cpu_cores: float | None = None,
        memory_gb: float | None = None,
        port: int | None = None,
        auth_enabled: bool | None = None,
        token_auth_enabled: bool | None = None,
        ssl_cert_pem_file: str | None = None,
        ssl_key_pem_file: str | None = None,
        cors_origins: str | None = None,
        environment_variables: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
    ) -> None:
        """Change models, script or settings; what is not named stays. Returns at once, see
        `wait_for_deployment`.
        """
        settings = {
            "cpu": cpu_cores,
            "memory_gb": memory_gb,
            "port": port,
            "auth_enabled": auth_enabled,
            "token_auth_enabled": token_auth_enabled,
            "ssl_cert_pem_file": ssl_cert_pem_file,
            "ssl_key_pem_file": ssl_key_pem_file,
            "cors_origins": cors_origins,
            "environment_variables": environment_variables,
            "tags": tags,
            "properties": properties,
            "description": description,
        }
        self._record = self._engine.update(
            self.name,
            model_names=None if models is None else [m.id if isinstance(m, Model) else m for m in models],
            inference=inference_config,
            config_changes={name: value for name, value in settings.items() if value is not None},
        )

    def stop(self) -> None:
        """End its process and keep its record."""
        self._record = self._engine.stop(self.name)

    def start(self) -> None:
        """Bring it up again; returns at once, see `wait_for_deployment`."""
        self._record = self._engine.start(self.name)

    def delete(self) -> None:
        """End it and forget it; returns when it is gone."""
        self._engine.delete(self.name)

    def __repr__(self) -> str:
        try:
            record = self.record
        except NotFound:
            return f"Webservice(name={self.name!r}, deleted)"
        return (
            f"Webservice(name={record.name!r}, state={str(record.state)!r}, "
            f"scoring_uri={record.scoring_uri!r})"
        )
