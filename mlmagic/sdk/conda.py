"""`CondaDependencies`: a conda specification to create and edit.

name: project_environment
channels: [anaconda, conda-forge]
dependencies:
  - python=3.10.18
  - pip: [azureml-defaults]
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mlmagic.core.environment import PYTHON_DEFAULT_VERSION, package_name
from mlmagic.errors import NotFound
from mlmagic.sdk.exceptions import UserErrorException

DEFAULT_NAME = "project_environment"
DEFAULT_FILE = "conda_dependencies.yml"
_KEYS = ("name", "channels", "dependencies", "prefix", "variables")


class CondaDependencies:
    """A conda specification, read from a file, or a new one with Azure ML v1's defaults."""

    DEFAULT_NUMBER_OF_CONDA_PACKAGES = 2

    def __init__(
        self,
        conda_dependencies_file_path: str | None = None,
        _underlying_structure: dict[str, Any] | None = None,
    ) -> None:
        if conda_dependencies_file_path is not None and _underlying_structure is not None:
            raise UserErrorException("a file and a structure exclude each other", hint="Give one of them.")
        if conda_dependencies_file_path is not None:
            values = _read(Path(conda_dependencies_file_path).expanduser())
        elif _underlying_structure is not None:
            values = _checked(_underlying_structure, "the structure")
        else:
            values = {
                "name": DEFAULT_NAME,
                "dependencies": [f"python={PYTHON_DEFAULT_VERSION}", {"pip": ["azureml-defaults"]}],
                "channels": ["anaconda", "conda-forge"],
            }
        self._values = values

    @staticmethod
    def create(
        pip_indexurl: str | None = None,
        pip_packages: Iterable[str] | None = None,
        conda_packages: Iterable[str] | None = None,
        python_version: str = PYTHON_DEFAULT_VERSION,
        pin_sdk_version: bool = True,
    ) -> CondaDependencies:
        """A specification with these packages; without ``pip_packages`` with ``azureml-defaults``.

        ``pin_sdk_version`` has no effect: Azure ML v1's packages are not needed to serve.
        """
        made = CondaDependencies()
        made._dependencies[:] = [f"python={python_version}"]
        made.set_pip_requirements(["azureml-defaults"] if pip_packages is None else list(pip_packages))
        for package in conda_packages or ():
            made.add_conda_package(package)
        if pip_indexurl:
            made.set_pip_option(f"--index-url {pip_indexurl}")
        return made

    @staticmethod
    def merge_requirements(requirements: Iterable[str]) -> list[str]:
        """The requirements without duplicates; of each package the last."""
        merged: dict[str, str] = {}
        for requirement in requirements:
            merged[package_name(requirement)] = requirement
        return list(merged.values())

    # ---- conda ----------------------------------------------------------------------------------

    @property
    def conda_channels(self) -> Iterator[str]:
        """The channels that conda searches."""
        return iter(self._values.get("channels") or [])

    @property
    def conda_packages(self) -> Iterator[str]:
        """The conda packages, python included."""
        return (each for each in self._dependencies if isinstance(each, str))

    def add_channel(self, channel: str) -> None:
        """Add a channel, unless it is in the list."""
        channels = self._values.setdefault("channels", [])
        if channel not in channels:
            channels.append(channel)

    def remove_channel(self, channel: str) -> None:
        """Remove a channel if it is in the list."""
        if channel in (channels := self._values.get("channels") or []):
            channels.remove(channel)

    def add_conda_package(self, conda_package: str) -> None:
        """Add a package; it replaces another version of the package."""
        self._replace(self._dependencies, _text(conda_package, "conda package"))

    def remove_conda_package(self, conda_package: str) -> None:
        """Remove a package in any version. Raises for python."""
        if package_name(conda_package) == "python":
            raise UserErrorException(
                "python cannot be removed", hint="Change its version with set_python_version()."
            )
        self._remove(self._dependencies, conda_package)

    def set_python_version(self, version: str) -> None:
        """Set the Python version, for example ``3.11``."""
        self.add_conda_package(f"python={version}")

    def get_python_version(self) -> str | None:
        """The Python version; None if the specification has none."""
        for package in self.conda_packages:
            if package_name(package) == "python":
                return package.partition("=")[2].lstrip("=") or None
        return None

    # ---- pip ------------------------------------------------------------------------------------

    @property
    def pip_packages(self) -> Iterator[str]:
        """The pip requirements without the options."""
        return (line for line in self._pip if not line.startswith("-"))

    @property
    def pip_options(self) -> Iterator[str]:
        """The pip options, for example ``--index-url ...``."""
        return (line for line in self._pip if line.startswith("-"))

    def add_pip_package(self, pip_package: str) -> None:
        """Add a package; it replaces another version of the package."""
        if _text(pip_package, "pip package").startswith("-"):
            raise UserErrorException(
                f"pip package {pip_package!r} begins with '-'", hint="Add an option with set_pip_option()."
            )
        self._replace(self._pip, pip_package)

    def remove_pip_package(self, pip_package: str) -> None:
        """Remove a package in any version."""
        self._remove(self._pip, pip_package)

    def set_pip_requirements(self, pip_requirements: Iterable[str]) -> None:
        """Replace all pip packages; options are kept."""
        options = list(self.pip_options)
        self._pip[:] = [*options, *(_text(each, "pip package") for each in pip_requirements)]

    def set_pip_option(self, pip_option: str) -> None:
        """Add an option; it replaces another value of the option."""
        if not _text(pip_option, "pip option").startswith("-"):
            raise UserErrorException(
                f"pip option {pip_option!r} does not begin with '-'", hint="For example --index-url URL."
            )
        self.remove_pip_option(pip_option)
        self._pip.insert(0, pip_option)

    def remove_pip_option(self, pip_option: str) -> None:
        """Remove an option with any value."""
        name = re.split(r"[\s=]", pip_option, maxsplit=1)[0]
        self._pip[:] = [line for line in self._pip if re.split(r"[\s=]", line, maxsplit=1)[0] != name]

    # ---- as text --------------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """The specification as a dict; changes to it change the specification."""
        return self._values

    def serialize_to_string(self) -> str:
        """The specification as YAML."""
        import yaml

        text: str = yaml.safe_dump(self._values, sort_keys=False)
        return text

    def save(self, path: str | None = None) -> str:
        """Write a YAML file (default: conda_dependencies.yml in the working folder); returns its path."""
        file = Path(path or DEFAULT_FILE).expanduser()
        if file.is_dir():
            file = file / DEFAULT_FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.serialize_to_string(), encoding="utf-8")
        return str(file)

    def save_to_file(self, base_directory: str, conda_file_path: str | None = None) -> str:
        """Write a YAML file in ``base_directory``; returns its path relative to the folder."""
        relative = conda_file_path or DEFAULT_FILE
        self.save(str(Path(base_directory) / relative))
        return relative

    def __repr__(self) -> str:
        return self.serialize_to_string()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CondaDependencies) and self._values == other._values

    __hash__ = None  # type: ignore[assignment]

    # ---- inside ---------------------------------------------------------------------------------

    @property
    def _dependencies(self) -> list[Any]:
        found: list[Any] = self._values.setdefault("dependencies", [])
        return found

    @property
    def _pip(self) -> list[str]:
        for each in self._dependencies:
            if isinstance(each, dict) and "pip" in each:
                lines: list[str] = each["pip"]
                return lines
        new: list[str] = []
        self._dependencies.append({"pip": new})
        return new

    @staticmethod
    def _replace(lines: list[Any], package: str) -> None:
        for index, line in enumerate(lines):
            if isinstance(line, str) and package_name(line) == package_name(package):
                lines[index] = package
                return
        # The list of pip packages comes last, as conda writes it.
        at = len(lines) - 1 if lines and isinstance(lines[-1], dict) else len(lines)
        lines.insert(at, package)

    @staticmethod
    def _remove(lines: list[Any], package: str) -> None:
        name = package_name(package)
        lines[:] = [line for line in lines if not isinstance(line, str) or package_name(line) != name]


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UserErrorException(f"{what} {value!r} must be text and not empty")
    return value


def _read(path: Path) -> dict[str, Any]:
    import yaml

    if not path.is_file():
        raise NotFound("conda specification file", str(path), hint=f"The working folder is {Path.cwd()}.")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserErrorException(f"{path} is not YAML: {error}") from None
    return _checked(values, str(path))


def _checked(values: Any, where: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise UserErrorException(f"{where} is not a mapping", hint=f"Its keys are {', '.join(_KEYS)}.")
    unknown = [key for key in values if key not in _KEYS]
    if unknown:
        raise UserErrorException(
            f"{where} has the key {unknown[0]!r}, which conda specifications do not have",
            hint=f"Use {', '.join(_KEYS)}.",
        )
    for each in values.get("dependencies") or []:
        if not isinstance(each, str) and not (isinstance(each, dict) and list(each) == ["pip"]):
            raise UserErrorException(
                f"{where}: dependency {each!r} is neither a package nor a list of pip packages",
                hint="For example - numpy=2.2, or - pip: [requests].",
            )
    return values
