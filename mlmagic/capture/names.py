"""The names of a piece of source: what it defines, what it needs from elsewhere, and where. Pure.

The compiler's own ``symtable`` decides what is global, so that comprehensions, walruses, patterns and
nested functions follow Python's rules and not our reading of them.
"""

from __future__ import annotations

import ast
import symtable
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mlmagic.capture.annotations import quoted_names

_FUTURE = "from __future__ import annotations\n"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Assert, ast.Delete)


@dataclass(frozen=True, slots=True)
class Names:
    """What `read_names` found in a piece of source."""

    free: Mapping[str, int]
    """Name that must come from elsewhere (builtins too) -> the first line that uses it."""
    defined: frozenset[str]
    """Names the source binds at its top level, also conditionally or by ``global``."""
    early: frozenset[str]
    """The free names that are needed as soon as the source runs: decorators, defaults, bases."""
    modules: Mapping[str, str]
    """Name bound by a plain ``import`` in the source -> module it is bound to."""
    stars: tuple[str, ...]
    """Modules of ``from module import *``."""
    chains: frozenset[tuple[str, ...]]
    """Dotted uses, such as ``("scipy", "stats", "norm")``."""
    postponed: bool
    """Whether the source itself postpones its annotations."""
    quoted: Mapping[str, int]
    """Name that only the text of an annotation uses -> the first line of one."""


def parse(source: str) -> ast.Module:
    """``ast.parse`` without warnings: the user saw them when the cell ran."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def read_names(source: str, *, postponed: bool = False) -> Names:
    """Read the names of ``source``; raises `SyntaxError`.

    ``postponed`` says that its annotations were compiled as text, as with
    ``from __future__ import annotations``: their names are among the ``quoted`` ones.
    """
    text = _FUTURE + source if postponed else source
    tree = parse(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        top = symtable.symtable(text, "<cell>", "exec")
    futures = {alias.name for node in tree.body for alias in _future_aliases(node)}
    early = loads_now(tree.body, annotations="annotations" not in futures)
    augmented = _only_augmented(tree)
    read_first = _read_first(tree.body) | augmented
    defined = _defined(top, tree) - augmented
    uses = _global_uses(top, tree)
    # A global that is defined here and read before is needed as well: `limit = limit * 2`.
    needed = (set().union(*uses.values()) - defined) | (read_first & _defined(top, tree)) | augmented
    needed -= {"__annotations__"}
    places = _first_places(tree, uses)
    in_order = sorted(needed, key=lambda name: (places.get(name, (1, 0)), name))
    offset = 1 if postponed else 0
    return Names(
        free={name: max(1, places.get(name, (1, 0))[0] - offset) for name in in_order},
        defined=frozenset(defined),
        early=frozenset(early & needed),
        modules=_plain_imports(tree),
        stars=tuple(
            node.module or ""
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        ),
        chains=frozenset(_chains(tree)),
        postponed="annotations" in futures,
        quoted={
            name: max(1, line - offset)
            for name, line in quoted_names(tree, postponed="annotations" in futures).items()
            if name not in needed and name not in defined
        },
    )


def _future_aliases(node: ast.stmt) -> list[ast.alias]:
    return node.names if isinstance(node, ast.ImportFrom) and node.module == "__future__" else []


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)


def _defined(top: symtable.SymbolTable, tree: ast.Module) -> set[str]:
    passing, walruses = _comprehension_names(tree)
    found = {
        symbol.get_name()
        for table in _tables(top)
        for symbol in table.get_symbols()
        if (table is top or symbol.is_declared_global())
        and (symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace())
    }
    return found - passing | walruses


def _comprehension_names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """The names that are only bound as the variable of a comprehension at the top level, and those that a
    walrus in one binds.

    From Python 3.12 on, symtable shows the former among the top level's own names, and the latter not at all.
    """
    inside, outside, walruses = set[str](), set[str](), set[str]()
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, is_inside = waiting.pop()
        if isinstance(node, ast.NamedExpr) and isinstance(node.target, ast.Name):
            (walruses if is_inside else outside).add(node.target.id)
            waiting.append((node.value, is_inside))
        elif isinstance(node, ast.comprehension):
            inside |= {each.id for each in ast.walk(node.target) if isinstance(each, ast.Name)}
            waiting += [(each, True) for each in (node.iter, *node.ifs)]
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                outside.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            outside.add(node.name)
            waiting += [(each, is_inside) for each in node.decorator_list]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            outside |= {(each.asname or each.name).partition(".")[0] for each in node.names}
        elif not isinstance(node, ast.Lambda):
            # Names that handlers and patterns bind are plain text: `except E as name`, `case [*name]`.
            outside |= {
                bound for key in ("name", "rest") if isinstance(bound := getattr(node, key, None), str)
            }
            is_inside = is_inside or isinstance(node, _COMPREHENSIONS)
            waiting += [(each, is_inside) for each in ast.iter_child_nodes(node)]
    return inside - outside, walruses


def _global_uses(top: symtable.SymbolTable, tree: ast.Module) -> dict[int, set[str]]:
    """Line where a scope starts (0: the top level) -> global names that are read in it."""
    first_in_class = {
        node.lineno: _read_first(node.body) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    }
    passing, _ = _comprehension_names(tree)
    uses: dict[int, set[str]] = {}
    for table in _tables(top):
        start = 0 if table is top else table.get_lineno()
        for symbol in table.get_symbols():
            name = symbol.get_name()
            if table is top and name in passing and symbol.is_assigned():
                continue
            # `parse = staticmethod(parse)` in a class body reads the global first.
            from_outside = symbol.is_global() or (
                str(table.get_type()) == "class" and name in first_in_class.get(start, ())
            )
            if symbol.is_referenced() and from_outside:
                uses.setdefault(start, set()).add(name)
    return uses


def _only_augmented(tree: ast.Module) -> set[str]:
    """Global names that are only ever changed in place (``count += 1``): they must exist before."""
    in_place = {
        node.target: node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
    }
    at_top = {
        node.target.id
        for node in tree.body
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
    }
    declared = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    bound = {name for node in ast.walk(tree) if node not in in_place for name in names_bound(node)}
    return (set(in_place.values()) & (declared | at_top)) - bound


def names_bound(node: ast.AST) -> Iterator[str]:
    """Names that ``node`` itself (not its children) binds."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
        case ast.alias(name=name, asname=asname):
            yield asname or name.partition(".")[0]


