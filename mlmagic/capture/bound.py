"""What was bound when a function or class was defined: defaults, class attributes, bases, decorators.

A captured definition runs again in the service. Where that would give another value than the notebook
holds, the value is written in place of the expression; what cannot be written is refused.
"""

from __future__ import annotations

import ast
import enum
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import FunctionType

from mlmagic.capture.evaluation import Unknown, evaluate, same_value
from mlmagic.capture.names import loads_now
from mlmagic.capture.refusals import Refused, changed
from mlmagic.capture.timeline import Timeline, definition_in
from mlmagic.capture.values import INLINE_LIMIT, NotSource

_ABSENT = object()
_Def = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass
class Bound:
    """Compares one definition with the object that it made in the notebook.

    ``write`` gives the source of a value or raises `NotSource`; ``alike`` says whether two classes have
    the same source.
    """

    source: str
    namespace: Mapping[str, object]
    timeline: Timeline
    write: Callable[[object], str]
    alike: Callable[[type, type], bool]
    postponed: bool = False
    edits: list[tuple[ast.expr, str]] = field(default_factory=list)
    unverified: list[ast.AST] = field(default_factory=list)
    """Expressions whose values are not kept in the object: their names must not have changed."""

    def reproduce(self, value: object, function: FunctionType | None) -> str:
        """The source that makes ``value`` again; raises `Refused` when a name of it has changed."""
        node = definition_in(self.source)
        if isinstance(node, ast.ClassDef):
            self._class(node, value if isinstance(value, type) else None)
        elif isinstance(node, _Def):
            self._function(node, function)
        names = loads_now(self.unverified, annotations=not self.postponed)
        if name := self.timeline.changed_since(node, sorted(names)):
            raise changed(name)
        return _edited(self.source, self.edits)

    def _function(self, node: _Def, function: FunctionType | None) -> None:
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args][-len(arguments.defaults) or None :]
        named = dict(zip([each.arg for each in positional], arguments.defaults, strict=False))
        by_keyword = {
            each.arg: default
            for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default is not None
        }
        if not arguments.defaults:
            named = {}
        if function is None:
            self.unverified += [*named.values(), *by_keyword.values()]
        else:
            values = function.__defaults__ or ()
            if len(values) != len(named) or set(function.__kwdefaults__ or ()) != set(by_keyword):
                raise Refused(
                    "had its default values changed after its definition",
                    "Write them in the def, and run its cell again.",
                )
            for expression, live in zip(named.values(), values, strict=True):
                self._value(expression, live)
            for name, expression in by_keyword.items():
                self._value(expression, (function.__kwdefaults__ or {})[name])
        if not isinstance(node, ast.Lambda):
            self.unverified += node.decorator_list
            if not self.postponed:
                annotations = [each.annotation for each in ast.walk(arguments) if isinstance(each, ast.arg)]
                self.unverified += filter(None, (*annotations, node.returns))

    def _class(self, node: ast.ClassDef, kind: type | None) -> None:
        self.unverified += node.decorator_list
        self.unverified += [keyword.value for keyword in node.keywords]
        for base in node.bases:
            self._base(base, kind)
        for statement in node.body:
            self._statement(statement, kind)

    def _base(self, base: ast.expr, kind: type | None) -> None:
        try:
            now = evaluate(base, self.namespace)
        except Unknown:
            now = None
        if kind is None or not isinstance(now, type):
            self.unverified.append(base)
            return
        if now in kind.__mro__:
            return
        then = next((each for each in kind.__mro__[1:] if each.__name__ == now.__name__), None)
        if then is None or not self.alike(then, now):
            raise changed(ast.unparse(base))

    def _statement(self, statement: ast.stmt, kind: type | None) -> None:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=expression):
                self._attribute(name, expression, kind)
            case ast.AnnAssign(target=ast.Name(id=name), value=expression, annotation=annotation):
                if not self.postponed:
                    self.unverified.append(annotation)
                if expression is not None:
                    self._attribute(name, expression, kind)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self._function(statement, _method(kind, name))
            case ast.ClassDef(name=name):
                inner = vars(kind).get(name) if kind else None
                self._class(statement, inner if isinstance(inner, type) else None)
            case _:
                self.unverified.append(statement)

    def _attribute(self, name: str, expression: ast.expr, kind: type | None) -> None:
        live = attribute_of(kind, name) if kind is not None else _ABSENT
        if isinstance(expression, ast.Lambda) and isinstance(live, FunctionType):
            self._function(expression, live)
        elif live is _ABSENT or _describes(expression, kind):
            self.unverified.append(expression)
        else:
            self._value(expression, live)

    def _value(self, expression: ast.expr, live: object) -> None:
        try:
            known = same_value(evaluate(expression, self.namespace), live)
        except Unknown:
            known = None
        if known:
            return
        try:
            text = self.write(live)
        except NotSource:
            text = ""
        if text and len(text) <= INLINE_LIMIT and ast.unparse(expression) != text:
            self.edits.append((expression, text))
        elif not text and known is None:
            self.unverified.append(expression)
        elif not text:
            names = sorted(loads_now([expression], annotations=False))
            alike = [self._alike(self.namespace.get(name), live) for name in names]
            if not any(alike):
                raise changed(names[0] if names else ast.unparse(expression))

    def _alike(self, now: object, live: object) -> bool:
        return isinstance(now, type) and isinstance(live, type) and self.alike(live, now)


