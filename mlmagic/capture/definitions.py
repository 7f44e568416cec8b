"""The source code of a function or class that was defined in the notebook.

This is the source that the object was compiled from, found through its code object. The newest cell with a
`def` of that name may define another function if cells were run out of order.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import linecache
import textwrap
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType

from mlmagic.capture.history import History
from mlmagic.capture.names import parse, read_names
from mlmagic.capture.timeline import definition_in

_Def = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Definition:
    """Source that binds ``name``."""

    name: str
    source: str
    postponed: bool = False
    """Compiled with ``from __future__ import annotations``."""


def underlying_function(value: object, names: Collection[str]) -> FunctionType | None:
    """The notebook's function inside ``value``, which it calls ``names``: itself, or what a decorator
    has wrapped."""
    try:
        inner = inspect.unwrap(value)  # type: ignore[arg-type]
    except (ValueError, AttributeError):
        return None
    if not isinstance(inner, FunctionType):
        # A decorator that is a class, such as numpy.vectorize, keeps the function in an attribute.
        kept = getattr(inner, "__dict__", {}).values() if not isinstance(inner, type) else ()
        return next(
            (item for item in kept if isinstance(item, FunctionType) and item.__name__ in names), None
        )
    return _hidden_by_decorator(inner, names) or inner


def function_definition(function: FunctionType, name: str, history: History) -> Definition | None:
    """The source of ``function``, decorators included; None when it is lost."""
    postponed = bool(function.__code__.co_flags & __future__.annotations.compiler_flag)
    if function.__name__ == "<lambda>":
        text = _lambda_source(function.__code__)
        return Definition(name, f"{name} = {text}\n", postponed) if text else None
    for text, node in _candidates(function, history):
        return Definition(node.name, _source_of(text, node), postponed)
    return None


def class_definition(kind: type, history: History) -> Definition | None:
    """The source of the class ``kind``, decorators included; None when it is lost."""
    for function in _own_functions(kind):
        text, tree = _file(function.__code__.co_filename)
        line = function.__code__.co_firstlineno
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef) or node.name != kind.__name__:
                continue
            if _spans(node, line):
                return Definition(node.name, _source_of(text, node), _postponed(function))
    # No method of its own, as with a dataclass or an Enum: nothing points to its cell.
    written = [
        (cell.text, found)
        for cell, found in history.definitions(kind.__name__)
        if isinstance(found, ast.ClassDef) and _says_of(found) <= _has(kind)
    ]
    # Best where nothing of the live class is missing; a decorator may have added to it, though.
    whole = [(text, found) for text, found in written if _own_names(kind) <= _says_of(found)]
    exact = [(text, found) for text, found in whole if _gives(found, kind)]
    for text, found in exact or whole or written:
        return Definition(found.name, _source_of(text, found), _postponed_class(found, kind))
    return None


def has_decorators(definition: Definition) -> bool:
    """Whether the definition, run again, makes what its decorators made."""
    return any(getattr(node, "decorator_list", None) for node in parse(definition.source).body)


def _hidden_by_decorator(function: FunctionType, names: Collection[str]) -> FunctionType | None:
    # A decorator that forgets functools.wraps leaves its inner function under the name.
    for cell in function.__closure__ or ():
        try:
            inner = cell.cell_contents
        except ValueError:
            continue
        if isinstance(inner, FunctionType) and inner.__name__ in names and function.__name__ not in names:
            return inner
    return None


def _candidates(function: FunctionType, history: History) -> Iterator[tuple[str, _Def]]:
    code = function.__code__
    text, tree = _file(code.co_filename)
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name != code.co_name:
            continue
        if _first_line(node) == code.co_firstlineno:
            yield text, node
    # Cells under %%time and the like are compiled under a name that nothing remembers.
    for cell, found in history.definitions(code.co_name):
        if not isinstance(found, ast.ClassDef) and _compiles_to(found, code):
            yield cell.text, found


def reads_own_name(source: str) -> bool:
    """Whether the function or class in ``source`` looks up its own name, as a recursive function does."""
    node = definition_in(source)
    name, node.name = node.name, "_"  # type: ignore[attr-defined,unused-ignore]
    return name in read_names(ast.unparse(node)).free


def _file(name: str) -> tuple[str, ast.Module]:
    text = "".join(linecache.getlines(name))
    try:
        return text, parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return "", ast.Module([], [])


def _first_line(node: _Def) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _spans(node: _Def, line: int) -> bool:
    return _first_line(node) <= line <= (node.end_lineno or 0)


def _source_of(text: str, node: _Def) -> str:
    # Not splitlines(): to Python a form feed does not end a line.
    rows = text.split("\n")[_first_line(node) - 1 : node.end_lineno]
    block = "\n".join(rows) + "\n"
    if not node.col_offset:
        return block
    plain = textwrap.dedent(block)
    try:
        same = ast.dump(parse(plain).body[0]) == ast.dump(node)
    except SyntaxError:
        same = False
    # A text over several lines may reach further left than the code: then the code stays indented.
    return plain if same else f"if True:\n{block}"


def _lambda_source(code: CodeType) -> str:
    text, tree = _file(code.co_filename)
    found = [
        node for node in ast.walk(tree) if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno
    ]
    for node in found:
        if _same_code(_compiled(ast.Expression(node), "<lambda>"), code):
            segment = ast.get_source_segment(text, node) or ""
            return f"({segment})" if "\n" in segment else segment
    return ""


def _compiles_to(node: ast.FunctionDef | ast.AsyncFunctionDef, code: CodeType) -> bool:
    return _same_code(_compiled(ast.Module([node], []), node.name), code)


def _compiled(tree: ast.Module | ast.Expression, name: str) -> CodeType | None:
    """The code of the function ``name`` in ``tree``; of its defaults' lambdas, not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outer: CodeType = compile(
            tree, "<cell>", "eval" if isinstance(tree, ast.Expression) else "exec", dont_inherit=True
        )
    codes = [const for const in outer.co_consts if isinstance(const, CodeType)]
    return next((found for found in reversed(codes) if found.co_name == name), None)


