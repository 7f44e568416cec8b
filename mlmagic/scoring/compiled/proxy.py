"""The object that a script gets for a compiled model: it looks like the estimator.

Compiled methods are run by onnxruntime. Everything else is the estimator's, which is loaded for it. After a
use that may have changed the estimator, it answers all calls itself.

``type(model) is Ridge`` is the one test that tells the two apart; ``isinstance(model, Ridge)`` does not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Set
from typing import Any

import numpy

from mlmagic.scoring.compiled.files import Record
from mlmagic.scoring.compiled.inputs import Reader
from mlmagic.scoring.compiled.model import CompiledModel
from mlmagic.scoring.compiled.original import Original

_MISSING = object()
_CHANGING = ("fit", "partial_fit", "set_", "load_")
"""How the names of methods begin that change an estimator."""
_UNCHANGEABLE = (str, bytes, int, float, complex, bool, type(None), numpy.generic)
DELEGATED = ("__len__", "__getitem__", "__iter__", "__contains__", "__call__", "__add__")
"""Special methods, which Python looks for in the class. A pipeline has some of them."""


def proxy(model: CompiledModel, original: Original, prepared: Set[str] = frozenset()) -> Any:
    """Return the object that stands for the estimator, or the estimator if the compiled model cannot be used.

    The methods among ``prepared`` are prepared now; if there is none, that which is served without a script.
    """
    try:
        for name in first_methods(model.record, prepared):
            model.checked(name)
    except Exception as error:
        original.replace(error)
        return original.get("")
    record = model.record
    attributes = {name: attribute(value) for name, value in record.attributes.items()}
    names, bound = frozenset(record.names), frozenset(record.bound)

    def get(self: Any, name: str) -> Any:
        if original.answers_all:
            return getattr(original.get(""), name)
        if name in attributes:
            return attributes[name]
        if name not in names:
            raise AttributeError(f"{record.name!r} object has no attribute {name!r}")
        if name in bound:
            return _call_of(name, original)
        found = getattr(original.get(f"attribute {name!r}"), name)
        if not _is_unchangeable(found):
            original.take_over(f"attribute {name!r}")
        return found

    def own_class(self: Any) -> type:
        # Whoever compares with the estimator's class has imported it.
        found = getattr(sys.modules.get(record.module), record.name, None)
        return found if isinstance(found, type) else type(self)

    def put(self: Any, name: str, value: Any) -> None:
        setattr(original.take_over(f"attribute {name!r}"), name, value)

    def delete(self: Any, name: str) -> None:
        delattr(original.take_over(f"attribute {name!r}"), name)

    namespace: dict[str, Any] = {
        "__slots__": (),
        "__module__": record.module,
        "__class__": property(own_class),
        "__getattr__": get,
        "__setattr__": put,
        "__delattr__": delete,
        "__dict__": property(lambda self: vars(original.take_over("its attributes"))),
        "__dir__": lambda self: dir(original.get("")) if original.answers_all else sorted(names),
        "__repr__": lambda self: repr(original.get("")) if original.answers_all else record.text,
        "__reduce__": lambda self: original.get("pickling").__reduce__(),
        "__reduce_ex__": lambda self, protocol: original.get("pickling").__reduce_ex__(protocol),
    }
    for name in record.methods:
        namespace[name] = _method(name, model, original)
    for name in DELEGATED:
        if name in names:
            namespace[name] = _delegated(name, original)
    return type(record.name, (), namespace)()


def first_methods(record: Record, names: Set[str]) -> list[str]:
    """The methods to prepare at once of a script in which ``names`` occur: each has its graph in memory."""
    named = [name for name in record.methods if name in names]
    return named or [next(name for name in ("predict_proba", *record.methods) if name in record.methods)]


def attribute(value: Any) -> Any:
    """A value of `Record.attributes` as the estimator has it."""
    if isinstance(value, dict):
        return numpy.asarray(value["values"], numpy.dtype(value["dtype"]))
    return value


def _method(name: str, model: CompiledModel, original: Original) -> Callable[..., Any]:
    read, compute = _reader(name, model), None

    def call(self: Any, X: Any = _MISSING, *more: Any, **options: Any) -> Any:
        nonlocal compute
        if not more and not options and not original.answers_all:
            feed = read(X)
            if feed is not None:
                try:
                    if compute is None:
                        compute = model.checked(name)
                    return compute(feed)
                except Exception as error:
                    original.replace(error)
        given = more if X is _MISSING else (X, *more)
        return getattr(original.get(f"an input of {name}() that is not compiled"), name)(*given, **options)

    call.__name__, call.__qualname__ = name, f"{model.record.name}.{name}"
    return call


def _reader(name: str, model: CompiledModel) -> Reader:
    """The reader of a method; transform() returns a table where scikit-learn was told to return tables."""
    read = model.reader(name)
    if name != "transform":
        return read

    def read_for_array(value: Any) -> dict[str, Any] | None:
        sklearn = sys.modules.get("sklearn")
        if sklearn is not None and sklearn.get_config()["transform_output"] != "default":
            return None
        return read(value)

    return read_for_array


def _call_of(name: str, original: Original) -> Callable[..., Any]:
    """A method of the estimator, which is loaded when the method is called: a script may only look for it."""

    def call(*given: Any, **options: Any) -> Any:
        load = original.take_over if _may_change(name) else original.get
        return getattr(load(f"{name}()"), name)(*given, **options)

    call.__name__ = call.__qualname__ = name
    return call


def _delegated(name: str, original: Original) -> Callable[..., Any]:
    # The steps of a pipeline can be changed.
    return lambda self, *given: getattr(original.take_over(f"{name}()"), name)(*given)


def _may_change(method: str) -> bool:
    """Whether a method may change the estimator; of the private ones, nobody knows."""
    return method.startswith(_CHANGING) or (method.startswith("_") and not method.startswith("__sklearn_"))


def _is_unchangeable(value: Any) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(map(_is_unchangeable, value))
    return isinstance(value, _UNCHANGEABLE)
