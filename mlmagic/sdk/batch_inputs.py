"""What a line names as the input of a batch job: a table or files."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlmagic.core import advice
from mlmagic.core.folders import files_below
from mlmagic.engine.batch.inputs import Files, Inputs, TableFile
from mlmagic.errors import Advice, InvalidConfig, NotFound
from mlmagic.scoring.batch.tables import DELIMITED, JSON_LINES, PARQUET
from mlmagic.sdk.dataset import KIND, Dataset, TabularDataset
from mlmagic.sdk.workspace_base import WorkspaceBase

_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".parquet": (PARQUET, {}),
    ".csv": (DELIMITED, {"sep": ",", "encoding": "utf8"}),
    ".tsv": (DELIMITED, {"sep": "\t", "encoding": "utf8"}),
    ".jsonl": (JSON_LINES, {"lines": True, "encoding": "utf8"}),
    ".ndjson": (JSON_LINES, {"lines": True, "encoding": "utf8"}),
}
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


def inputs_of(workspace: WorkspaceBase, given: Any, *, files: bool = False) -> tuple[Inputs, str]:
    """The input, and what people see of it.

    ``given`` is a DataFrame, a `Dataset`, paths or a path: of a file or folder, a URL, a pattern, or the
    name of a registered dataset. With ``files`` tables are files like others.

    Raises `NotFound` or `InvalidConfig`.
    """
    if hasattr(given, "columns") and hasattr(given, "to_pickle"):
        return [given], f"a DataFrame of {len(given):,} rows"
    given = str(given) if isinstance(given, Path) else given
    words = given if isinstance(given, str) else ""
    if isinstance(given, str) and not _exists(given):
        name, _, version = given.partition(":")
        given = _registered(workspace, name, version)
    if isinstance(given, TabularDataset):
        return given.table_files(), words or str(given)
    if hasattr(given, "paths"):
        return Files(given.paths, given.partitions), words or str(given)
    paths = [given] if isinstance(given, str) else list(given)
    found = [place for path in paths for place in _places(str(path))]
    return (Files(found) if files else _tables_or_files(found)), words or _listed(found)


def _exists(given: str) -> bool:
    return "://" in given or bool(glob.glob(str(Path(given).expanduser()), recursive=True))


def _registered(workspace: WorkspaceBase, name: str, version: str) -> Any:
    known = [asset.name for asset in workspace.engine.assets.list(KIND)]
    if name not in known:
        raise NotFound("file, folder or registered dataset", name, known)
    return Dataset.get_by_name(workspace, name, version or "latest")


def _places(path: str) -> list[str]:
    if "://" in path:
        return _remote(path)
    found = [Path(match) for match in sorted(glob.glob(str(Path(path).expanduser()), recursive=True))]
    if not found:
        raise NotFound("file", path, hint="Name a file, a folder, or a pattern such as data/*.csv.")
    files = [
        file
        for match in found
        for file in (files_below(match, links_out=True) if match.is_dir() else [match])
    ]
    return [str(file.absolute()) for file in files if file.is_file()]


def _remote(url: str) -> list[str]:
    """The files at a URL that fsspec knows: of a folder or a pattern, all."""
    try:
        from fsspec.core import url_to_fs

        system, place = url_to_fs(url)
        if "*" in place:
            found = sorted(system.glob(place))
        elif system.isdir(place):
            found = sorted(system.find(place))
        else:
            return [url]
    except (ImportError, ValueError, OSError) as error:
        raise InvalidConfig(
            "input", url, "must be a file or folder that fsspec can read", hint=str(error)
        ) from None
    if not found:
        raise NotFound("file", url)
    return [str(system.unstrip_protocol(each)) for each in found]


def _tables_or_files(paths: Sequence[str]) -> Inputs:
    """Tables, if all files are; files, if none is. Raises `InvalidConfig` for both at once."""
    formats = [_FORMATS.get(_suffix(path)) for path in paths]
    tables = [TableFile(path, form[0], form[1]) for path, form in zip(paths, formats, strict=True) if form]
    if tables and len(tables) < len(paths):
        other = next(path for path, form in zip(paths, formats, strict=True) if not form)
        raise InvalidConfig(
            "input",
            other,
            f"must be a table like {tables[0].path}",
            hint=Advice(
                "Name the tables alone, as in data/*.csv. Or score all files by their paths: {files}.",
                files=advice.argument("files"),
            ),
        )
    return tables or Files(paths)


def _suffix(path: str) -> str:
    name = path.lower().partition("?")[0]
    for ending in _COMPRESSED:
        name = name.removesuffix(ending)
    return Path(name).suffix


def _listed(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{len(paths):,} files"
