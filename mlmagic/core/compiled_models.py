"""Models that are compiled to ONNX: which of them a deployment serves so, what people read of it, records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mlmagic.core.compilation import Compilation
from mlmagic.core.environment import package_name
from mlmagic.core.model import CompiledFile, Model, StoredFile

Compiled = Mapping[str, tuple[CompiledFile, ...]]
"""By the id of a model, ``name:version``, what compiling its files gave."""
RUNTIME = "onnxruntime"
"""The package that serves compiled models."""
ESTIMATORS = frozenset({"sklearn", "xgboost", "lightgbm"})
"""The libraries of estimators that can be compiled."""
COMPILED_FOLDER = "azureml-compiled"
"""The folder of the compiled parts, beside ``azureml-models`` and with the same paths below it."""


def is_wanted(model: Model, compile: bool | None) -> bool:
    """Whether a deployment serves ``model`` compiled; None: as the model was registered."""
    return model.details.compile if compile is None else compile


def chosen(models: Iterable[Model], compile: bool | None) -> dict[str, tuple[CompiledFile, ...]]:
    """What a deployment uses of these models, and what it cannot use although it is wanted."""
    return {model.id: model.compiled for model in models if is_wanted(model, compile) and model.compiled}


def has_parts(compiled: Compiled) -> bool:
    """Whether any model is served compiled."""
    return any(each.parts for files in compiled.values() for each in files)


def parts_of(compiled: Compiled) -> tuple[StoredFile, ...]:
    """The files that serve instead of the models', with their paths below `COMPILED_FOLDER`."""
    return tuple(
        StoredFile(f"{model.replace(':', '/')}/{each.path}/{part.path}", part.digest, part.size)
        for model, files in compiled.items()
        for each in files
        for part in each.parts
    )


def requirement() -> str:
    """The requirement of what serves compiled models: the version with which they are proven here."""
    from importlib import metadata

    try:
        return f"{RUNTIME}=={metadata.version(RUNTIME)}"
    except metadata.PackageNotFoundError:
        return RUNTIME


def with_runtime(requirements: Iterable[str]) -> tuple[str, ...]:
    """Requirements with those of compiled models, which are left as they are where they are named."""
    lines = tuple(requirements)
    return lines if RUNTIME in map(package_name, lines) else (*lines, requirement())


def modules_to_import(named: Iterable[str], models: Sequence[Model], compiled: Compiled) -> tuple[str, ...]:
    """What the processes of a service import beforehand: ``named`` modules, and those of its models.

    Where all models are served compiled, the estimators' libraries are left out: it may never need them.
    """
    modules = [*named, *(name for model in models for name in model.details.modules)]
    if not has_parts(compiled):
        return tuple(modules)
    files = [each for model in models for each in compiled.get(model.id, ())]
    if all(model.id in compiled for model in models) and all(each.parts for each in files):
        modules = [name for name in modules if name.partition(".")[0] not in ESTIMATORS]
    return (*modules, RUNTIME)


def words_of(files: Sequence[CompiledFile]) -> tuple[str, ...]:
    """A line for each file of one model. If there are several, each line begins with the file's path."""
    if len(files) == 1:
        return (files[0].compilation.words,)
    return tuple(f"{each.path}: {each.compilation.words}" for each in files)


def lines_of(compiled: Compiled) -> tuple[str, ...]:
    """The lines of several models; where there is only one, without its name."""
    if len(compiled) == 1:
        return tuple(line for files in compiled.values() for line in words_of(files))
    return tuple(f"{model}: {line}" for model, files in compiled.items() for line in words_of(files))


def to_record(files: Iterable[CompiledFile]) -> list[dict[str, Any]]:
    """The files of a model as JSON values."""
    return [asdict(each) for each in files]


def of_record(record: Iterable[Mapping[str, Any]] | None) -> tuple[CompiledFile, ...]:
    """The inverse of `to_record`; nothing for None, as earlier versions have recorded."""
    return tuple(
        CompiledFile(
            each["path"],
            each["key"],
            Compilation.of(each["compilation"]),
            tuple(StoredFile(**part) for part in each["parts"]),
        )
        for each in record or ()
    )


def to_records(compiled: Compiled) -> dict[str, list[dict[str, Any]]]:
    """What compiling several models gave, as JSON values."""
    return {model: to_record(files) for model, files in compiled.items()}


def of_records(records: Mapping[str, Any] | None) -> dict[str, tuple[CompiledFile, ...]]:
    """The inverse of `to_records`; nothing for None."""
    return {model: of_record(record) for model, record in (records or {}).items()}
