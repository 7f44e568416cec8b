"""An `Environment` from the options of a command line, such as a file, a list of packages or an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlmagic.core.environment import needs_of
from mlmagic.engine.environments.satisfaction import check
from mlmagic.errors import UsageError
from mlmagic.sdk.conda_sources import THIS_PYTHON
from mlmagic.sdk.environment import Environment

SOURCES = ("from_notebook", "conda", "pip", "packages", "python_path", "dockerfile", "image")
"""The options, with dashes on a command line."""


def environment_of(
    name: str,
    sources: Mapping[str, Any],
    python_version: str | None = None,
    variables: Mapping[str, str] | None = None,
    shell: Any = None,
) -> Environment:
    """The environment of one of `SOURCES`; without a source that of the notebook.

    A Dockerfile or an image may be combined with ``conda`` or ``pip``. Raises `UsageError` for other
    combinations, `InvalidConfigs` for requirements that pip cannot parse, and `NotFound` for a missing file.
    """
    given = [source for source in SOURCES if sources.get(source)]
    images = {"dockerfile", "image"} & set(given)
    exclusive = [source for source in given if not (images and source in ("conda", "pip"))]
    if len(exclusive) > 1:
        shown = " and ".join(f"--{source.replace('_', '-')}" for source in exclusive)
        raise UsageError(f"{shown} exclude each other", hint="Use one of them.")
    made = _made(name, sources, exclusive[0] if exclusive else "from_notebook", shell)
    if python_version:
        if made.python.user_managed_dependencies or made.python.conda_dependencies is None:
            raise UsageError(
                f"--python-version {python_version!r} has no effect: the image has its own Python",
                hint="Leave it out.",
            )
        made.python.conda_dependencies.set_python_version(python_version)
    made.environment_variables = dict(variables or {})
    if made.python.conda_dependencies is not None:
        check(f"environment {name!r}", list(made.python.conda_dependencies.pip_packages))
    return made


def python_of(record: Mapping[str, Any]) -> str:
    """The Python of an environment, for people: its version, or whose it is."""
    needs = needs_of(record)
    if needs.user_managed:
        return "the image's or the interpreter's own"
    return needs.python or "any version"


def _made(name: str, sources: Mapping[str, Any], source: str, shell: Any) -> Environment:
    given, conda, pip = sources.get(source), sources.get("conda"), sources.get("pip")
    match source:
        case "dockerfile":
            return Environment.from_dockerfile(name, str(given), conda, pip)
        case "image":
            return Environment.from_docker_image(
                name, str(given), conda_specification=conda, pip_requirements=pip
            )
        case "conda":
            return Environment.from_conda_specification(name, str(given))
        case "pip":
            return Environment.from_pip_requirements(name, str(given))
        case "packages":
            return Environment.from_pins(name, THIS_PYTHON, list(given or ()))
        case "python_path":
            return Environment.from_existing_interpreter(name, str(given))
        case _:
            return Environment.from_notebook(name, shell)
