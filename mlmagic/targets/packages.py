"""What is installed for an interpreter, as it says itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping

from mlmagic.core.environment import package_name
from mlmagic.errors import UsageError

ASK = (
    "import json, platform; from importlib import metadata; "
    "print(json.dumps({'python': platform.python_version(), "
    "**{d.metadata['Name']: d.version for d in metadata.distributions()}}))"
)
"""What an interpreter is asked: JSON of its packages and their versions, and its own."""


def packages_of(python: str) -> dict[str, str]:
    """Version by name, with Python's own under ``python``. Raises `UsageError` if it says nothing."""
    try:
        done = subprocess.run(
            [python, "-I", "-c", ASK], capture_output=True, text=True, timeout=60, check=True
        )
        return dict(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UsageError(f"{python} does not say what is installed in it: {error}") from None


def by_package_name(told: Mapping[str, str]) -> dict[str, str]:
    """The same by the names that PyPI compares."""
    return {package_name(name): version for name, version in told.items()}
