"""What a service needs around it, read off the documents' JSON of an environment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

DEFAULT_BASE_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
"""The documents' default; here it stands for: whatever image serves best."""
PYTHON_DEFAULT_VERSION = "3.10.18"
"""What the first SDK writes where nobody names a version; so it is nobody's wish."""
MINIMUM_PYTHON = "3.11"
"""The oldest that the scoring server runs on."""
STANDINS = frozenset(
    (
        *("azureml-defaults", "azureml-core", "azureml-sdk", "azureml-inference-server-http"),
        *("inference-schema", "azureml-monitoring", "azureml-contrib-services"),
    )
)
"""Distributions that the scoring server replaces: they need not be installed."""
_NAME_ENDS = re.compile(r"[\s<>=!~;\[@]")


@dataclass(frozen=True, slots=True)
class Registry:
    """Where a base image is pulled from, and as whom."""

    address: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class EnvironmentNeeds:
    """What one environment asks for; empty where it asks for nothing."""

    name: str = ""
    version: str = ""
    python: str | None = None
    """As conda writes it, such as 3.11 or 3.11.4; None where any will do."""
    user_managed: bool = False
    """The image (or the interpreter) brings its packages itself: nothing is installed."""
    interpreter: str = "python"
    """The interpreter that such an environment is run by."""
    conda_packages: tuple[str, ...] = ()
    """As conda writes them, without python and pip."""
    conda_channels: tuple[str, ...] = ()
    pip_packages: tuple[str, ...] = ()
    """As pip writes them, without those that the server stands in for."""
    pip_options: tuple[str, ...] = ()
    """Lines such as ``--extra-index-url ...``."""
    base_image: str | None = None
    """None: whichever is ours to choose."""
    registry: Registry = Registry()
    base_dockerfile: str | None = None
    """The text of a Dockerfile."""
    build_context: tuple[str, str] | None = None
    """A folder, and its Dockerfile."""
    extra_steps: str | None = None
    """Lines for the end of the Dockerfile."""
    gpu: bool = False
    cuda_version: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def are_any(self) -> bool:
        """Whether there is an environment at all."""
        return self != EnvironmentNeeds()

    @property
    def asks_for_image(self) -> bool:
        """Whether only a container can meet it."""
        return bool(self.base_image or self.base_dockerfile or self.build_context)


def needs_of(record: Mapping[str, Any] | None) -> EnvironmentNeeds:
    """What an environment, as the documents' JSON, asks for; nothing for None.

    Source: azureml-core's ``azureml_environment.json``.
    """
    if not record:
        return EnvironmentNeeds()
    python, docker = record.get("python") or {}, record.get("docker") or {}
    conda = python.get("condaDependencies") or {}
    lines = conda.get("dependencies") or []
    named = [line for line in lines if isinstance(line, str)]
    piped = [line for part in lines if isinstance(part, Mapping) for line in part.get("pip") or ()]
    image, registry = docker.get("baseImage"), docker.get("baseImageRegistry") or {}
    context = docker.get("buildContext")
    managed = bool(python.get("userManagedDependencies"))
    return EnvironmentNeeds(
        name=record.get("name") or "",
        version=str(record.get("version") or ""),
        python=None if managed else _python_of(named),
        user_managed=managed,
        interpreter=python.get("interpreterPath") or "python",
        conda_packages=() if managed else tuple(n for n in named if package_name(n) not in ("python", "pip")),
        conda_channels=tuple(conda.get("channels") or ()),
        pip_packages=()
        if managed
        else tuple(p for p in piped if not p.startswith("-") and package_name(p) not in STANDINS),
        pip_options=tuple(line for line in piped if line.startswith("-")),
        base_image=image if image and not str(image).startswith(DEFAULT_BASE_IMAGE) else None,
        registry=Registry(registry.get("address"), registry.get("username"), registry.get("password")),
        base_dockerfile=docker.get("baseDockerfile"),
        build_context=(context["location"], context.get("dockerfilePath") or "Dockerfile")
        if context
        else None,
        extra_steps=docker.get("extraDockerFileSteps"),
        gpu=bool(docker.get("enableGpu")),
        cuda_version=docker.get("cudaVersion"),
        variables=dict(record.get("environmentVariables") or {}),
    )


def image_needs(needs: EnvironmentNeeds) -> Iterator[str]:
    """Why an environment cannot be had without a container; nothing where it can."""
    if needs.base_image:
        yield f"base image {needs.base_image}"
    if needs.base_dockerfile:
        yield "a Dockerfile"
    if needs.build_context:
        yield f"the Docker build context {needs.build_context[0]}"
    if needs.extra_steps:
        yield "more steps of a Dockerfile, such as system packages"


def without_password(line: str) -> str:
    """An option with an address, as it may be shown."""
    return re.sub(r"(?<=://)[^/@\s]+@", "***@", line)


def python_minor(version: str) -> tuple[int, int]:
    """``3.11.4``, ``3.11`` and ``3.11.*`` are (3, 11); ``3`` is (3, 0); what is no version (0, 0)."""
    found = re.match(r"(\d+)(?:\.(\d+))?", version)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def _python_of(packages: list[str]) -> str | None:
    for package in packages:
        if package_name(package) == "python":
            wanted = package.partition("python")[2].strip()
            if wanted[:1] in ("<", ">"):
                return _python_in(wanted)
            wanted = wanted.lstrip("=").strip()
            return wanted if wanted not in ("", "*", PYTHON_DEFAULT_VERSION) else None
    return None


def _python_in(bounds: str) -> str | None:
    """Of ``>=3.9,<3.13`` the newest minor version; None where any that serves will do."""
    lowest, newest = (0, 0), None
    for sign, version in re.findall(r"([<>]=?)\s*([\d.]+)", bounds):
        minor = python_minor(version)
        if sign[0] == ">":
            lowest = max(lowest, minor)
        else:
            # Below 3.13.0 is below 3.13; below 3.13.4 may be 3.13.
            is_whole = sign == "<" and not version.partition(".")[2].partition(".")[2].strip("0.")
            newest = (minor[0], minor[1] - is_whole)
    if newest is not None:
        return f"{newest[0]}.{newest[1]}"
    return None if lowest <= python_minor(MINIMUM_PYTHON) else f"{lowest[0]}.{lowest[1]}"


def package_name(requirement: str) -> str:
    """The name in ``scikit-learn[x]>=1.3``, as PyPI compares it; of ``conda-forge::numpy=2`` numpy."""
    name = _NAME_ENDS.split(requirement.rpartition("::")[2].strip(), maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()
