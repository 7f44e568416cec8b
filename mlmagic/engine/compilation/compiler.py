"""Compiles the estimator in a model file, in this process: convert, prove, write."""

from __future__ import annotations

import inspect
import json
import pickle
import re
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from mlmagic.core.compilation import Compilation
from mlmagic.core.compiled_models import ESTIMATORS
from mlmagic.engine.compilation.conversion import finished, graphs, input_dtypes, renamed
from mlmagic.engine.compilation.features import Features, features_of
from mlmagic.engine.compilation.proof import NotEqual, Proof, original_output, prove
from mlmagic.engine.compilation.rows import Group, groups
from mlmagic.engine.compilation.tree_sources import Unsupported
from mlmagic.scoring.compiled.files import Method, Record, digest
from mlmagic.scoring.compiled.model import CompiledModel, Compute
from mlmagic.scoring.compiled.proxy import DELEGATED

_NO_ATTRIBUTE = re.compile(
    r"Can't get attribute '(?P<name>[^']+)' on <module '(?:__main__|mlmagic\..*)' "
    r"|module '(?:__main__|mlmagic\..*)' has no attribute '(?P<other>[^']+)'"
)
"""As protocol 4 and later of pickle, and as the earlier ones say it."""
_ATTRIBUTES = (
    *("n_features_in_", "feature_names_in_", "feature_name_"),
    *("n_outputs_", "n_classes_", "classes_"),
)
"""The attributes that can be read without loading the original."""
_CHECKED = 4
"""Rows that are predicted at each start."""
_ATTEMPTS = 30


