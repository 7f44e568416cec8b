"""The deployment configurations that ``deploy_configuration()`` returns, one class for each compute type.

Each argument is an attribute, and all violations are reported at once. The arguments, their defaults and
rules are rows of `mlmagic.core.arguments`. The signatures of ``deploy_configuration()`` and ``update()`` are
made from them too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, Signature
from typing import Any, ClassVar, TypeVar

from mlmagic.core.arguments import KEYS, V1_ORDER, V1_UPDATE_ORDER, Argument, ComputeType, arguments_of
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.deployments import check, deployment, effective, given_of
from mlmagic.sdk.exceptions import WebserviceException, raises

F = TypeVar("F")


@raises(WebserviceException)
class WebserviceDeploymentConfiguration:
    """The arguments of a deployment; one that was not given is None, as in Azure ML v1."""

    compute: ClassVar[ComputeType]
    service: ClassVar[str]
    """The class of the services that it deploys."""

    def __init__(self, **given: Any) -> None:
        self._names = list(arguments_of(self.compute))
        check(self.service, self.compute, _without_nones(given))
        for name in self._names:
            setattr(self, name, given.get(name))

    def validate_configuration(self) -> None:
        """Raises `WebserviceException` with every argument that breaks a rule, its value and the rule."""
        check(self.service, self.compute, self.given)

    @property
    def given(self) -> dict[str, Any]:
        """The arguments that are not None."""
        return _without_nones({name: getattr(self, name) for name in self._names})

    @property
    def effective(self) -> dict[str, Any]:
        """All arguments, with the defaults of those that were not given."""
        return effective(self.compute, self.given)

    def to_core(self) -> DeploymentConfig:
        """The configuration for the engine; raises as `validate_configuration`."""
        self.validate_configuration()
        return deployment(self.compute, self.given)

    def print_deploy_configuration(self) -> None:
        """Print the arguments that were given, without the keys."""
        for name, value in self.given.items():
            print(f"{name}: {'***' if name in KEYS else value}")

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={'***' if name in KEYS else repr(value)}" for name, value in self.given.items()
        )
        return f"{type(self).__name__}({shown})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.given == getattr(other, "given", None)

    __hash__ = None  # type: ignore[assignment]


class LocalWebserviceDeploymentConfiguration(WebserviceDeploymentConfiguration):
    """The deployment of a service on this machine."""

    compute, service = ComputeType.LOCAL, "LocalWebservice"


class AciServiceDeploymentConfiguration(WebserviceDeploymentConfiguration):
    """The deployment of a service in a container."""

    compute, service = ComputeType.ACI, "AciWebservice"


class AksServiceDeploymentConfiguration(WebserviceDeploymentConfiguration):
    """The deployment of a service in a Kubernetes cluster."""

    compute, service = ComputeType.AKS, "AksWebservice"


class AksEndpointDeploymentConfiguration(WebserviceDeploymentConfiguration):
    """The deployment of an endpoint and its first version in a Kubernetes cluster."""

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
    """The configuration of a compute type with these arguments."""
    return _CLASSES[compute](**given)


def configuration_of(config: DeploymentConfig) -> WebserviceDeploymentConfiguration:
    """The configuration that ``config`` was made from; without keys."""
    return configuration(*given_of(config))


def _without_nones(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def takes_arguments(
    compute: ComputeType, *, update: bool = False, before: Sequence[str] = (), after: Sequence[str] = ()
) -> Callable[[Callable[..., F]], Callable[..., F]]:
    """A decorator that gives a function of keywords the parameters of a compute type.

    Azure ML v1's can be positional, in the order of its ``deploy_configuration()`` or ``update()``, between
    those named ``before`` and ``after``; ours are keywords. The docstring gets a line for each argument.
    """
    known = {name: row for name, row in arguments_of(compute).items() if not (update and name in KEYS)}
    named = {*before, *after}
    ordered = [n for n in (V1_UPDATE_ORDER if update else V1_ORDER).get(compute, ()) if n not in named]
    more = [name for name in known if name not in ordered and name not in named]

    def positional(name: str) -> Parameter:
        row = known.get(name)
        kind = Parameter.POSITIONAL_OR_KEYWORD
        return _parameter(row, kind) if row else Parameter(name, kind, **_default(name))

    signature = Signature(
        [
            *map(positional, before),
            *(_parameter(known[name], Parameter.POSITIONAL_OR_KEYWORD) for name in ordered),
            *map(positional, after),
            *(_parameter(known[name], Parameter.KEYWORD_ONLY) for name in more),
        ]
    )

    def decorate(function: Callable[..., F]) -> Callable[..., F]:
        @functools.wraps(function)
        def call(*positional: Any, **named: Any) -> F:
            return function(**signature.bind_partial(*positional).arguments, **named)

        call.__signature__ = signature  # type: ignore[attr-defined]
        lines = "".join(
            f"    {name}: {known[name].option_help}\n"
            for name in (*before, *ordered, *after, *more)
            if name in known
        )
        call.__doc__ = f"{function.__doc__}\n\nArguments:\n{lines}"
        return call

    return decorate


def _parameter(row: Argument, kind: Any) -> Parameter:
    annotation = Mapping[str, str] if row.kind is dict else row.kind
    return Parameter(row.name, kind, default=None, annotation=annotation | None)


def _default(name: str) -> dict[str, Any]:
    return {} if name == "self" else {"default": None}
