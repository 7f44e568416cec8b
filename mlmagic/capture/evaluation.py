"""What an expression of the notebook would give now, for expressions that cannot have an effect."""

from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Mapping

_PURE = (
    ast.Expression, ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
    ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Starred,
    ast.Tuple, ast.List, ast.Set, ast.Dict, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp,
    ast.JoinedStr, ast.FormattedValue, ast.ListComp, ast.SetComp, ast.DictComp, ast.comprehension,
)  # fmt: skip
_CALLS = frozenset(
    [
        "abs",
        "bool",
        "bytes",
        "dict",
        "float",
        "frozenset",
        "int",
        "len",
        "list",
        "max",
        "min",
        "range",
        "round",
        "set",
        "sorted",
        "str",
        "sum",
        "tuple",
    ]
)


class Unknown(Exception):
    """An expression whose value is not known without running code of the user."""


def evaluate(node: ast.expr, namespace: Mapping[str, object]) -> object:
    """The value of ``node`` in ``namespace``; raises `Unknown` when it calls code of the user."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call):
            name = inner.func.id if isinstance(inner.func, ast.Name) else ""
            if name not in _CALLS or name in namespace or inner.keywords:
                raise Unknown
        elif not isinstance(inner, _PURE):
            raise Unknown
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(ast.Expression(node), "<value>", "eval", dont_inherit=True)
            return eval(code, {"__builtins__": vars(builtins), **namespace})
    except Exception as error:  # a name that is gone, or a value that has changed its type
        raise Unknown from error


def same_value(one: object, other: object) -> bool:
    """Whether two values are one object, or equal plain values of equal types."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(map(same_value, one.values(), other.values()))
    if isinstance(one, float | complex):
        return repr(one) == repr(other)
    try:
        return bool(one == other)
    except Exception:  # an array, say
        return False
