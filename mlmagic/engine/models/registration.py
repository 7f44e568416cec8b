"""Register models: store a file, a folder, or a live object of the kernel."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlmagic.capture.modules import only_installed
from mlmagic.capture.requirements import pinned_requirements
from mlmagic.core.environment import python_minor
from mlmagic.core.folders import files_below
from mlmagic.core.model import ModelDescription, StoredFile
from mlmagic.engine.models import mlflow_folder as mlflow_models
from mlmagic.engine.models.frameworks import (
    FRAMEWORK_OF_PACKAGE,
    HEAD_BYTES,
    PICKLES,
    framework_of_head,
    framework_of_names,
)
from mlmagic.errors import UsageError
from mlmagic.scoring.outputs.json_encoder import Unserialisable, encode
from mlmagic.workspace.files import Intake

PICKLE_FILE = "model.pkl"
ONNX_FILE = "model.onnx"
PICKLE_WARNING = (
    "A pickle is code: whoever loads it runs what it holds. Register and deploy only pickles that you made "
    "yourself or got from somebody you trust."
)


def take_path(
    intake: Intake, details: ModelDescription, path: Path, child_paths: Iterable[str] | None
) -> tuple[ModelDescription, tuple[StoredFile, ...]]:
    """Store a model's file or folder; the framework is detected if none is named."""
    files = intake.take(path, child_paths)
    if details.framework is None and (guess := _detected(path, files)) is not None:
        details = replace(details, framework=guess)
    if details.framework == mlflow_models.FRAMEWORK and path.is_dir():
        details = mlflow_models.describe(details, path)
    return details, files


def take_object(
    intake: Intake, details: ModelDescription, model: object
) -> tuple[ModelDescription, tuple[StoredFile, ...]]:
    """Store a live object: ONNX unchanged, anything else with joblib, with the exact library versions.

    Raises `UsageError` with the reason if the object cannot be stored.
    """
    package = type(model).__module__.partition(".")[0]
    if package == "onnx" and hasattr(model, "SerializeToString"):
        files = (intake.take_bytes(model.SerializeToString(), ONNX_FILE),)
        return _described(details, "Onnx", _versions({"onnx"})), files
    import joblib

    try:
        modules = _modules_in(model)
        files = (intake.make(PICKLE_FILE, lambda path: joblib.dump(model, path)),)
    except Exception as error:
        raise UsageError(
            f"the {type(model).__name__} object cannot be stored: {error}",
            hint="Save it with its own library, and register that file.",
        ) from error
    details = replace(details, modules=only_installed(modules | {"joblib"}))
    versions = _versions(modules | {"joblib"})
    return _described(details, FRAMEWORK_OF_PACKAGE.get(package), versions), files


def is_pickle(path: str) -> bool:
    """Whether loading the file may run code."""
    return path.endswith(PICKLES)


def library_mismatches(
    details: ModelDescription, serving: Mapping[str, str | None], where: str = "here", python: str = ""
) -> list[str]:
    """How the runtime of a model differs from the versions it was stored with; empty if it does not.

    ``serving`` maps distributions to the versions they have ``where`` it is served, None for a missing one;
    of those it leaves out nothing is known. Of Python the minor version counts.
    """
    stored = details.python_version
    messages = []
    if stored and python and python_minor(stored) != python_minor(python):
        messages.append(f"Python is {python} {where}, and the model was stored with {stored}")
    return messages + [
        f"{name} is {serving[name] or 'not installed'} {where}, and the model was stored with {version}"
        for name, version in sorted(details.libraries.items())
        if name in serving and serving[name] != version
    ]


def to_plain(value: Any) -> Any:
    """A sample as JSON values: what an answer may hold, written as in an answer. Raises `UsageError`."""
    try:
        return None if value is None else json.loads(encode(value))
    except Unserialisable as error:
        raise UsageError(f"the sample cannot be written as JSON: it holds {error.placed('sample')}") from None


def _detected(path: Path, files: Iterable[StoredFile]) -> str | None:
    framework = framework_of_names([file.path for file in files])
    if framework is not None or not path.is_file():
        return framework
    with path.open("rb") as opened:
        return framework_of_head(opened.read(HEAD_BYTES))


def _described(
    details: ModelDescription, framework: str | None, versions: dict[str, str]
) -> ModelDescription:
    main = {
        "ScikitLearn": "scikit-learn",
        "PyTorch": "torch",
        "TensorFlow": "tensorflow",
        "TfKeras": "keras",
        "Onnx": "onnx",
        "XGBoost": "xgboost",
        "LightGBM": "lightgbm",
    }.get(details.framework or framework or "", "")
    return replace(
        details,
        framework=details.framework or framework or "Custom",
        framework_version=details.framework_version or versions.get(main),
        libraries=versions,
        python_version=platform.python_version(),
    )


def _modules_in(model: object) -> set[str]:
    """The modules whose classes and functions the pickle of ``model`` names."""
    return {module for module, _ in _owners_in(model)} - {"__main__"}


def names_of_notebook(model: object) -> tuple[str, ...]:
    """The notebook's own classes and functions that the pickle of ``model`` names."""
    try:
        owners = _owners_in(model)
    except Exception:  # registering it will say why
        return ()
    return tuple(sorted({name.partition(".")[0] for module, name in owners if module == "__main__"}))


def names_in_pickles(path: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Those of ``names`` that a pickle at ``path``, or in the folder there, looks up in ``__main__``.

    Pickles are searched and not loaded; what a compressed one names is not found.
    """
    pickles = [path] if path.is_file() else files_below(path, links_out=True) if path.is_dir() else []
    found: set[str] = set()
    for file in pickles:
        if file.name.endswith(PICKLES) and b"__main__" in (content := file.read_bytes()):
            found |= {name for name in names if any(form in content for form in _pickled(name.encode()))}
    return tuple(sorted(found))


def _pickled(name: bytes) -> Iterator[bytes]:
    """How pickles of protocols 0 to 3, and from 4 on, look up a global name."""
    yield b"c__main__\n" + name + b"\n"
    if len(name) < 256:
        yield b"\x8c" + bytes([len(name)]) + name + b"\x94\x93"


def _owners_in(model: object) -> set[tuple[str, str]]:
    """Module and name of the classes and functions that the pickle of ``model`` names."""
    import pickle

    owners: set[tuple[str, str]] = set()

    class Noting(pickle.Pickler):
        def persistent_id(self, thing: Any) -> None:
            owner = thing if isinstance(thing, type) or callable(thing) else type(thing)
            owner = owner if hasattr(owner, "__qualname__") else type(owner)
            module = getattr(owner, "__module__", None)
            if isinstance(module, str):
                owners.add((module, owner.__qualname__))

    with open(os.devnull, "wb") as nowhere:
        # Out-of-band buffers: arrays are noted, not copied.
        Noting(nowhere, protocol=5, buffer_callback=lambda buffer: None).dump(model)
    return owners


def _versions(modules: set[str]) -> dict[str, str]:
    return dict(pin.split("==") for pin in pinned_requirements(modules))
