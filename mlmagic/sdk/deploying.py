"""`Model.deploy`: the first SDK's objects turned into what the engine takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.errors import UsageError
from mlmagic.sdk.exceptions import UserErrorException
from mlmagic.sdk.references import references
from mlmagic.sdk.webservice import Webservice

if TYPE_CHECKING:
    from mlmagic.sdk.deployment import WebserviceDeploymentConfiguration
    from mlmagic.sdk.inference import InferenceConfig
    from mlmagic.sdk.model import Model
    from mlmagic.sdk.workspace import Workspace


def deploy(
    workspace: Workspace,
    name: str,
    models: Iterable[str | Model],
    inference_config: InferenceConfig | CoreInferenceConfig | None,
    deployment_config: WebserviceDeploymentConfiguration | DeploymentConfig | None,
    deployment_target: Any,
    *,
    overwrite: bool,
    show_output: bool,
) -> Webservice:
    """See `mlmagic.sdk.model.Model.deploy`."""
    engine = workspace.engine
    config = _core_config(deployment_config, deployment_target)
    wanted = list(models)
    if inference_config is None and len(wanted) != 1:
        raise UserErrorException(
            f"{len(wanted)} models are given, and no inference_config",
            hint="Without a script one model is served; a Multi model holds several.",
        )
    inference = inference_config
    if inference is not None and not isinstance(inference, CoreInferenceConfig):
        inference, config = inference.for_engine(config)
    record = engine.services.deploy(
        name,
        references(engine, wanted),
        inference,
        config,
        overwrite=overwrite or config.compute_type == "local",
        notify=print,
        nearest_python=True,
    )
    service = Webservice.of(engine, record)
    if show_output:
        print("Request submitted: wait_for_deployment(show_output=True) tells how it goes.")
    return service


def _core_config(
    given: WebserviceDeploymentConfiguration | DeploymentConfig | None, target: Any
) -> DeploymentConfig:
    if isinstance(given, DeploymentConfig):
        return given
    if given is None and target is not None:
        given = _default_of(target)
    return given.to_core() if given is not None else DeploymentConfig()


def _default_of(target: Any) -> WebserviceDeploymentConfiguration:
    from mlmagic.sdk.compute import AksCompute
    from mlmagic.sdk.deployment import AksServiceDeploymentConfiguration

    if not isinstance(target, AksCompute):
        raise UsageError(
            f"deployment_target {target!r} needs a deployment_config", hint="Only AksCompute has defaults."
        )
    return AksServiceDeploymentConfiguration(compute_target_name=target.name)