def in_one_scope(node: ast.AST) -> Iterator[ast.AST]:
    """``node`` and the nodes in it whose names belong to the scope of ``node``.

    The bodies of functions, classes and lambdas are left out, and so are the variables of comprehensions.
    """
    yield node
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        for child in ast.iter_child_nodes(node):
            if not (isinstance(node, ast.comprehension) and child is node.target):
                yield from in_one_scope(child)


def _read_first(body: Iterable[ast.stmt]) -> set[str]:
    """Names that a plain statement of ``body`` reads before any statement has bound them."""
    bound: set[str] = set()
    found: set[str] = set()
    for statement in body:
        if isinstance(statement, _SIMPLE):
            found |= loads_now([statement], annotations=False) - bound
        bound |= {name for node in ast.walk(statement) for name in names_bound(node)}
    return found


def loads_now(nodes: Iterable[ast.AST], *, annotations: bool) -> set[str]:
    """Names read when ``nodes`` are executed: everything but the bodies of functions."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name):
            found |= {node.id} if isinstance(node.ctx, ast.Load) else set()
        elif isinstance(node, _COMPREHENSIONS):
            # Its own variables, and what a walrus in it binds.
            bound = {name for inner in ast.walk(node) for name in names_bound(inner)}
            found |= loads_now(ast.iter_child_nodes(node), annotations=annotations) - bound
        else:
            found |= loads_now(_executed(node, annotations), annotations=annotations)
    return found


def _executed(node: ast.AST, annotations: bool) -> Iterator[ast.AST]:
    """The children of ``node`` that run when it runs."""
    if isinstance(node, (*_FUNCTIONS, ast.Lambda)):
        arguments = node.args
        yield from (*arguments.defaults, *(default for default in arguments.kw_defaults if default))
        if isinstance(node, _FUNCTIONS):
            yield from node.decorator_list
            if annotations:
                yield from (
                    part.annotation
                    for part in ast.walk(arguments)
                    if isinstance(part, ast.arg) and part.annotation
                )
                yield from [node.returns] if node.returns else []
        return
    for child in ast.iter_child_nodes(node):
        if annotations or not (isinstance(node, ast.AnnAssign) and child is node.annotation):
            yield child


def _first_places(tree: ast.Module, uses: Mapping[int, set[str]]) -> dict[str, tuple[int, int]]:
    """Global name -> line and column where it is first read, scope by scope, so that a local of the same name
    in another function does not count."""
    exact: dict[str, tuple[int, int]] = {}
    anywhere: dict[str, tuple[int, int]] = {}

    def visit(node: ast.AST, scope: int) -> None:
        if isinstance(node, ast.Name):
            place = (node.lineno, node.col_offset)
            anywhere[node.id] = min(place, anywhere.get(node.id, place))
            if node.id in uses.get(scope, ()):
                exact[node.id] = min(place, exact.get(node.id, place))
        inside = _inner_nodes(node)
        start = getattr(node, "lineno", scope)
        for child in ast.iter_child_nodes(node):
            visit(child, start if child in inside else scope)

    visit(tree, 0)
    return anywhere | exact


def _inner_nodes(node: ast.AST) -> list[ast.AST]:
    """The children of ``node`` that live in a scope of its own."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return list(node.body)
    if isinstance(node, ast.Lambda):
        return [node.body]
    if isinstance(node, _COMPREHENSIONS):
        # The first iterable is evaluated outside; its position in the tree makes little difference.
        return list(ast.iter_child_nodes(node))
    return []


def _plain_imports(tree: ast.Module) -> dict[str, str]:
    return {
        alias.asname or alias.name.partition(".")[0]: alias.name
        if alias.asname
        else alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }


def _chains(tree: ast.Module) -> Iterator[tuple[str, ...]]:
    for node in ast.walk(tree):
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if parts and isinstance(node, ast.Name):
            yield (node.id, *reversed(parts))
