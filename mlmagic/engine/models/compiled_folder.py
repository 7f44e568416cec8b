"""Compile the models in a folder, for a server without a workspace: the results are in the user's cache.

    compiled-models/
      KEY/FILE/...       what serves instead of FILE of the models' folder
      KEY/results.json   what compiling gave; written last

KEY stands for the content of the files and for the versions that compile them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path

from mlmagic.core.compilation import Compilation
from mlmagic.core.folders import files_below
from mlmagic.core.notify import Notify
from mlmagic.engine.environments.store import cache_folder
from mlmagic.engine.models.compilation import check_installed, is_pickle, key_of
from mlmagic.errors import NotFound, UsageError

_RESULTS = "results.json"


def compiled_folder(models: Path, notify: Notify, cache: Path | None = None) -> Path:
    """The folder of what serves instead of the files in ``models``; they are compiled unless they are there.

    ``notify`` gets a line for each file. Raises `NotFound`, and `UsageError` for a folder without pickles or
    a package that is missing.
    """
    if not models.is_dir():
        raise NotFound("folder of models", str(models))
    files = {file.relative_to(models).as_posix(): file for file in files_below(models) if is_pickle(file)}
    if not files:
        raise UsageError(
            f"the folder {str(models)!r} has no pickle of an estimator",
            hint="Name the folder of a file that joblib.dump or pickle.dump has written.",
        )
    place = (cache or cache_folder() / "compiled-models") / _key(files)
    if not (place / _RESULTS).exists():
        _compile(files, place, notify)
    for path, text in json.loads((place / _RESULTS).read_text(encoding="utf-8")).items():
        notify(f"{path}: {Compilation.from_json(text).words}")
    return place


def _compile(files: dict[str, Path], place: Path, notify: Notify) -> None:
    check_installed()
    from mlmagic.engine.compilation.process import compile_file

    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as draft:
        results = {}
        for path, file in files.items():
            notify(f"{path}: compiling to ONNX ...")
            into = Path(draft, "files", path)
            into.mkdir(parents=True)
            results[path] = compile_file(file, None, into).to_json()
        Path(draft, "files", _RESULTS).write_text(json.dumps(results), encoding="utf-8")
        with contextlib.suppress(OSError):  # another process was faster
            os.rename(Path(draft, "files"), place)


def _key(files: dict[str, Path]) -> str:
    digest = hashlib.sha256(key_of(None).encode())
    for path, file in sorted(files.items()):
        with file.open("rb") as opened:
            digest.update(f"\0{path}\0{hashlib.file_digest(opened, 'sha256').hexdigest()}".encode())
    return digest.hexdigest()[:32]
