"""The names in annotations that are kept as text: quoted ones, and postponed ones. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def quoted_names(tree: ast.AST, *, postponed: bool) -> dict[str, int]:
    """Name -> the first line with an annotation that uses it in text.

    ``postponed`` says that every annotation is kept as text. Names of type variables, of modules and of
    classes are not told apart; an annotation that is not Python has no names.
    """
    found: dict[str, int] = {}
    for annotation in _annotations(tree):
        for name in _names(annotation, quoted=postponed):
            found.setdefault(name, annotation.lineno)
    return found


def _annotations(node: ast.AST) -> Iterator[ast.expr]:
    """The annotations of arguments, results, and attributes of classes and of the module."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.AnnAssign):
            # Those of local variables are never evaluated.
            if not isinstance(node, _FUNCTIONS):
                yield child.annotation
        elif isinstance(child, _FUNCTIONS):
            yield from (
                each.annotation
                for each in ast.walk(child.args)
                if isinstance(each, ast.arg) and each.annotation
            )
            yield from [child.returns] if child.returns else []
        yield from _annotations(child)


def _names(node: ast.AST, *, quoted: bool) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            try:
                inner = ast.parse(text.strip(), mode="eval")
            except (SyntaxError, ValueError, RecursionError):
                return
            yield from _names(inner.body, quoted=True)
        case ast.Name(id=name):
            yield from [name] if quoted else []
        case ast.Subscript(value=kind, slice=inside):
            yield from _names(kind, quoted=quoted)
            last = kind.attr if isinstance(kind, ast.Attribute) else getattr(kind, "id", "")
            items = inside.elts if isinstance(inside, ast.Tuple) else [inside]
            # The strings of Literal["a"], and what follows the type in Annotated[...], are values.
            taken = {"Literal": 0, "Annotated": 1}.get(last, len(items))
            for item in items[:taken]:
                yield from _names(item, quoted=quoted)
            if quoted:
                for item in items[taken:]:
                    yield from (each.id for each in ast.walk(item) if isinstance(each, ast.Name))
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _names(child, quoted=quoted)
