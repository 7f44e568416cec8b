"""`AciWebservice`: one container on a Docker engine, with so many cores and gigabytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.sdk.container_webservice import ContainerWebservice
from mlmagic.sdk.deployment import AciServiceDeploymentConfiguration
from mlmagic.sdk.exceptions import WebserviceException, raises
from mlmagic.sdk.model import Model
from mlmagic.sdk.webservice import Webservice

if TYPE_CHECKING:
    from mlmagic.sdk.inference import InferenceConfig


@raises(WebserviceException)
class AciWebservice(ContainerWebservice):
    """A service in a container."""

    @staticmethod
    def deploy_configuration(
        cpu_cores: float | None = None,
        memory_gb: float | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        location: str | None = None,
        auth_enabled: bool | None = None,
        ssl_enabled: bool | None = None,
        enable_app_insights: bool | None = None,
        ssl_cert_pem_file: str | None = None,
        ssl_key_pem_file: str | None = None,
        ssl_cname: str | None = None,
        dns_name_label: str | None = None,
        primary_key: str | None = None,
        secondary_key: str | None = None,
        collect_model_data: bool | None = None,
        cmk_vault_base_url: str | None = None,
        cmk_key_name: str | None = None,
        cmk_key_version: str | None = None,
        vnet_name: str | None = None,
        subnet_name: str | None = None,
        **ours: Any,
    ) -> AciServiceDeploymentConfiguration:
        """0.1 cores, 0.5 GB and no keys where nothing is said. ``ours`` are what else the scoring server in
        it can do: ``cors_origins``, ``batch``, ``port``, ``scoring_timeout_ms``, ...

        Raises `WebserviceException` with all that cannot be.
        """
        given = locals()
        return AciServiceDeploymentConfiguration(**given.pop("ours"), **given)

    def update(  # type: ignore[override]
        self,
        image: None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        auth_enabled: bool | None = None,
        ssl_enabled: bool | None = None,
        ssl_cert_pem_file: str | None = None,
        ssl_key_pem_file: str | None = None,
        ssl_cname: str | None = None,
        enable_app_insights: bool | None = None,
        models: Iterable[str | Model] | None = None,
        inference_config: InferenceConfig | CoreInferenceConfig | None = None,
        **more: Any,
    ) -> None:
        """Change what is named; tags are replaced, properties added. Returns at once."""
        self._update_given(locals())


Webservice._classes["docker"] = AciWebservice
