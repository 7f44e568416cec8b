"""The deployment configurations that ``deploy_configuration()`` returns, one class for each compute type.

They have every argument as an attribute, and tell all that is wrong with them at once; the table of the
arguments, their defaults and rules is `mlmagic.core.deployments`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.deployment_rules import check
from mlmagic.core.deployments import ARGUMENTS, ComputeType, deployment, effective, given_of
from mlmagic.sdk.exceptions import WebserviceException, raises


@raises(WebserviceException)
class WebserviceDeploymentConfiguration:
    """What was given, by argument; an argument that was not given is None, as in the first SDK."""

    compute: ClassVar[ComputeType]
    service: ClassVar[str]
    """The class of the services it makes."""

    def __init__(self, **given: Any) -> None:
        self._names = [argument.name for argument in ARGUMENTS[self.compute]]
        check(self.service, self.compute, _without_nones(given))
        for name in self._names:
            setattr(self, name, given.get(name))

    def validate_configuration(self) -> None:
        """Raises `WebserviceException` with each argument, value and rule that do not fit."""
        check(self.service, self.compute, self.given)

    @property
    def given(self) -> dict[str, Any]:
        """The arguments that are not None."""
        return _without_nones({name: getattr(self, name) for name in self._names})

    @property
    def effective(self) -> dict[str, Any]:
        """All arguments, with what holds where one was not given."""
        return effective(self.compute, self.given)

    def to_core(self) -> DeploymentConfig:
        """As the engine takes it; raises as `validate_configuration`."""
        self.validate_configuration()
        return deployment(self.compute, self.given)

    def print_deploy_configuration(self) -> None:
        """Print what was given; keys stay hidden."""
        for name, value in self.given.items():
            print(f"{name}: {'***' if name.endswith('_key') else value}")

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={'***' if name.endswith('_key') else repr(value)}" for name, value in self.given.items()
        )
        return f"{type(self).__name__}({shown})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.given == getattr(other, "given", None)

    __hash__ = None  # type: ignore[assignment]


class LocalWebserviceDeploymentConfiguration(WebserviceDeploymentConfiguration):
    """Of a service on this machine."""

    compute, service = ComputeType.LOCAL, "LocalWebservice"


class AciServiceDeploymentConfiguration(WebserviceDeploymentConfiguration):
    """Of one container."""

    compute, service = ComputeType.ACI, "AciWebservice"


class AksServiceDeploymentConfiguration(WebserviceDeploymentConfiguration):
    """Of a service in a Kubernetes cluster."""

    compute, service = ComputeType.AKS, "AksWebservice"


class AksEndpointDeploymentConfiguration(WebserviceDeploymentConfiguration):
    """Of an endpoint with its first version, in a Kubernetes cluster."""

    compute, service = ComputeType.AKS_ENDPOINT, "AksEndpoint"


_CLASSES: Mapping[ComputeType, type[WebserviceDeploymentConfiguration]] = {
    each.compute: each
    for each in (
        LocalWebserviceDeploymentConfiguration,
        AciServiceDeploymentConfiguration,
        AksServiceDeploymentConfiguration,
        AksEndpointDeploymentConfiguration,
    )
}


def configuration(compute: ComputeType, given: Mapping[str, Any]) -> WebserviceDeploymentConfiguration:
    """Of ``compute``, with these arguments."""
    return _CLASSES[compute](**given)


def configuration_of(config: DeploymentConfig) -> WebserviceDeploymentConfiguration:
    """The one that makes ``config``; without keys."""
    return configuration(*given_of(config))


def _without_nones(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}
