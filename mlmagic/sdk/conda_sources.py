"""`CondaDependencies` from a file, a list of requirements, or a conda environment of this machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from pathlib import Path

from mlmagic.errors import NotFound
from mlmagic.sdk.conda import CondaDependencies
from mlmagic.sdk.exceptions import UserErrorException

THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def of_specification(path: str) -> CondaDependencies:
    """From a conda YAML file. Without a Python version in it, warns and takes this interpreter's."""
    dependencies = CondaDependencies(path)
    if dependencies.get_python_version() is None:
        warnings.warn(f"{path} names no Python version, so {THIS_PYTHON} is used", stacklevel=4)
        dependencies.set_python_version(THIS_PYTHON)
    return dependencies


def of_requirements(path: str, pip_version: str | None = None) -> CondaDependencies:
    """From a pip requirements file, without its comments. Raises `NotFound`."""
    file = Path(path).expanduser()
    if not file.is_file():
        raise NotFound("requirements file", str(file), hint=f"The working folder is {Path.cwd()}.")
    lines = [line.partition(" #")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    dependencies = CondaDependencies.create(
        pip_packages=[line for line in wanted if not line.startswith("-")], python_version=THIS_PYTHON
    )
    for option in reversed([line for line in wanted if line.startswith("-")]):
        dependencies.set_pip_option(option)
    if pip_version:
        dependencies.add_conda_package(f"pip={pip_version}")
    return dependencies


def of_conda_environment(name: str) -> CondaDependencies:
    """From ``conda env export``. Raises `NotFound` without conda, `UserErrorException` if it fails."""
    conda = next(filter(None, map(shutil.which, ("conda", "mamba", "micromamba"))), None)
    if conda is None:
        raise NotFound("program", "conda", hint="Install conda or micromamba, or list the packages.")
    done = subprocess.run([conda, "env", "export", "--no-builds", "-n", name], capture_output=True, text=True)
    if done.returncode:
        raise UserErrorException(f"conda environment {name!r} cannot be read: {done.stderr.strip()}")
    import yaml

    return CondaDependencies(_underlying_structure=yaml.safe_load(done.stdout))
