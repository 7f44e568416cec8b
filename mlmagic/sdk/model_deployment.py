"""`Model.deploy`: Azure ML v1's objects converted to the engine's request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mlmagic.core import webservice as core
from mlmagic.core.arguments import ComputeType
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.core.notify import Notify
from mlmagic.engine.endpoints.version_request import VersionRequest
from mlmagic.sdk.cluster_deployment import cluster_of, on_cluster, on_named_cluster
from mlmagic.sdk.deployment import WebserviceDeploymentConfiguration
from mlmagic.sdk.exceptions import UserErrorException
from mlmagic.sdk.inference import InferenceConfig
from mlmagic.sdk.messages import show_line
from mlmagic.sdk.model_references import ModelLike, model_ids
from mlmagic.sdk.webservice import Webservice
from mlmagic.sdk.workspace_base import WorkspaceBase

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine


def deploy(
    workspace: WorkspaceBase,
    name: str,
    models: Iterable[ModelLike],
    inference_config: InferenceConfig | CoreInferenceConfig | None,
    deployment_config: WebserviceDeploymentConfiguration | DeploymentConfig | None,
    deployment_target: Any,
    *,
    overwrite: bool = False,
    show_output: bool = False,
) -> Webservice:
    """Deploy a service; see `mlmagic.sdk.model.Model.deploy`."""
    config = _core_config(workspace, deployment_config, deployment_target)
    wanted = list(models)
    if inference_config is None and len(wanted) != 1:
        raise UserErrorException(
            f"{len(wanted)} models are given, and no inference_config",
            hint="Without a script one model is served. A model of the framework Multi holds several.",
        )
    inference = inference_config
    if isinstance(inference, InferenceConfig):
        inference, config = inference.for_engine(config)
    record = deploy_record(
        workspace.engine,
        name,
        model_ids(workspace.engine, wanted),
        inference,
        config,
        overwrite=overwrite or config.compute_type == "local",
        notify=show_line,
    )
    if show_output:
        print("Request submitted. Follow it with wait_for_deployment(show_output=True).")
    return Webservice.of(workspace, record)


def deploy_record(
    engine: Engine,
    name: str,
    models: Sequence[str],
    inference: CoreInferenceConfig | None,
    config: DeploymentConfig,
    *,
    overwrite: bool,
    notify: Notify,
) -> core.Webservice:
    """Deploy a service, or an endpoint with its first version, as the compute type of ``config`` says."""
    if config.compute_type.lower() != ComputeType.AKS_ENDPOINT:
        return engine.services.deploy(
            name, models, inference, config, overwrite=overwrite, notify=notify, nearest=True
        )
    return engine.endpoints.create(
        name,
        config.compute_settings.get("version_name"),
        VersionRequest(models, inference, config, nearest=True),
        traffic_percentile=config.compute_settings.get("traffic_percentile"),
        overwrite=overwrite,
        notify=notify,
    )


def _core_config(
    workspace: WorkspaceBase,
    given: WebserviceDeploymentConfiguration | DeploymentConfig | None,
    target: Any,
) -> DeploymentConfig:
    config = given.to_core() if isinstance(given, WebserviceDeploymentConfiguration) else given
    if target is not None:
        return on_cluster(cluster_of(target), config)
    return on_named_cluster(workspace, config or DeploymentConfig())
