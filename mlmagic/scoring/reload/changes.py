"""What a new version of a script has changed, as far as its init() can tell.

A script's top level is taken apart into definitions by name. What init() uses, and what that uses in turn,
decides: if none of it has changed, what init() has made is still good.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

EVERYTHING = "*"
"""Stands for statements that define nothing: whoever is looked at depends on them."""

Definitions = dict[str, list[ast.AST]]


def init_uses(source: str) -> dict[str, str]:
    """By name, what init() of ``source`` depends on, itself included; comments and layout do not count."""
    definitions = _definitions(ast.parse(source))
    roots = ["init"] if "init" in definitions else [name for name in definitions if name.endswith(".init")]
    roots += [name for name in definitions if name.endswith(".__init__")]
    found: dict[str, str] = {}
    todo = [*roots, EVERYTHING]
    while todo:
        name = todo.pop()
        if name in found or name not in definitions:
            continue
        nodes = definitions[name]
        found[name] = "\n".join(ast.dump(node) for node in nodes)
        todo += {used for node in nodes for used in _uses(node, name)}
    return found


def defined(source: str) -> set[str]:
    """The names that the top level of ``source`` defines."""
    return set(_definitions(ast.parse(source)))


def _definitions(tree: ast.Module) -> Definitions:
    definitions: Definitions = {}
    for node in tree.body:
        for name, part in _defined(node):
            definitions.setdefault(name, []).append(part)
    return definitions


def _defined(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.name, node
    elif isinstance(node, ast.ClassDef):
        yield from _class_parts(node)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield (alias.asname or alias.name.partition(".")[0]), node
    else:
        names = {
            each.id
            for each in ast.walk(node)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        }
        for inner in ast.walk(node):
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(inner.name)
        if not names and not _is_docstring(node):
            names = {EVERYTHING}
        for name in names:
            yield name, node


def _class_parts(node: ast.ClassDef) -> Iterator[tuple[str, ast.AST]]:
    """Its methods, each for itself, and the class without the bodies of its methods."""
    methods = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    rest = [each for each in node.body if each not in methods]
    frame = ast.ClassDef(
        name=node.name,
        bases=node.bases,
        keywords=node.keywords,
        body=rest or [ast.Pass()],
        decorator_list=node.decorator_list,
    )
    yield node.name, frame
    for method in methods:
        yield f"{node.name}.{method.name}", method


def _uses(node: ast.AST, name: str) -> Iterator[str]:
    owner = name.partition(".")[0] if "." in name else ""
    if owner:
        yield owner
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.Global):
            yield from each.names
        elif isinstance(each, ast.Attribute):
            # self.prepare() in a class, Helper.make() of another: by name, wherever it is.
            yield f"{owner}.{each.attr}" if owner else each.attr
            if isinstance(each.value, ast.Name):
                yield f"{each.value.id}.{each.attr}"


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
