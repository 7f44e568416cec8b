"""The packages that are installed for an interpreter."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping

from mlmagic.core.environment import package_name
from mlmagic.errors import UsageError

LIST_PACKAGES = (
    "import json, platform; from importlib import metadata; "
    "print(json.dumps({'python': platform.python_version(), "
    "**{d.metadata['Name']: d.version for d in metadata.distributions()}}))"
)
"""A program that prints the versions of the installed packages, and of Python, as JSON."""


def packages_of(python: str) -> dict[str, str]:
    """The version of each package, and of ``python``.

    Raises `UsageError` if the interpreter does not work.
    """
    try:
        done = subprocess.run(
            [python, "-I", "-c", LIST_PACKAGES], capture_output=True, text=True, timeout=60, check=True
        )
        return dict(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UsageError(f"the packages of interpreter {python!r} cannot be listed: {error}") from None


def by_package_name(versions: Mapping[str, str]) -> dict[str, str]:
    """The same with normalized names, as PyPI compares them."""
    return {package_name(name): version for name, version in versions.items()}
