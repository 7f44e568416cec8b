"""`joblib.load` and `pickle.load` return compiled models for the files that these were made from."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence, Set
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from mlmagic.scoring.compiled.files import CompiledFiles, Record
from mlmagic.scoring.compiled.original import Original, copy_of, report_unusable
from mlmagic.scoring.environment import COMPILED_MODELS

Find = Callable[[BinaryIO], "tuple[Record, Path] | None"]
_MARK = "__mlmagic_original__"


def install(root: Path, names: Set[str] = frozenset()) -> bool:
    """Replace both functions if the folder ``root`` has compiled models; whether it does.

    ``names`` are those of the script: the methods among them are prepared when a model is loaded, others when
    they are called. Raises FileNotFoundError if there is no such folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{COMPILED_MODELS} is {str(root)!r}: there is no such folder")
    uninstall()
    files = CompiledFiles(root)
    if not files:
        return False
    _replace_in(pickle, files.of_pickle, names)
    if "joblib" in sys.modules:
        _replace_in(sys.modules["joblib"], files.of, names)
    else:
        sys.meta_path.insert(0, _JoblibFinder(files, names))
    return True


def uninstall() -> None:
    """Put the original functions back."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _JoblibFinder)]
    modules: tuple[Any, Any] = (pickle, sys.modules.get("joblib"))
    for module in modules:
        if hasattr(getattr(module, "load", None), _MARK):
            module.load = getattr(module.load, _MARK)


class _JoblibFinder:
    """Replaces `joblib.load` when joblib is imported: scripts that use pickle only do not need joblib."""

    def __init__(self, files: CompiledFiles, names: Set[str]) -> None:
        self._files, self._names = files, names

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "joblib":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                _replace_in(module, self._files.of, self._names)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _replace_in(module: Any, find: Find, names: Set[str]) -> None:
    module.load = _loader(module.load, find, names)


def _loader(load: Callable[..., Any], find: Find, names: Set[str]) -> Callable[..., Any]:
    def loaded(*given: Any, **options: Any) -> Any:
        source = given[0] if given else options.get("filename", options.get("file"))
        with _opened(source) as file:
            if file is not None and (found := _compiled(file, find, load, names)) is not None:
                # As after a real load: the next object in the file is sought behind this one.
                file.seek(0, os.SEEK_END)
                return found
        return load(*given, **options)

    loaded.__name__ = loaded.__qualname__ = "load"
    loaded.__doc__ = load.__doc__
    setattr(loaded, _MARK, load)
    return loaded


@contextlib.contextmanager
def _opened(source: Any) -> Iterator[BinaryIO | None]:
    """The file that is to be loaded, at its start; None for anything else."""
    if isinstance(source, str | os.PathLike):
        with contextlib.ExitStack() as stack:
            file = None
            with contextlib.suppress(OSError):
                file = stack.enter_context(open(source, "rb"))
            yield file
        return
    try:
        usable = isinstance(source.name, str | bytes) and source.fileno() >= 0 and source.tell() == 0
    except (AttributeError, OSError, ValueError):
        usable = False
    yield source if usable and os.path.isfile(source.name) else None


def _compiled(file: BinaryIO, find: Find, load: Callable[[BinaryIO], Any], names: Set[str]) -> Any:
    """The proxy for the model in ``file``; None if there is none, or it cannot be used here."""
    found = find(file)
    file.seek(0)
    if found is None:
        return None
    record, folder = found
    try:
        from mlmagic.scoring.compiled.model import CompiledModel
        from mlmagic.scoring.compiled.proxy import proxy

    except ImportError as error:
        report_unusable(os.fsdecode(file.name), error)
        return None
    original = Original(copy_of(file), os.fsdecode(file.name), record.sha256, load)
    return proxy(CompiledModel(record, folder), original, names)
