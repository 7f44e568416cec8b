"""The files of an image, in one place: the recipe, the server, the models, the script, and what pip installs.

Dockerfile
azureml-app/
  requirements.txt      pinned
  server/mlmagic/...    the scoring room
  azureml-models/NAME/VERSION/...
  app/...               the script and its folder
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from mlmagic.core.conda_names import pip_requirements
from mlmagic.core.environment import EnvironmentNeeds
from mlmagic.errors import NotFound
from mlmagic.targets.images import ignoring
from mlmagic.targets.images.dockerfile import CERTIFICATES, FOLDER, Recipe, dockerfile
from mlmagic.targets.images.lock import locked
from mlmagic.targets.server_files import SERVER_REQUIREMENTS, server_files

BASE_IMAGE = "MLMAGIC_BASE_IMAGE"
"""The variable that names the base image of those that ask for none."""
EPOCH = 0
"""Every file's time: it is no part of what an image is."""
MODELS = "azureml-models"


@dataclass(frozen=True, slots=True)
class Context:
    """Files by their paths, and the recipe that they go with."""

    recipe: Recipe
    requirements: tuple[str, ...]
    files: Mapping[str, Path | bytes] = field(default_factory=dict)
    build_arguments: Mapping[str, str] = field(default_factory=dict)

    def with_files(self, files: Mapping[str, Path | bytes]) -> Context:
        """The same with more files."""
        return replace(self, files={**self.files, **files})

    def all_files(self) -> list[tuple[str, Path | bytes]]:
        """In order, with the recipe and the requirements."""
        files = {
            **self.files,
            "Dockerfile": dockerfile(self.recipe).encode(),
            f"{FOLDER}/requirements.txt": "".join(f"{line}\n" for line in self.requirements).encode(),
        }
        # Docker copies no folder that is not there.
        for folder in (MODELS, "app"):
            if not any(path.startswith(f"{FOLDER}/{folder}/") for path in files):
                files[f"{FOLDER}/{folder}/.keep"] = b""
        return sorted(files.items())

    def digest(self) -> str:
        """SHA-256 in hexadecimal over the paths and contents; the same for the same inputs, on any day."""
        told = hashlib.sha256()
        for path, content in self.all_files():
            inner = hashlib.sha256()
            for part in _parts(content):
                inner.update(part)
            told.update(f"{path}\0{inner.hexdigest()}\n".encode())
        return told.hexdigest()

    def write_tar(self, out: BinaryIO) -> None:
        """As one stream of tar, the same for the same files."""
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path, content in self.all_files():
                entry = tarfile.TarInfo(path)
                entry.mode, entry.mtime = 0o644, EPOCH
                entry.size = len(content) if isinstance(content, bytes) else content.stat().st_size
                with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as source:
                    archive.addfile(entry, source)

    def write_folder(self, folder: Path) -> None:
        """As files below ``folder``."""
        for path, content in self.all_files():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as out:
                for part in _parts(content):
                    out.write(part)


def context_for(
    *,
    app: Path,
    models: Path | None,
    model_dir: str | None,
    entry_script: str,
    needs: EnvironmentNeeds,
    requirements: Iterable[str],
    labels: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    for_building_here: bool = True,
    environ: Mapping[str, str] = os.environ,
) -> Context:
    """The context of a script's image: ``app`` and ``models`` are folders as a deploy lays them out.

    ``requirements`` are those of script and models, for an environment that asks for nothing itself. With
    ``for_building_here`` it brings the certificates and the settings by which pip here reaches its index.
    Raises `InvalidConfigs` for packages of conda's that pip cannot have, `NotFound` for a build context that
    is not there.
    """
    asked = pip_requirements(needs) if needs.conda_packages or needs.pip_packages else tuple(requirements)
    lines = locked([*asked, *SERVER_REQUIREMENTS]) if not needs.user_managed else locked(SERVER_REQUIREMENTS)
    certificates = _certificates(environ) if for_building_here else None
    recipe = Recipe(
        needs.base_image or environ.get(BASE_IMAGE) or f"python:{_minor(needs.python)}-slim",
        entry_script,
        model_dir,
        _with_dockerfile(needs),
        needs.pip_options,
        dict(labels or {}),
        dict(variables or {}),
        certificates=certificates is not None,
    )
    files: dict[str, Path | bytes] = {f"{FOLDER}/server/{name}": path for name, path in server_files()}
    files |= _source_files(app)
    if models is not None and models.is_dir():
        files |= _files_below(models, f"{FOLDER}/{MODELS}")
    if needs.build_context:
        files |= _files_below(Path(needs.build_context[0]).expanduser(), "")
    if certificates is not None:
        files[CERTIFICATES] = certificates
    arguments = {name: environ[name] for name in ("PIP_INDEX_URL", "PIP_TRUSTED_HOST") if environ.get(name)}
    return Context(recipe, lines, files, arguments if for_building_here else {})


def _with_dockerfile(needs: EnvironmentNeeds) -> EnvironmentNeeds:
    """What a folder's Dockerfile says, as if it had been given as text."""
    if not needs.build_context:
        return needs
    folder, name = needs.build_context
    path = Path(folder).expanduser() / name
    if not path.is_file():
        raise NotFound("Dockerfile", str(path), hint="It was there when the environment was made.")
    return replace(needs, base_dockerfile=path.read_text(encoding="utf-8"))


def _source_files(app: Path) -> dict[str, Path | bytes]:
    ignore = app / ignoring.NAME
    rules = ignoring.rules_of(ignore.read_text(encoding="utf-8")) if ignore.is_file() else []
    found = _files_below(app, "")
    return {
        f"{FOLDER}/app/{path}": content
        for path, content in found.items()
        if not ignoring.is_left_out(path, rules)
    }


def _files_below(folder: Path, prefix: str) -> dict[str, Path | bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    start = f"{prefix}/" if prefix else ""
    return {f"{start}{path.relative_to(folder).as_posix()}": path for path in paths}


def _certificates(environ: Mapping[str, str]) -> bytes | None:
    """Those that the user has set pip to trust; None where it is left to pip."""
    for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        path = Path(environ.get(name) or "")
        if environ.get(name) and path.is_file():
            return path.read_bytes()
    return None


def _minor(python: str | None) -> str:
    parts: Sequence[object] = python.split(".")[:2] if python else sys.version_info[:2]
    return ".".join(str(part) for part in parts)


def _parts(content: Path | bytes) -> Iterable[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while part := file.read(1 << 20):
            yield part
