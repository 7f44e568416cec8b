"""`LocalWebservice`: a service on this machine, in its own process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from mlmagic.core.arguments import ComputeType
from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.errors import UsageError
from mlmagic.sdk.deployment import (
    AciServiceDeploymentConfiguration,
    LocalWebserviceDeploymentConfiguration,
    WebserviceDeploymentConfiguration,
    takes_arguments,
)
from mlmagic.sdk.exceptions import WebserviceException, raises
from mlmagic.sdk.inference import InferenceConfig
from mlmagic.sdk.messages import show_line
from mlmagic.sdk.model_deployment import deploy
from mlmagic.sdk.model_references import ModelLike
from mlmagic.sdk.webservice import Webservice
from mlmagic.sdk.workspace_base import WorkspaceBase


@raises(WebserviceException)
class LocalWebservice(Webservice):
    """A service on this machine.

    ``must_exist=False`` of Azure ML v1 has no effect: a service has to be deployed before it is found.
    """

    def __new__(cls, workspace: WorkspaceBase, name: str, must_exist: bool = True) -> Webservice:  # type: ignore[misc]
        return super().__new__(cls, workspace, name)

    def __init__(self, workspace: WorkspaceBase, name: str, must_exist: bool = True) -> None:
        """Does nothing: `__new__` has found the service."""

    @staticmethod
    @takes_arguments(ComputeType.LOCAL)
    def deploy_configuration(**given: Any) -> LocalWebserviceDeploymentConfiguration:
        """The configuration of a service on this machine; without ``port`` it listens on a free port.

        Raises `WebserviceException` with all arguments that are not allowed.
        """
        return LocalWebserviceDeploymentConfiguration(**given)

    compute_type = "Local"
    """Also for a service in a container."""

    @property
    def port(self) -> int | None:
        """The port it listens on; None before it listens."""
        return urlsplit(uri).port if (uri := self.scoring_uri) else None

    def reload(self, wait: bool = False) -> None:
        """Read the script and its folder again, and update the service without downtime."""
        revision = self._revision
        if revision.inference.taken_from is None:
            raise UsageError(
                f"the script of {self.name!r} was not read from a file, so it cannot be read again",
                hint="Run its cell again, then update the service.",
            )
        inference = revision.inference
        files_beside = len(revision.files) > 1
        self._record = self._engine.services.update(
            self.name,
            inference=CoreInferenceConfig(
                inference.entry_script
                if files_beside
                else f"{inference.taken_from}/{inference.entry_script}",
                source_directory=inference.taken_from if files_beside else None,
                requirements=inference.requirements,
                environment=inference.environment,
                description=inference.description,
            ),
            notify=show_line,
            nearest=True,
        )
        if wait:
            self.wait_for_deployment()

    @takes_arguments(
        ComputeType.LOCAL,
        update=True,
        before=("self", "models", "image_config", "deployment_config", "wait", "inference_config"),
    )
    def update(
        self,
        models: Iterable[ModelLike] | None = None,
        image_config: None = None,
        deployment_config: WebserviceDeploymentConfiguration | None = None,
        wait: bool = False,
        inference_config: InferenceConfig | CoreInferenceConfig | None = None,
        **settings: Any,
    ) -> None:
        """Change models, script or configuration without downtime; arguments not given stay as they are."""
        if image_config is not None:
            raise UsageError("image_config is not supported", hint="Give inference_config.")
        given: Mapping[str, Any] = deployment_config.given if deployment_config is not None else {}
        self._update(models, inference_config, {**given, **settings})
        if wait:
            self.wait_for_deployment()

    def run(self, input_data: Any) -> Any:
        """Score ``input_data`` after a deployment in progress has ended; see `Webservice.run`."""
        if self.record.serving is None:
            self.wait_for_deployment()
        return self._engine.requests.score(self.name, input_data)

    def get_logs(self, num_lines: int = 5000, raw: bool = False) -> str:
        """The last ``num_lines`` lines of the service's log; ``raw`` has no effect."""
        return super().get_logs(num_lines)

    def delete(
        self, delete_cache: bool = True, delete_image: bool = False, delete_volume: bool = True
    ) -> None:
        """Stop and delete the service with its files; the arguments have no effect."""
        super().delete()

    def deploy_to_cloud(
        self,
        name: str | None = None,
        deployment_config: WebserviceDeploymentConfiguration | None = None,
        deployment_target: Any = None,
    ) -> Webservice:
        """Deploy the same models and script to another compute target (default: a container)."""
        inference = self._revision.inference
        if inference.taken_from is None:
            raise UsageError(
                f"the script of {self.name!r} was captured from a cell",
                hint="Write the script to a file, and give it to Model.deploy().",
            )
        script = CoreInferenceConfig(inference.entry_script, source_directory=inference.taken_from)
        config = deployment_config or AciServiceDeploymentConfiguration()
        return deploy(self.workspace, name or self.name, self.models, script, config, deployment_target)

    def _print_success(self) -> None:
        print(f"Local webservice is running at {(self.scoring_uri or '').removesuffix('/score')}")

    def _extra_values(self) -> dict[str, Any]:
        return {"port": self.port}
