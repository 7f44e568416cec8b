"""What an environment asks for, and a process on this machine does not have: told before the deploy."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from typing import Any

from mlmagic.sdk.conda import PYTHON_DEFAULT_VERSION, CondaDependencies, package_name
from mlmagic.sdk.environment import needs_image

OURS = frozenset(
    (
        *(
            "azureml-defaults",
            "azureml-core",
            "azureml-sdk",
            "azureml-inference-server-http",
            "inference-schema",
        ),
        *("azureml-monitoring", "azureml-contrib-services", "pip", "python"),
    )
)
"""What the scoring server brings itself, or has a stand-in for."""


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
    for need in needs_image(dict(record)):
        yield f"The environment asks for {need}: the service runs as a process here, without it."
    given = (record.get("python") or {}).get("condaDependencies")
    if not given:
        return
    dependencies = CondaDependencies(_underlying_structure=dict(given))
    wanted = dependencies.get_python_version()
    # The version that the first SDK writes where nobody names one is nobody's wish.
    if wanted not in (None, PYTHON_DEFAULT_VERSION) and not _same_minor(python, wanted):
        yield f"The environment asks for Python {wanted}: the service runs on this process's, {python}."
    for package in (*dependencies.conda_packages, *dependencies.pip_packages):
        name = package_name(package)
        if name not in OURS and installed(name) is None:
            yield f"The environment asks for {package}, which is not installed here: pip install {name}"


def _same_minor(one: str, other: str | None) -> bool:
    return one.split(".")[:2] == (other or "").split(".")[:2]
