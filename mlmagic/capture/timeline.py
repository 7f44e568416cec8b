"""When each name of the notebook was last bound, read from the executed cells in their order."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from mlmagic.capture.changes import MUTATORS, Change, changes_in
from mlmagic.capture.names import in_one_scope, loads_now, names_bound, parse, read_names

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
Moment = tuple[int, int]
"""The number of a cell and a line in it."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One statement that bound or changed ``name``, and the moment when it ran."""

    name: str
    moment: Moment
    source: str
    """The statement, as ``ast.dump`` writes it."""
    reads: frozenset[str]
    """Names that the statement reads; for a function, those of its body."""
    in_place: bool = False
    """It changes the object, and leaves the name as it is."""


class Timeline:
    """The bindings of the executed cells, given oldest first."""

    def __init__(self, cells: Iterable[ast.Module]) -> None:
        self.cells = tuple(cells)

    @cached_property
    def changes(self) -> dict[Change, None]:
        """The places that the cells set or change, in their order."""
        return changes_in(self.cells)

    @cached_property
    def bindings(self) -> dict[str, list[Binding]]:
        """Name -> its bindings, oldest first."""
        found: dict[str, list[Binding]] = {}
        for number, tree in enumerate(self.cells):
            for binding in _bindings(tree.body, number):
                found.setdefault(binding.name, []).append(binding)
        return found

    def moment_of(self, node: ast.AST) -> Moment | None:
        """When the newest definition or lambda equal to ``node`` ran."""
        wanted, kind, name = ast.dump(node), type(node), getattr(node, "name", "")
        for number in reversed(range(len(self.cells))):
            for other in reversed(tuple(ast.walk(self.cells[number]))):
                if (
                    isinstance(other, kind)
                    and getattr(other, "name", "") == name
                    and ast.dump(other) == wanted
                ):
                    return number, other.lineno  # type: ignore[attr-defined,unused-ignore]
        return None

    def changed_since(self, node: ast.AST, names: Iterable[str]) -> str:
        """The first of ``names``, or of what they use, that was changed after ``node`` ran; or ``""``."""
        moment = self.moment_of(node)
        if moment is None:
            return ""
        waiting, seen = list(names), set[str]()
        while waiting:
            name = waiting.pop(0)
            if name in seen:
                continue
            seen.add(name)
            known = self.bindings.get(name, [])
            before = [each for each in known if each.moment < moment and not each.in_place]
            after = [each for each in known if each.moment > moment]
            if not before:
                continue  # it had no value then, so nothing read it
            if before[-1].source.startswith("Import"):
                # sys.path.append() and os.environ[...] = are settings of the process.
                after = [each for each in after if not each.in_place]
            if after and (any(each.in_place for each in after) or after[-1].source != before[-1].source):
                return name
            if after or before[-1].source.startswith(("FunctionDef", "AsyncFunctionDef")):
                waiting += sorted(before[-1].reads)
        return ""

    def binds_after(self, name: str, moment: Moment) -> bool:
        """Whether a cell bound or changed ``name`` after that moment."""
        return any(each.moment > moment for each in self.bindings.get(name, ()))

    def start_constant(self, name: str) -> str:
        """The source of the newest constant that a cell assigned to ``name`` at its top level; or ``""``."""
        for tree in reversed(self.cells):
            for node in reversed(tree.body):
                match node:
                    case ast.Assign(targets=[ast.Name(id=bound)], value=ast.Constant() as value):
                        pass
                    case ast.AnnAssign(target=ast.Name(id=bound), value=ast.Constant() as value):
                        pass
                    case _:
                        continue
                if bound == name:
                    return ast.unparse(value)
        return ""

    def sets_attribute(self, name: str, attribute: str) -> bool:
        """Whether a cell wrote ``name.attribute = ...`` or ``setattr(name, "attribute", ...)``."""
        return Change((name, attribute)) in self.changes


def _bindings(body: Iterable[ast.stmt], cell: int) -> Iterator[Binding]:
    for statement in body:
        moment = (cell, statement.lineno)
        if isinstance(statement, _SCOPES):
            reads = frozenset(_body_reads(statement))
            yield Binding(statement.name, moment, ast.dump(statement), reads)
            continue
        blocks = [
            block
            for field in ("body", "orelse", "finalbody")
            if isinstance(block := getattr(statement, field, None), list)
        ]
        blocks += [handler.body for handler in getattr(statement, "handlers", ())]
        yield from _of_statement(statement, moment, compound=bool(blocks))
        for block in blocks:
            yield from _bindings(block, cell)


def _of_statement(statement: ast.stmt, moment: Moment, *, compound: bool) -> Iterator[Binding]:
    header = _header(statement) if compound else [statement]
    source = " ".join(ast.dump(node) for node in header)
    reads = frozenset(loads_now(header, annotations=False))
    for node in (inner for part in header for inner in in_one_scope(part)):
        for name in names_bound(node):
            yield Binding(name, moment, source, reads, isinstance(statement, ast.AugAssign))
        if changed := changed_in_place(node):
            yield Binding(changed, moment, source, reads, in_place=True)


def _header(statement: ast.stmt) -> list[ast.AST]:
    """The parts of ``for``, ``with``, ``if`` and the like that are not statements."""
    return [
        node
        for node in ast.iter_child_nodes(statement)
        if not isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case)
    ]


def changed_in_place(node: ast.AST) -> str:
    """The name whose object ``node`` changes: ``table[key] = 1``, ``rows.append(1)``, ``K.limit = 2``."""
    match node:
        case ast.Subscript(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del()):
            return _root(node.value)
        case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in MUTATORS:
            return _root(owner)
    return ""


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _body_reads(node: ast.stmt) -> Iterable[str]:
    try:
        return read_names(ast.unparse(node)).free
    except (SyntaxError, ValueError, RecursionError):
        return ()


def definition_in(source: str) -> ast.AST:
    """The function, class or lambda of a captured definition's source."""
    node: ast.AST = parse(source).body[0]
    if isinstance(node, ast.If):
        node = node.body[0]
    return node.value if isinstance(node, ast.Assign) else node
