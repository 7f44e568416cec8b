"""Attributes that were set on a class, a function or a logger after its definition."""

from __future__ import annotations

import abc
import ast
import logging
import sys
from collections.abc import Callable
from types import FunctionType

from mlmagic.capture.changes import changes_in
from mlmagic.capture.names import in_one_scope, names_bound
from mlmagic.capture.refusals import Refused

_PYTHONS = frozenset(
    (
        *("__module__", "__qualname__", "__dict__", "__weakref__", "__doc__", "__annotations__", "__hash__"),
        *("__firstlineno__", "__static_attributes__", "__orig_bases__", "__parameters__", "__slots__"),
        *("__annotate__", "__annotate_func__", "__annotations_cache__", "__abstractmethods__", "_abc_impl"),
        *("__type_params__", "__classcell__", "__slotnames__"),
    )
)

_PYTHONS_DECORATORS = frozenset(("staticmethod", "classmethod", "property"))


def later_attributes(
    kind: type, node: ast.ClassDef, is_set: Callable[[str], bool]
) -> tuple[dict[str, object], list[str]]:
    """The attributes that ``kind`` got after its definition ``node``, and the names of those it lost.

    ``is_set`` says whether a cell sets the attribute. Where a decorator, a metaclass or a base may
    add attributes, only what a cell sets counts.
    """
    plain = _is_plain(kind, node)
    written = _written(node)
    slots = {name for name, member in vars(kind).items() if type(member).__name__ == "member_descriptor"}
    found = {}
    for name, live in vars(kind).items():
        if name in _PYTHONS or name in slots:
            continue
        if name not in written:
            later = plain or is_set(name)
        else:
            by = written[name]
            later = (
                isinstance(by, ast.FunctionDef)
                and is_foreign(live, kind, name)
                # What another decorator makes of the method may look like somebody else's.
                and (is_set(name) or (plain and _has_only_pythons(by.decorator_list)))
            )
        if later:
            found[name] = live
    lost = [
        name
        for name, by in written.items()
        if plain and name not in vars(kind) and not name.startswith("__") and isinstance(by, _BINDS)
    ]
    return found, lost


def changed_by_methods(node: ast.AST) -> set[str]:
    """The attributes of its instances that the methods of a class change, those that only make one aside."""
    found = set()
    for method in getattr(node, "body", ()):
        if not isinstance(method, ast.FunctionDef) or method.name in ("__init__", "__new__"):
            continue
        parameters = [*method.args.posonlyargs, *method.args.args]
        for change in changes_in([ast.Module(method.body, [])]) if parameters else ():
            if change.path[0] == parameters[0].arg and len(change.path) > 1:
                found.add(change.path[1])
    return found


def is_cached(value: object) -> bool:
    """Whether a function of `functools.cache` keeps results already."""
    info = getattr(value, "cache_info", None)
    return callable(info) and bool(info().currsize)


def has_registered(kind: type) -> bool:
    """Whether other classes were registered to an abstract class: ``Shape.register(Square)``."""
    if not isinstance(kind, abc.ABCMeta):
        return False
    registered, *_ = abc._get_dump(kind)  # type: ignore[attr-defined]  # the only way to them
    return any(each() is not None for each in registered)


_BINDS = (ast.Assign, ast.FunctionDef)


def is_foreign(live: object, kind: type, name: str) -> bool:
    """Whether ``live`` is not the method ``name`` of the body of ``kind``."""
    # Python wraps __new__ and __init_subclass__; functools.wraps() keeps the name of the method.
    live = getattr(live, "__func__", None) or getattr(live, "fget", None) or live
    return not isinstance(live, FunctionType) or live.__qualname__ != f"{kind.__qualname__}.{name}"


def _has_only_pythons(decorators: list[ast.expr]) -> bool:
    return all(isinstance(each, ast.Name) and each.id in _PYTHONS_DECORATORS for each in decorators)


def _is_plain(kind: type, node: ast.ClassDef) -> bool:
    """Whether nothing but the body gives ``kind`` its attributes."""
    if node.decorator_list or type(kind) is not type or "__orig_bases__" in vars(kind):
        return False
    return not any("__init_subclass__" in vars(base) for base in kind.__mro__[1:-1]) and not any(
        hasattr(member, "__set_name__") for member in vars(kind).values()
    )


def _written(node: ast.ClassDef) -> dict[str, ast.stmt]:
    """Name that the body binds -> the statement; mangled as Python does."""
    found: dict[str, ast.stmt] = {}
    for statement in node.body:
        for inner in in_one_scope(statement):
            for name in names_bound(inner):
                private = name.startswith("__") and not name.endswith("__")
                found[f"_{node.name.lstrip('_')}{name}" if private else name] = statement
                if isinstance(getattr(inner, "ctx", None), ast.Del):
                    found[name] = node
    return found


def attribute_refused(name: str) -> Refused:
    """The refusal of an attribute whose value cannot be written."""
    return Refused(
        f"got its attribute {name!r} after its definition, and the value cannot be written as source code",
        "Set it in the definition, or in init().",
    )


def logger_settings(name: str, logger: logging.Logger) -> str:
    """Source that gives the logger ``name`` the settings of ``logger``; raises `Refused`."""
    root = logger is logging.root
    rows = []
    if logger.level != (logging.WARNING if root else logging.NOTSET):
        rows.append(f"{name}.setLevel({logger.level})")
    if root:
        return "".join(f"{row}\n" for row in rows)  # its handlers are the kernel's
    if not logger.propagate:
        rows.append(f"{name}.propagate = False")
    if logger.disabled:
        rows.append(f"{name}.disabled = True")
    if logger.name.partition(".")[0] not in sys.modules:  # else the package adds its own handlers
        if logger.filters:
            raise Refused("is a logger with filters", "Add the filters in init().")
        rows += [f"{name}.addHandler({_handler(handler)})" for handler in logger.handlers]
    return "".join(f"{row}\n" for row in rows)


def loggers_in(value: object) -> list[logging.Logger]:
    """The loggers in a container, and in the containers in it, each once."""
    found: dict[str, logging.Logger] = {}
    waiting, seen = [value], set[int]()
    while waiting:
        each = waiting.pop()
        if isinstance(each, logging.Logger):
            found[each.name] = each
        elif isinstance(each, dict | list | tuple | set | frozenset) and id(each) not in seen:
            seen.add(id(each))
            waiting += [*each, *each.values()] if isinstance(each, dict) else each
    return [found[name] for name in sorted(found)]


def _handler(handler: logging.Handler) -> str:
    kind = type(handler)
    known = kind in (logging.StreamHandler, logging.NullHandler)
    if not known or handler.level or handler.filters or handler.formatter:
        raise Refused(f"is a logger with a {kind.__name__} of its own settings", "Add the handler in init().")
    return f"logging.{kind.__name__}()"