def attribute_of(kind: type, name: str) -> object:
    """The value that the body of ``kind`` gave to ``name``, wherever its decorator or base keeps it."""
    if issubclass(kind, enum.Enum):
        member = kind.__members__.get(name)
        return vars(kind).get(name, _ABSENT) if member is None else member.value
    for table in ("__dataclass_fields__", "model_fields", "__pydantic_fields__"):
        found = vars(kind).get(table)
        if isinstance(found, Mapping) and name in found:
            default = found[name].default
            return (
                _ABSENT
                if repr(default) in ("PydanticUndefined", "<dataclasses._MISSING_TYPE object>")
                else default
            )
    defaults = vars(kind).get("_field_defaults")
    if isinstance(defaults, dict) and name in defaults:
        return defaults[name]
    mangled = (
        f"_{kind.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name
    )
    return vars(kind).get(mangled, _ABSENT)


def _describes(expression: ast.expr, kind: type | None) -> bool:
    """Whether a call describes an attribute, as ``field(default=2)`` and ``auto()`` do."""
    if not isinstance(expression, ast.Call) or kind is None:
        return False
    fields = any(
        name in vars(kind) for name in ("__dataclass_fields__", "__pydantic_fields__", "__attrs_attrs__")
    )
    return fields or issubclass(kind, enum.Enum)


def _method(kind: type | None, name: str) -> FunctionType | None:
    member = vars(kind).get(name) if kind is not None else None
    inner = getattr(member, "fget", None) or getattr(member, "__func__", member)
    try:
        inner = inspect.unwrap(inner) if callable(inner) else None
    except ValueError:
        return None
    if not isinstance(inner, FunctionType) or inner.__code__.co_name != name:
        return None
    # A decorator's inner function may have the same name.
    return None if inner.__qualname__.endswith(f"<locals>.{name}") else inner


def _edited(source: str, edits: Iterable[tuple[ast.expr, str]]) -> str:
    rows = [row.encode() for row in source.split("\n")]
    for node, text in sorted(edits, key=lambda each: (each[0].lineno, each[0].col_offset), reverse=True):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        head, tail = rows[first][: node.col_offset], rows[last][node.end_col_offset :]
        rows[first : last + 1] = [head + text.encode("utf-8", "surrogatepass") + tail]
    return b"\n".join(rows).decode("utf-8", "surrogatepass")