def compile_model(source: Path, sample: Any, into: Path) -> Compilation:
    """Compile the model file ``source`` into the folder ``into``, which must be empty."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            estimator = _loaded(source)
            return _compiled(estimator, source, sample, into)
        except (Unsupported, NotEqual) as error:
            return Compilation.refused(str(error))


def _loaded(source: Path) -> Any:
    import joblib

    with source.open("rb") as file:
        start = file.read(1)
        file.seek(0)
        try:
            found = joblib.load(file)
        except Exception as error:
            raise Unsupported(f"It cannot be loaded: {_why(error)}") from error
        if start == b"\x80" and file.read(1):  # a pickle that is not compressed
            raise Unsupported("Its file contains more than one object.")
    module, name = type(found).__module__, type(found).__qualname__
    if module.partition(".")[0] not in ESTIMATORS:
        kind = name if module == "builtins" else f"{module}.{name}"
        raise Unsupported(f"It is a {kind}, not an estimator of scikit-learn, XGBoost or LightGBM.")
    return found


def _why(error: Exception) -> str:
    """Without the names of our own modules, in which pickle looks for what a notebook has defined."""
    if isinstance(error, AttributeError) and (found := _NO_ATTRIBUTE.match(str(error))):
        return f"{found['name'] or found['other']} is defined in a notebook or script."
    return f"{type(error).__name__}: {error}"


def _compiled(estimator: Any, source: Path, sample: Any, into: Path) -> Compilation:
    features = features_of(estimator, sample)
    tests = list(groups(features))
    usual = next(group.rows for group in tests if not group.has_nan and len(group.rows) > _CHECKED)
    record = _record(estimator, source, features)
    proofs, originals = _in_best_precision(estimator, record, features, tests, usual, into)
    for file in into.iterdir():
        if file.stem not in proofs:
            file.unlink()
    methods = {name: proof.method for name, proof in proofs.items()}
    tolerance = max(proof.tolerance for proof in proofs.values())
    rows = max(proof.rows for proof in proofs.values())
    found = Compilation("", tuple(methods), tolerance, rows, tuple(originals.items()))
    few = usual[:_CHECKED]
    replace(
        record,
        methods=methods,
        dtype=next(iter(proofs.values())).dtype,
        rows=few.to_numpy().tolist() if hasattr(few, "columns") else few.tolist(),
        answers={name: original_output(estimator, name, few).tolist() for name in methods},
        tolerance=tolerance,
        compilation=json.loads(found.to_json()),
    ).write(into)
    return found


def _in_best_precision(
    estimator: Any, record: Record, features: Features, tests: list[Group], usual: Any, into: Path
) -> tuple[dict[str, Proof], dict[str, str]]:
    """As `_proved`, in double precision, or in single if onnxruntime has no double for the first method."""
    first: Unsupported | None = None
    for dtype in input_dtypes(estimator):
        try:
            return _proved(estimator, replace(record, dtype=dtype), features, tests, usual, into)
        except Unsupported as error:
            first = first or error
    assert first is not None
    raise first


def _proved(
    estimator: Any, record: Record, features: Features, tests: list[Group], usual: Any, into: Path
) -> tuple[dict[str, Proof], dict[str, str]]:
    """The proofs of the methods that are equal, and why the others are not compiled.

    Raises `NotEqual` or `Unsupported` if the first is not.
    """
    proofs: dict[str, Proof] = {}
    originals: dict[str, str] = {}
    for name, graph in graphs(estimator, features, record.dtype):
        try:
            if isinstance(graph, Unsupported):
                raise graph
            model = _written(graph, name, estimator, usual, record, features, into)
            proof = prove(estimator, model, name, tests)
            _check_speed(estimator, model, name, usual)
        except (NotEqual, Unsupported) as error:
            if not proofs:
                raise
            originals[name] = str(error)
        else:
            proofs[name] = proof
    return proofs, originals


def _record(estimator: Any, source: Path, features: Features) -> Record:
    with source.open("rb") as file:
        size, sha256, is_pickle = source.stat().st_size, digest(file), _is_pickle(file)
    attributes = {name: _stored(getattr(estimator, name, None)) for name in _ATTRIBUTES}
    return Record(
        size,
        sha256,
        is_pickle,
        module=type(estimator).__module__,
        name=type(estimator).__name__,
        text=repr(estimator),
        names=list(names := _names(estimator)),
        bound=[name for name, is_method in names.items() if is_method],
        width=features.width,
        methods={},
        columns=features.columns,
        kinds=features.kinds,
        known={str(place): features.categories[place] for place in features.strict},
        attributes={name: value for name, value in attributes.items() if value is not None},
    )


def _is_pickle(file: BinaryIO) -> bool:
    """Whether `pickle.load` reads the file, which `joblib.load` reads."""
    file.seek(0)
    try:
        pickle.load(file)
    except Exception:
        return False
    return True


def _names(estimator: Any) -> dict[str, bool]:
    """The attributes that ``estimator`` has, and whether each is a method."""
    found = {}
    for name in dir(type(estimator)) + list(vars(estimator)):
        if name.startswith("__") and not name.startswith("__sklearn"):
            continue
        try:
            found[name] = inspect.ismethod(getattr(estimator, name))
        except AttributeError:
            continue
        except Exception:
            found[name] = False  # a property that raises an error; the original raises it again
    return found | {name: False for name in DELEGATED if hasattr(type(estimator), name)}


def _stored(value: Any) -> Any:
    """A value as JSON can hold it; None if it cannot."""
    import numpy

    if isinstance(value, numpy.integer):
        return int(value)
    if isinstance(value, numpy.ndarray) and value.ndim == 1 and value.dtype.kind in "biufUO":
        values = value.tolist()
        if all(isinstance(each, str | bool | int | float) for each in values):
            return {"dtype": value.dtype.str if value.dtype.kind != "O" else "O", "values": values}
    if isinstance(value, list) and not all(isinstance(each, str) for each in value):
        return None
    return value if isinstance(value, str | int | list) else None


def _written(
    graph: Any, name: str, estimator: Any, usual: Any, record: Record, features: Features, into: Path
) -> CompiledModel:
    """Write the graph of a method, so that its output has the type and shape of the original's."""
    expected = original_output(estimator, name, usual)
    graph = renamed(graph, features)
    output = expected.dtype.str if expected.dtype.kind in "UO" else ""
    file = f"{name}.onnx"
    trial = replace(record, methods={name: Method(file, "d")})

    def written() -> tuple[CompiledModel, Compute]:
        (into / file).write_bytes(graph.SerializeToString())
        model = CompiledModel(trial, into)
        try:
            return model, model.compute(name)
        except Exception as error:
            raise Unsupported(f"onnxruntime cannot load its graph: {str(error)[:200]}") from error

    model, compute = written()
    feed = model.reader(name)(usual)
    if feed is None:
        raise NotEqual(f"The compiled model does not take the rows of {name}().")
    try:
        found = compute(feed)
    except Exception as error:
        raise Unsupported(f"onnxruntime cannot run its graph: {str(error)[:200]}") from error
    if not hasattr(found, "shape"):
        raise NotEqual(f"{name}() of the compiled model returns a {type(found).__name__}.")
    graph = finished(graph, expected, found.shape[1] if found.ndim == 2 else None)
    trial = replace(trial, methods={name: Method(file, "d", output=output)})
    return written()[0]


def _check_speed(estimator: Any, model: CompiledModel, name: str, usual: Any) -> None:
    """Raise `NotEqual` if onnxruntime takes longer for one row than the original."""
    row = usual[:1]
    read, compute = model.reader(name), model.compute(name)
    original = _fastest(lambda: getattr(estimator, name)(row))
    compiled = _fastest(lambda: compute(read(row) or {}))
    if compiled > original:
        raise NotEqual(
            f"{name}() of one row takes {compiled * 1e6:.0f} µs when compiled, and {original * 1e6:.0f} µs "
            "when not."
        )


def _fastest(call: Callable[[], Any]) -> float:
    def each() -> Iterator[float]:
        for _ in range(_ATTEMPTS):
            started = time.perf_counter()
            call()
            yield time.perf_counter() - started

    return min(each())
