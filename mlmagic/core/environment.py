"""The needs of an environment, parsed from its Azure ML v1 JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlmagic.core.replacements import PYTHON, Replacement, replacements_of

DEFAULT_BASE_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
"""Azure ML v1's default image; here it means that mlmagic chooses one."""
PYTHON_DEFAULT_VERSION = "3.10.18"
"""The version that the v1 SDK writes when the user names none; so it does not count as a choice."""
MINIMUM_MINOR = (3, 11)
MINIMUM_PYTHON = ".".join(map(str, MINIMUM_MINOR))
"""The oldest Python version that the scoring server supports."""
STANDINS = frozenset(
    (
        *("azureml-defaults", "azureml-core", "azureml-sdk", "azureml-inference-server-http"),
        *("inference-schema", "azureml-monitoring", "azureml-contrib-services"),
    )
)
"""Distributions that the scoring server replaces: they need not be installed."""
KEEP_IMAGE = "keepBaseImage"
"""A key of ``docker`` that is not Azure ML v1's: the base image is used even if it is one of Azure's."""
_AZURE_IMAGE = re.compile(r"(?:(?:mcr\.microsoft\.com|viennaglobal\.azurecr\.io)/)?azureml/")
_NAME_ENDS = re.compile(r"[\s<>=!~;\[@]")


@dataclass(frozen=True, slots=True)
class Registry:
    """The registry of a base image, and the account to pull with."""

    address: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class EnvironmentNeeds:
    """The packages, image and settings of one environment; empty fields need nothing."""

    name: str = ""
    version: str = ""
    python: str | None = None
    """Such as 3.11 or 3.11.4; None for any version."""
    user_managed: bool = False
    """Whether the image or the interpreter already has its packages, so that nothing is installed."""
    interpreter: str = "python"
    """The interpreter of a user-managed environment."""
    conda_packages: tuple[str, ...] = ()
    """Conda package specifications, without python and pip."""
    conda_channels: tuple[str, ...] = ()
    pip_packages: tuple[str, ...] = ()
    """pip requirements, without the distributions that the scoring server replaces."""
    pip_options: tuple[str, ...] = ()
    """Lines such as ``--extra-index-url ...``."""
    base_image: str | None = None
    """None: mlmagic chooses one."""
    ignored_image: str | None = None
    """An image of Azure's that is named, and not used."""
    registry: Registry = Registry()
    base_dockerfile: str | None = None
    """The text of a Dockerfile."""
    build_context: tuple[str, str] | None = None
    """The folder, and the path of its Dockerfile."""
    extra_steps: str | None = None
    """Lines for the end of the Dockerfile."""
    gpu: bool = False
    cuda_version: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    replacements: tuple[Replacement, ...] = ()
    """The versions that are used in place of pins among the packages; ``python`` is replaced already."""

    @property
    def are_any(self) -> bool:
        """Whether there is an environment at all."""
        return self != EnvironmentNeeds()

    @property
    def names_packages(self) -> bool:
        """Whether it says which packages there are; else those of script and models are used."""
        return self.user_managed or bool(self.conda_packages or self.pip_packages)

    @property
    def needs_image(self) -> bool:
        """Whether only a container can provide the environment."""
        return bool(self.base_image or self.base_dockerfile or self.build_context)

    @property
    def of_image(self) -> tuple[str, ...]:
        """The parts of the environment that only a container can provide, in words."""
        parts = {
            f"base image {self.base_image}": self.base_image,
            "a Dockerfile": self.base_dockerfile,
            f"the Docker build context {(self.build_context or ('',))[0]}": self.build_context,
            "more steps of a Dockerfile, such as system packages": self.extra_steps,
        }
        return tuple(words for words, there in parts.items() if there)

    @property
    def python_minor(self) -> tuple[int, int] | None:
        """The minor version of ``python``; None for any version."""
        return python_minor(self.python) if self.python is not None else None

    @property
    def python_is_too_old(self) -> bool:
        """Whether ``python`` is older than the scoring server runs on."""
        return self.python_minor is not None and self.python_minor < MINIMUM_MINOR


