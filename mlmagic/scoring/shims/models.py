"""`azureml.core.model`: finds the files of a model for scripts of SDK v1.

    AZUREML_MODEL_DIR                  .../NAME/VERSION or any folder: the one model's
    AZUREML_MODEL_DIR/NAME/VERSION/    when there are several
    $AML_APP_ROOT/azureml-models/NAME/VERSION/
    ./NAME

They are asked in this order; a folder that holds one file or one folder stands for what it holds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mlmagic.scoring.shims.exceptions import ModelNotFoundException, UserErrorException
from mlmagic.scoring.shims.unavailable import PartlyAvailable

CACHE = "azureml-models"


class Model(metaclass=PartlyAvailable):
    """Of the original's class only what works without a workspace."""

    def __init__(self, *args: object, **more: object) -> None:
        raise UserErrorException(
            "A scoring service has no workspace to look a model up in. "
            "Use Model.get_model_path(NAME) or the folder AZUREML_MODEL_DIR."
        )

    @staticmethod
    def get_model_path(model_name: str, version: int | None = None, _workspace: object = None) -> str:
        """The path of the model's single file or folder; without ``version`` that of the newest.

        Raises `ModelNotFoundException`, which says what there is.
        """
        if version is not None and not isinstance(version, int):
            raise UserErrorException(f"version {version!r} is not an integer")
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
    """``folder/VERSION``; without a version the one with the highest number."""
    if version is not None:
        yield folder / str(version)
    elif numbers := _versions(folder):
        yield folder / str(numbers[-1])


def _is_the_only_model(root: Path, name: str, version: int | None) -> bool:
    """A path that ends in NAME/VERSION must say the right ones; any other says nothing."""
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
    """``NAME:VERSION`` of all that lie under ``root`` in the layout of several models."""
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
    there = f"There are: {', '.join(sorted(known))}." if known else "There is none."
    searched = f"Searched: AZUREML_MODEL_DIR ({root or 'not set'}), {_cache()}, {Path.cwd()}."
    return f"There is no model {wanted}. {there} {searched}"
