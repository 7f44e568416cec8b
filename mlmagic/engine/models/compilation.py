"""Compile the files of a model to ONNX, once: what that gives is stored with the model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlmagic._version import __version__
from mlmagic.core.compilation import Compilation
from mlmagic.core.missing_packages import missing
from mlmagic.core.model import CompiledFile, ModelDescription, StoredFile
from mlmagic.core.notify import Notify, Progress
from mlmagic.engine.models.frameworks import HEAD_BYTES
from mlmagic.engine.models.pickled_modules import may_be_pickle
from mlmagic.workspace.files import Intake

NEEDED = ("sklearn", "onnx", "onnxruntime", "skl2onnx")
"""Modules without which nothing is compiled."""
_FRAMEWORKS = ("ScikitLearn", "XGBoost", "LightGBM", "Custom", None)
"""The frameworks whose pickles may hold what can be compiled."""
_LIBRARIES = (
    *("skl2onnx", "onnx", "onnxruntime", "scikit-learn", "numpy"),
    *("xgboost", "xgboost-cpu", "lightgbm"),
)
LayOut = Callable[[Iterable[StoredFile], Path], None]
"""Puts files of the model into a folder."""


def check_installed() -> None:
    """Raises `UsageError` if a package is missing without which nothing is compiled."""
    for name in NEEDED:
        if find_spec(name) is None:
            raise missing(name, "mlmagic[compile]")


def key_of(sample: Any) -> str:
    """What the result for a file depends on besides its content: the versions that are installed here, and
    the sample input of the model.
    """
    digest = hashlib.sha256(json.dumps(sample).encode()).hexdigest()
    found = [f"mlmagic {__version__}", f"sample {digest[:12]}"]
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def compile_files(
    intake: Intake,
    details: ModelDescription,
    files: Sequence[StoredFile],
    notify: Notify,
    *,
    known: Sequence[CompiledFile] = (),
    lay_out: LayOut | None = None,
) -> tuple[CompiledFile, ...]:
    """Compile each pickle among the ``files`` of a model; what serves instead of them is taken in.

    A file that cannot be compiled is in the result with the reason, and is no error. Of a model that is
    stored already, ``lay_out`` has the files, else the intake; ``known`` is what is compiled of it, which is
    kept unless other versions are installed now. Raises `UsageError` if a package is missing. ``notify`` gets
    a line before and after the work.
    """
    check_installed()
    key = key_of(details.sample_input)
    kept = {each.path: each for each in known if each.parts and each.key == key}

    def refused(reason: str) -> tuple[CompiledFile, ...]:
        result = CompiledFile("", key, Compilation.refused(reason))
        notify(Progress(f"{details.name}: {result.compilation.words}"))
        return (result,)

    if details.framework not in _FRAMEWORKS:
        return refused(
            f"Its framework is {details.framework}. Only scikit-learn, XGBoost and LightGBM are compiled."
        )
    from mlmagic.engine.compilation.process import compile_file

    found = []
    with intake.scratch() as folder:
        (lay_out or intake.copy_out)([each for each in files if each.path not in kept], folder / "model")
        for file in files:
            source = folder / "model" / file.path
            if file.path in kept:
                found.append(kept[file.path])
                continue
            if not is_pickle(source):
                continue
            notify(Progress(f"Compiling {details.name} ({file.path}) to ONNX ..."))
            into = folder / "compiled" / file.path
            into.mkdir(parents=True)
            compilation = compile_file(source, details.sample_input, into)
            parts = [each for each in sorted(into.rglob("*")) if each.is_file()]
            taken = tuple(intake.take_file(each, each.relative_to(into).as_posix()) for each in parts)
            result = CompiledFile(file.path, key, compilation, taken if compilation.is_compiled else ())
            notify(Progress(f"{details.name}: {result.compilation.words}"))
            found.append(result)
    return tuple(found) or refused("It has no pickle of an estimator, as joblib.dump writes one.")


def is_pickle(file: Path) -> bool:
    """Whether a file is to be compiled: by its name, or by how it begins."""
    with file.open("rb") as opened:
        return may_be_pickle(file.name, opened.read(HEAD_BYTES))
