"""`CondaDependencies`: a conda specification that one builds and edits, as in the first SDK.

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
    """A conda specification, read from ``conda_dependencies_file_path`` or begun as the first SDK does."""

    DEFAULT_NUMBER_OF_CONDA_PACKAGES = 2

    def __init__(
        self,
        conda_dependencies_file_path: str | None = None,
        _underlying_structure: dict[str, Any] | None = None,
    ) -> None:
        if conda_dependencies_file_path is not None and _underlying_structure is not None:
            raise UserErrorException("give a file or a structure, not both")
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
        """One with these packages; ``azureml-defaults`` from pip where none are named.

        ``pin_sdk_version`` changes nothing here: the first SDK's packages are not needed to serve.
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
        """Without repetitions; of one package the last."""
        merged: dict[str, str] = {}
        for requirement in requirements:
            merged[package_name(requirement)] = requirement
        return list(merged.values())

    # ---- conda ----------------------------------------------------------------------------------

    @property
    def conda_channels(self) -> Iterator[str]:
        """Where conda looks for packages."""
        return iter(self._values.get("channels") or [])

    @property
    def conda_packages(self) -> Iterator[str]:
        """Among them python itself."""
        return (each for each in self._dependencies if isinstance(each, str))

    def add_channel(self, channel: str) -> None:
        """Add one, unless it is there."""
        channels = self._values.setdefault("channels", [])
        if channel not in channels:
            channels.append(channel)

    def remove_channel(self, channel: str) -> None:
        """Remove one; silent where it is not there."""
        if channel in (channels := self._values.get("channels") or []):
            channels.remove(channel)

    def add_conda_package(self, conda_package: str) -> None:
        """Add it, or put it in the place of another version of it."""
        self._replace(self._dependencies, _text(conda_package, "conda package"))

    def remove_conda_package(self, conda_package: str) -> None:
        """Remove it in whichever version; python cannot be removed."""
        if package_name(conda_package) == "python":
            raise UserErrorException("python cannot be removed", hint="set_python_version() changes it.")
        self._remove(self._dependencies, conda_package)

    def set_python_version(self, version: str) -> None:
        """Such as ``3.11``."""
        self.add_conda_package(f"python={version}")

    def get_python_version(self) -> str | None:
        """None where the specification does not say."""
        for package in self.conda_packages:
            if package_name(package) == "python":
                return package.partition("=")[2].lstrip("=") or None
        return None

    # ---- pip ------------------------------------------------------------------------------------

    @property
    def pip_packages(self) -> Iterator[str]:
        """Requirements as pip writes them; options are not among them."""
        return (line for line in self._pip if not line.startswith("-"))

    @property
    def pip_options(self) -> Iterator[str]:
        """Lines such as ``--index-url ...``."""
        return (line for line in self._pip if line.startswith("-"))

    def add_pip_package(self, pip_package: str) -> None:
        """Add it, or put it in the place of another version of it."""
        if _text(pip_package, "pip package").startswith("-"):
            raise UserErrorException(
                f"pip package {pip_package!r} begins with '-'", hint="set_pip_option() adds an option."
            )
        self._replace(self._pip, pip_package)

    def remove_pip_package(self, pip_package: str) -> None:
        """Remove it in whichever version."""
        self._remove(self._pip, pip_package)

    def set_pip_requirements(self, pip_requirements: Iterable[str]) -> None:
        """These packages in place of all; options stay."""
        options = list(self.pip_options)
        self._pip[:] = [*options, *(_text(each, "pip package") for each in pip_requirements)]

    def set_pip_option(self, pip_option: str) -> None:
        """Add an option, or put it in the place of another value of it."""
        if not _text(pip_option, "pip option").startswith("-"):
            raise UserErrorException(f"pip option {pip_option!r} does not begin with '-'")
        self.remove_pip_option(pip_option)
        self._pip.insert(0, pip_option)

    def remove_pip_option(self, pip_option: str) -> None:
        """Remove it with whichever value."""
        name = re.split(r"[\s=]", pip_option, maxsplit=1)[0]
        self._pip[:] = [line for line in self._pip if re.split(r"[\s=]", line, maxsplit=1)[0] != name]

    # ---- as text --------------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """The specification itself."""
        return self._values

    def serialize_to_string(self) -> str:
        """As YAML."""
        import yaml

        text: str = yaml.safe_dump(self._values, sort_keys=False)
        return text

    def save(self, path: str | None = None) -> str:
        """Write it to a file, ``conda_dependencies.yml`` here by default; returns the path."""
        file = Path(path or DEFAULT_FILE).expanduser()
        if file.is_dir():
            file = file / DEFAULT_FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.serialize_to_string(), encoding="utf-8")
        return str(file)

    def save_to_file(self, base_directory: str, conda_file_path: str | None = None) -> str:
        """Write it below ``base_directory``; returns the path relative to that."""
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
        # The list of pip's packages stands last, as conda writes it.
        at = len(lines) - 1 if lines and isinstance(lines[-1], dict) else len(lines)
        lines.insert(at, package)

    @staticmethod
    def _remove(lines: list[Any], package: str) -> None:
        name = package_name(package)
        lines[:] = [line for line in lines if not isinstance(line, str) or package_name(line) != name]


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UserErrorException(f"{what} {value!r} must be text that is not empty")
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
        raise UserErrorException(f"{where} holds no mapping", hint=f"Its keys are {', '.join(_KEYS)}.")
    unknown = [key for key in values if key not in _KEYS]
    if unknown:
        raise UserErrorException(
            f"{where} has the key {unknown[0]!r}, which no conda specification has",
            hint=f"There are {', '.join(_KEYS)}.",
        )
    for each in values.get("dependencies") or []:
        if not isinstance(each, str) and not (isinstance(each, dict) and list(each) == ["pip"]):
            raise UserErrorException(
                f"{where}: dependency {each!r} is neither a package nor a list of pip's",
                hint="For example - numpy=2.2, or - pip: [requests].",
            )
    return values
