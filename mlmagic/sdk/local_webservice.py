"""`LocalWebservice`: a service on this machine, a process of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlmagic.core.arguments import ComputeType
from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.errors import UsageError
from mlmagic.sdk.deployment import (
    LocalWebserviceDeploymentConfiguration,
    WebserviceDeploymentConfiguration,
    takes_arguments,
)
from mlmagic.sdk.exceptions import WebserviceException, raises
from mlmagic.sdk.model import Model
from mlmagic.sdk.webservice import Webservice

if TYPE_CHECKING:
    from mlmagic.sdk.inference import InferenceConfig
    from mlmagic.sdk.workspace import Workspace


@raises(WebserviceException)
class LocalWebservice(Webservice):
    """A service on this machine. ``must_exist=False`` of the first SDK is not offered: deploy makes one."""

    def __new__(cls, workspace: Workspace, name: str, must_exist: bool = True) -> Webservice:  # type: ignore[misc]
        return super().__new__(cls, workspace, name)

    def __init__(self, workspace: Workspace, name: str, must_exist: bool = True) -> None:
        """Everything was done by `__new__`."""

    @staticmethod
    @takes_arguments(ComputeType.LOCAL)
    def deploy_configuration(**given: Any) -> LocalWebserviceDeploymentConfiguration:
        """The configuration of a service on this machine. Raises `WebserviceException`."""
        return LocalWebserviceDeploymentConfiguration(**given)

    @property
    def compute_type(self) -> str:
        """Local, in a container too."""
        return "Local"

    @property
    def port(self) -> int | None:
        """Where it listens; None before it does."""
        return urlsplit(uri).port if (uri := self.scoring_uri) else None

    def reload(self, wait: bool = False) -> None:
        """Take the script and its folder again as they are now. It answers all the while."""
        revision = self._revision
        if revision.inference.taken_from is None:
            raise UsageError(
                f"the script of {self.name!r} came from a cell, or is made for its models",
                hint="Run the cell again and update the service.",
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
            notify=print,
            nearest_python=True,
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
        models: Iterable[str | Model] | None = None,
        image_config: None = None,
        deployment_config: WebserviceDeploymentConfiguration | None = None,
        wait: bool = False,
        inference_config: InferenceConfig | CoreInferenceConfig | None = None,
        **settings: Any,
    ) -> None:
        """Change models, script or configuration; what is not named stays, and it answers all the while."""
        if image_config is not None:
            raise UsageError("image_config is not taken any more", hint="Give inference_config.")
        given: Mapping[str, Any] = deployment_config.given if deployment_config is not None else {}
        self._update(models, inference_config, {**given, **settings})
        if wait:
            self.wait_for_deployment()

    def run(self, input_data: Any) -> Any:
        """Score; while it is being deployed, that is waited for. See `Webservice.run`."""
        if self.record.serving is None:
            self.wait_for_deployment()
        return self._engine.requests.score(self.name, input_data)

    def get_logs(self, num_lines: int = 5000, raw: bool = False) -> str:
        """What the service wrote, its last ``num_lines`` lines; it is raw in any case."""
        return super().get_logs(num_lines)

    def delete(
        self, delete_cache: bool = True, delete_image: bool = False, delete_volume: bool = True
    ) -> None:
        """End it and forget it; there is no image, and what it was made of goes with it."""
        super().delete()

    def deploy_to_cloud(
        self,
        name: str | None = None,
        deployment_config: WebserviceDeploymentConfiguration | None = None,
        deployment_target: Any = None,
    ) -> Webservice:
        """The same models and script as another service, at another place."""
        from mlmagic.sdk.aci_webservice import AciWebservice

        inference = self._revision.inference
        if inference.taken_from is None:
            raise UsageError(
                f"the script of {self.name!r} came from a cell", hint="Deploy the cell with %deploy."
            )
        script = CoreInferenceConfig(inference.entry_script, source_directory=inference.taken_from)
        config = deployment_config or AciWebservice.deploy_configuration()
        return Model.deploy(self.workspace, name or self.name, self.models, script, config, deployment_target)

    def _say_done(self) -> None:
        print(f"Local webservice is running at {(self.scoring_uri or '').removesuffix('/score')}")

    def _own_values(self) -> dict[str, Any]:
        return {"port": self.port}


Webservice._classes["local"] = LocalWebservice
