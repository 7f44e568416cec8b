"""A local index of small packages: a folder for ``--find-links``, with wheels and source distributions."""

from __future__ import annotations

import io
import tarfile
import textwrap
import zipfile
from pathlib import Path

_BUILDS = """\
name, info = "{name}-{version}-py3-none-any.whl", "{name}-{version}.dist-info/"
with zipfile.ZipFile(os.path.join(folder, name), "w") as made:
    made.writestr("{name}.py", "__version__ = '{version}'")
    made.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    made.writestr(
        info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    )
    made.writestr(info + "RECORD", "")
return name
"""


def wheel(folder: Path, name: str, version: str, *requires: str) -> None:
    """Add a wheel for any Python."""
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {line}\n" for line in requires)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"__version__ = {version!r}\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as made:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            made.writestr(path, text)


def foreign_wheel(folder: Path, name: str, version: str) -> None:
    """Add a wheel for Python 2.7, which nothing here can install."""
    wheel(folder, name, version)
    made = folder / f"{name}-{version}-py3-none-any.whl"
    made.rename(folder / f"{name}-{version}-cp27-cp27m-win32.whl")


def source(folder: Path, name: str, version: str, *, builds: bool) -> None:
    """Add a source distribution with a build backend of its own, whose build fails unless it ``builds``."""
    if builds:
        body = _BUILDS.format(name=name, version=version)
    else:
        body = "raise SystemExit('error: this package needs a compiler of 2012')"
    backend = f"import os, zipfile\n\n\ndef build_wheel(folder, *rest):\n{textwrap.indent(body, '    ')}\n"
    files = {
        "PKG-INFO": f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\n',
        "backend.py": backend,
    }
    with tarfile.open(folder / f"{name}-{version}.tar.gz", "w:gz") as made:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{path}")
            entry.size = len(text.encode())
            made.addfile(entry, io.BytesIO(text.encode()))


def old_index(folder: Path) -> Path:
    """A folder with ``oldlib``, whose version 1.0 cannot be built, and ``purelib``, whose version 1.0 can."""
    folder.mkdir()
    source(folder, "oldlib", "1.0", builds=False)
    wheel(folder, "oldlib", "2.0")
    source(folder, "purelib", "1.0", builds=True)
    wheel(folder, "purelib", "2.0")
    return folder