def _same_code(one: CodeType | None, other: CodeType) -> bool:
    return one is not None and essence(one) == essence(other)


def essence(code: CodeType) -> tuple[object, ...]:
    """What two pieces of code have in common if they do the same, wherever they are written."""
    consts = tuple(
        essence(const) if isinstance(const, CodeType) else (type(const), repr(const))
        for const in code.co_consts
    )
    return (code.co_code, code.co_names, code.co_varnames, consts)


def _postponed(function: FunctionType) -> bool:
    return bool(function.__code__.co_flags & __future__.annotations.compiler_flag)


def _postponed_class(node: ast.ClassDef, kind: type) -> bool:
    """Whether annotations that are not quoted in the source are text in the class."""
    kept = inspect.get_annotations(kind)
    return any(
        isinstance(kept.get(statement.target.id), str) and not isinstance(statement.annotation, ast.Constant)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    )


def _own_functions(kind: type) -> Iterator[FunctionType]:
    # pydantic adds to a class when one of its attributes is read.
    for member in tuple(vars(kind).values()):
        inner = getattr(member, "fget", None) or getattr(member, "__func__", member)
        inner = inspect.unwrap(inner) if callable(inner) and not isinstance(inner, type) else inner
        if not isinstance(inner, FunctionType) or inner.__module__ != kind.__module__:
            continue  # made by a library, such as the methods of a named tuple
        if inner.__qualname__.startswith(f"{kind.__qualname__}."):
            yield inner


def _says_of(node: ast.ClassDef) -> set[str]:
    """The names that the source of a class gives it, those that Python mangles aside."""
    named = {name for statement in node.body for name in _names_in(statement)}
    return {name for name in named if not name.startswith("__")}


def _has(kind: type) -> set[str]:
    return {
        *dir(kind),
        *_own_names(kind),
        *vars(kind).get("__annotations__", {}),
        *getattr(kind, "__members__", ()),
    }


def _gives(node: ast.ClassDef, kind: type) -> bool:
    """Whether the constants in the body of ``node`` are those of ``kind``."""
    return all(
        vars(kind).get(target.id) == statement.value.value
        for statement in node.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(target, ast.Name)
    )


def _own_names(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


def _names_in(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))