def needs_of(record: Mapping[str, Any] | None) -> EnvironmentNeeds:
    """The needs of an environment in Azure ML v1's JSON; empty for None.

    Source: azureml-core's ``azureml_environment.json``.
    """
    if not record:
        return EnvironmentNeeds()
    python, docker = record.get("python") or {}, record.get("docker") or {}
    conda = python.get("condaDependencies") or {}
    lines = conda.get("dependencies") or []
    named = [line for line in lines if isinstance(line, str)]
    piped = [line for part in lines if isinstance(part, Mapping) for line in part.get("pip") or ()]
    image, registry = docker.get("baseImage") or None, docker.get("baseImageRegistry") or {}
    is_azures = image is not None and is_azure_image(image, registry.get("address"))
    is_used = not is_azures or bool(docker.get(KEEP_IMAGE))
    context = docker.get("buildContext")
    managed = bool(python.get("userManagedDependencies"))
    replacements = replacements_of(record)
    wanted = _python_of(named)
    used = {each.wanted: each.used for each in replacements if each.package == PYTHON}
    return EnvironmentNeeds(
        name=record.get("name") or "",
        version=str(record.get("version") or ""),
        python=None if managed or wanted is None else used.get(wanted, wanted),
        user_managed=managed,
        interpreter=python.get("interpreterPath") or "python",
        conda_packages=() if managed else tuple(n for n in named if package_name(n) not in ("python", "pip")),
        conda_channels=tuple(conda.get("channels") or ()),
        pip_packages=()
        if managed
        else tuple(p for p in piped if not p.startswith("-") and package_name(p) not in STANDINS),
        pip_options=tuple(line for line in piped if line.startswith("-")),
        base_image=image if is_used else None,
        ignored_image=image if not is_used and not str(image).startswith(DEFAULT_BASE_IMAGE) else None,
        registry=Registry(registry.get("address"), registry.get("username"), registry.get("password")),
        base_dockerfile=docker.get("baseDockerfile"),
        build_context=(context["location"], context.get("dockerfilePath") or "Dockerfile")
        if context
        else None,
        extra_steps=docker.get("extraDockerFileSteps"),
        gpu=bool(docker.get("enableGpu")),
        cuda_version=docker.get("cudaVersion"),
        variables=dict(record.get("environmentVariables") or {}),
        replacements=replacements,
    )


def is_azure_image(image: str, registry: str | None = None) -> bool:
    """Whether ``image`` is one of Azure ML's own. Their Python is too old to serve anything here."""
    full = f"{registry}/{image}" if registry else image
    return _AZURE_IMAGE.match(full) is not None


def with_base_image_kept(record: Mapping[str, Any]) -> dict[str, Any]:
    """An environment's JSON, with its base image used even if it is one of Azure's."""
    return {**record, "docker": {**(record.get("docker") or {}), KEEP_IMAGE: True}}


def without_password(line: str) -> str:
    """An option with a URL, with its password masked."""
    return re.sub(r"(?<=://)[^/@\s]+@", "***@", line)


def python_minor(version: str) -> tuple[int, int]:
    """``3.11.4``, ``3.11`` and ``3.11.*`` are (3, 11); ``3`` is (3, 0); anything else is (0, 0)."""
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
    """The newest minor version in bounds such as ``>=3.9,<3.13``; None if every supported version will do."""
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
    return None if lowest <= MINIMUM_MINOR else f"{lowest[0]}.{lowest[1]}"


def package_name(requirement: str) -> str:
    """The name in ``scikit-learn[x]>=1.3``, normalized as on PyPI; numpy for ``conda-forge::numpy=2``."""
    name = _NAME_ENDS.split(requirement.rpartition("::")[2].strip(), maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()
