"""What an environment asks for, and a process on this machine does not have: told before the deploy."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from typing import Any

from mlmagic.core.environment import EnvironmentNeeds, needs_of, package_name


def installed_version(name: str) -> str | None:
    """None where the distribution is not installed here."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def unmet_needs(
    record: Mapping[str, Any],
    installed: Callable[[str], str | None] = installed_version,
    python: str = platform.python_version(),
) -> Iterator[str]:
    """A line for each need of an environment, as JSON, that a process of this interpreter does not meet."""
    needs = needs_of(record)
    for need in image_needs(needs):
        yield f"The environment asks for {need}: the service runs as a process here, without it."
    if needs.python is not None and not _same_minor(python, needs.python):
        yield f"The environment asks for Python {needs.python}: the service runs on this process's, {python}."
    for package in (*needs.conda_packages, *needs.pip_packages):
        name = package_name(package)
        if installed(name) is None:
            yield f"The environment asks for {package}, which is not installed here: pip install {name}"


def image_needs(needs: EnvironmentNeeds) -> Iterator[str]:
    """Why an environment cannot be had without a container; nothing where it can."""
    if needs.base_image:
        yield f"base image {needs.base_image}"
    if needs.base_dockerfile:
        yield "a Dockerfile"
    if needs.build_context:
        yield f"the Docker build context {needs.build_context[0]}"


def _same_minor(one: str, other: str) -> bool:
    return one.split(".")[:2] == other.split(".")[:2]
