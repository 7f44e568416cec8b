"""`azureml.core.model`: finds the files of a model for scripts of SDK v1. It searches, in this order:

    AZUREML_MODEL_DIR/NAME/VERSION/    if the service has several models
    AZUREML_MODEL_DIR                  .../NAME/VERSION, or any folder of the only model
    $AML_APP_ROOT/azureml-models/NAME/VERSION/
    ./NAME

The path of a folder that contains just one file or folder is the path of that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mlmagic.scoring.shims.exceptions import ModelNotFoundException, UserErrorException
from mlmagic.scoring.shims.unavailable import PartlyAvailable

CACHE = "azureml-models"


class Model(metaclass=PartlyAvailable):
    """The part of azureml.core.Model that works without a workspace."""

    def __init__(self, *args: object, **more: object) -> None:
        raise UserErrorException(
            "A scoring service has no workspace to look a model up in. "
            "Use Model.get_model_path(NAME) or the folder AZUREML_MODEL_DIR."
        )

    @staticmethod
    def get_model_path(model_name: str, version: int | None = None, _workspace: object = None) -> str:
        """Return the path of the only file of a model, or of its folder; by default of the newest version.

        Raises `ModelNotFoundException`, which lists the models of this service.
        """
        if version is not None and not isinstance(version, int):
            raise UserErrorException(f"version is {version!r}: it must be an integer")
        for folder in _candidates(model_name, version):
            if folder.exists():
                return str(_content(folder))
        raise ModelNotFoundException(_not_found(model_name, version))


def _candidates(name: str, version: int | None) -> Iterator[Path]:
    if not name or name in (".", "..") or "/" in name or os.sep in name:
        return
    root = _root()
    if root is not None:
        yield from _newest_of(root / name, version)
        if _is_the_only_model(root, name, version):
            yield root
    yield from _newest_of(_cache() / name, version)
    if version is None:
        yield Path(name)


def _newest_of(folder: Path, version: int | None) -> Iterator[Path]:
    """Return ``folder/VERSION``; without a version, that of the highest number."""
    if version is not None:
        yield folder / str(version)
    elif numbers := _versions(folder):
        yield folder / str(numbers[-1])


def _is_the_only_model(root: Path, name: str, version: int | None) -> bool:
    """Whether ``root`` is the folder of this model. If it ends in NAME/VERSION, both must match."""
    if root.name.isdecimal():
        return root.parent.name == name and version in (None, int(root.name))
    return not _named_versions(root) and version is None


def _content(folder: Path) -> Path:
    if not folder.is_dir():
        return folder
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 else folder


def _versions(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    return sorted(int(each.name) for each in folder.iterdir() if each.name.isdecimal())


def _named_versions(root: Path) -> list[str]:
    """Return ``NAME:VERSION`` of all models in the folders NAME/VERSION under ``root``."""
    if not root.is_dir():
        return []
    return [f"{folder.name}:{version}" for folder in sorted(root.iterdir()) for version in _versions(folder)]


def _root() -> Path | None:
    root = os.environ.get("AZUREML_MODEL_DIR")
    return Path(root) if root else None


def _cache() -> Path:
    return Path(os.environ.get("AML_APP_ROOT", "."), CACHE)


def _not_found(name: str, version: int | None) -> str:
    wanted = f"{name!r}" if version is None else f"{name!r}, version {version}"
    known = set(_named_versions(_cache()))
    root = _root()
    if root is not None:
        only = f"{root.parent.name}:{root.name}" if root.name.isdecimal() else ""
        known |= {only} if only else set(_named_versions(root))
    there = f"This service has {', '.join(sorted(known))}." if known else "This service has no models."
    searched = f"Searched: AZUREML_MODEL_DIR ({root or 'not set'}), {_cache()}, {Path.cwd()}."
    return f"Model not found: {wanted}. {there} {searched}"
