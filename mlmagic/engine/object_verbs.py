"""The engine's verb for a live object: register and deploy it in one step."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import Model, ModelDescription
from mlmagic.core.webservice import Webservice
from mlmagic.engine.deployment_verbs import DeploymentVerbs
from mlmagic.engine.model_verbs import Notify, silent
from mlmagic.errors import MLMagicError


class ObjectVerbs(DeploymentVerbs):
    """What can be done with an object that is no registered model yet."""

    def deploy_object(
        self,
        name: str,
        model: object,
        details: ModelDescription,
        inference: InferenceConfig | None = None,
        config: DeploymentConfig | None = None,
        *,
        overwrite: bool = False,
        notify: Notify = silent,
        environment: Mapping[str, Any] | None = None,
        nearest_python: bool = False,
    ) -> tuple[Webservice, Model]:
        """Register ``model`` (an object or a path) and record a service for it.

        Without ``inference`` it is served as it is. What cannot be deployed is not registered either.
        """
        registered = self.register(model, details, notify=notify)
        try:
            service = self.deploy(
                name,
                [registered.id],
                inference,
                config,
                overwrite=overwrite,
                notify=notify,
                environment=environment,
                nearest_python=nearest_python,
            )
        except MLMagicError:
            with suppress(MLMagicError):
                self.delete_model(registered.id)
            raise
        return service, registered
