"""Resolves names of the user's namespace to the source code that a script needs.

A module or an imported object gives its import line; a function or class of the notebook gives its
source, and its own names are resolved in turn; a literal is written out. Anything else is a problem,
which says what the ways out are.
"""

from __future__ import annotations

import ast
import builtins
import copy
import enum
import functools
import logging
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

from mlmagic.capture import definitions
from mlmagic.capture.attributes import attribute_refused, later_attributes, logger_settings
from mlmagic.capture.bound import Bound
from mlmagic.capture.history import History, Import
from mlmagic.capture.imports import describe_type, import_for, is_main, submodule_imports
from mlmagic.capture.names import Names, read_names
from mlmagic.capture.pieces import Piece
from mlmagic.capture.refusals import Refused, is_shells_own, live, too_long
from mlmagic.capture.reloads import import_after_reload
from mlmagic.capture.tables import express_table, is_table
from mlmagic.capture.timeline import definition_in
from mlmagic.capture.values import CARRY_LIMIT, INLINE_LIMIT, NotSource, express
from mlmagic.errors import CaptureError, nearest

_MODULE_NAMES = frozenset(
    ("__name__", "__file__", "__doc__", "__spec__", "__loader__", "__package__", "__builtins__")
)
# What IPython puts among the builtins is no builtin of Python's.
_PYTHON = frozenset(vars(builtins)) - {"display", "get_ipython", "dreload", "__IPYTHON__"}


@dataclass(frozen=True, slots=True)
class Need:
    """One name that is needed: by the cell on ``line``, or by the function or class ``user``."""

    name: str
    line: int
    user: str
    namespace: Mapping[str, object]
    early: bool = False
    """Needed above the cell, so that the cell's own definition of it comes too late."""

    @property
    def where(self) -> str:
        return f"(used by {self.user})" if self.user else f"(line {self.line})"


class Resolution:
    """Works through needed names, one at a time, and collects imports, pieces and problems.

    ``defined`` are names the cell itself defines; ``paths`` are names that stand for shipped files,
    with the source of each path.
    """

    def __init__(
        self,
        namespace: Mapping[str, object],
        history: History,
        *,
        defined: frozenset[str] = frozenset(),
        paths: Mapping[str, str] | None = None,
        carry: frozenset[str] = frozenset(),
        lenient: bool = False,
    ) -> None:
        self.namespace, self.history = namespace, history
        self.defined, self.paths, self.carry, self.lenient = defined, paths or {}, carry, lenient
        self.imports: dict[str, Import] = {}
        """Name it binds -> import."""
        self.modules: set[str] = set()
        """Modules imported under their own dotted name, on top of ``imports``."""
        self.pieces: dict[str, Piece] = {}
        self.carried: list[str] = []
        self.problems: list[CaptureError] = []
        self.postponed = False
        self._values: dict[str, object] = {}
        self._set_by_functions: set[str] = set()
        self._late_problems: list[CaptureError] = []
        self._waiting: deque[Need] = deque()
        self._quoted: deque[Need] = deque()
        """Needs of annotations that are kept as text."""

    def resolve(self, names: Names, *, line_offset: int = 0) -> None:
        """Resolve the free names of a cell, and of all that they bring in."""
        for name, line in names.free.items():
            self._waiting.append(Need(name, line + line_offset, "", self.namespace))
        for name, line in names.quoted.items():
            self._quoted.append(Need(name, line + line_offset, "", self.namespace))
        # What was asked for by name is brought in although the cell may set the name itself:
        # `global vocab; vocab = json.load(open(vocab))`.
        for name in (*self.paths, *sorted(self.carry)):
            self._waiting.append(Need(name, 1 + line_offset, "", self.namespace))
        self._add_submodules(names, self.namespace)
        self._work()
        while self._quoted:
            self._try(self._quoted.popleft())

    def _work(self) -> None:
        while self._waiting:
            need = self._waiting.popleft()
            try:
                self._settle(need)
            except Refused as refusal:
                message = f"{need.name} {need.where} {refusal.reason}"
                self._refuse(need, CaptureError(message, name=need.name, line=need.line, hint=refusal.hint))
        self._start_globals()

    def _try(self, need: Need) -> None:
        """Bring in a name that only the text of an annotation uses, if that is possible."""
        if need.name not in need.namespace:
            return
        kept = ("imports", "modules", "pieces", "carried", "problems", "postponed", "_values", "_quoted")
        before = {name: copy.copy(getattr(self, name)) for name in kept}
        self._waiting.append(need)
        self._work()
        if len(self.problems) > len(before["problems"]):
            vars(self).update(before)

    def _refuse(self, need: Need, problem: CaptureError) -> None:
        if need.early:
            self.problems.append(problem)
        else:
            self._late_problems.append(problem)

    def _start_globals(self) -> None:
        """Settle the names that captured functions set with ``global``: the service sets them, as the
        notebook did, and what they hold in the notebook is not needed."""
        for problem in self._late_problems:
            name = problem.name
            if name not in self._set_by_functions:
                self.problems.append(problem)
            elif text := self.history.timeline.start_constant(name):
                self._add(Piece(name, f"{name} = {text}\n"))
        self._late_problems.clear()

    def _settle(self, need: Need) -> None:
        name = need.name
        if name in self.paths:
            self.modules.add("pathlib")
            self._add(Piece(name, f"{name} = {self.paths[name]}\n"))
        elif name in _MODULE_NAMES or (name in self.defined and name not in self.carry and not need.early):
            return
        elif name in need.namespace and not is_shells_own(name, need.namespace[name]):
            value = need.namespace[name]
            if name not in self._values:
                self._values[name] = value
                self._contribute(need, value)
            elif self._values[name] is not value:
                raise Refused("has different values in two modules", "Rename one of them.")
        elif name not in _PYTHON:
            self._settle_unknown(need)

    def _settle_unknown(self, need: Need) -> None:
        if need.name == "display":
            self._add_import(Import("IPython.display", "display", "display"), need)
        elif need.name in need.namespace or need.name == "get_ipython":
            raise Refused(
                "belongs to IPython, which a service does not have",
                "Assign its value to a variable of your own."
                if need.name != "get_ipython"
                else "Remove it from the script.",
            )
        elif not self.lenient:
            near = nearest(need.name, [known for known in {*need.namespace, *_PYTHON} if known != need.name])
            message = f"{need.name!r} {need.where} is not defined anywhere in the notebook"
            hint = f"Did you mean {near!r}?" if near else "Run the cell that defines it first."
            self._refuse(need, CaptureError(message, name=need.name, line=need.line, hint=hint))

    def _contribute(self, need: Need, value: object) -> None:
        name = need.name
        found = self._import_of(name, value)
        if found is not None:
            self._add_import(found, need)
        elif isinstance(value, ModuleType):
            raise Refused("is a module created at run time", "Move it to a .py file.")
        elif isinstance(value, enum.Enum):
            self._add_member(need, value)
        elif isinstance(value, functools.partial):
            self._add_partial(need, value)
        elif isinstance(value, type):
            self._add_class(need, value)
        elif not self._add_function(need, value):
            self._add_value(need, value)

    def _import_of(self, name: str, value: object) -> Import | None:
        return import_for(name, value, self.history) or import_after_reload(name, value)

    def _add(self, piece: Piece) -> None:
        self.pieces[piece.name] = piece
        self.carried.append(piece.name)

    def _add_import(self, found: Import, need: Need) -> None:
        self.imports[found.name] = found
        self.carried.append(need.name)

    def _add_submodules(self, names: Names, namespace: Mapping[str, object]) -> None:
        roots = dict(names.modules)
        for name in names.free:
            value = namespace.get(name)
            if isinstance(value, ModuleType):
                roots[name] = value.__name__
        for name, module in roots.items():
            self.modules |= set(submodule_imports(module, names.chains, name))

    # Functions and classes.

    def _add_function(self, need: Need, value: object) -> bool:
        """Add the source of a function, also behind decorators; False when ``value`` holds none."""
        called = {known for known, other in need.namespace.items() if other is value}
        function = definitions.underlying_function(value, called) if callable(value) else None
        if function is None or isinstance(value, MethodType) or not _is_notebooks(function, self.namespace):
            return False
        if hasattr(value, "registry") and hasattr(value, "dispatch"):
            raise Refused("has other functions registered to it", "Define it in the cell or in a .py file.")
        found = definitions.function_definition(function, need.name, self.history)
        if function.__closure__:
            inside = ", ".join(sorted(set(function.__code__.co_freevars) - {"__class__"}))
            if inside:
                raise Refused(
                    f"is a closure: it uses {inside} of its enclosing function",
                    f"Make {inside} a parameter, or define the function at the top level of a cell.",
                )
        if found is None or "<lambda>" in found.name:
            way = (
                "Run the cell that defines it again"
                if function.__name__ != "<lambda>"
                else "Write it with def"
            )
            raise Refused("is a function whose source code was not found", f"{way}.")
        if function is not value and not definitions.has_decorators(found):
            raise Refused(
                f"is a function wrapped by a {describe_type(type(value))} outside of its definition",
                "Use the wrapper as a decorator, or wrap it in the cell.",
            )
        self._add_definition(need, value, found, function.__globals__, f"{found.name}()", function)
        return True

    def _add_class(self, need: Need, value: type) -> None:
        if not is_main(value, self.namespace.get("__name__")):
            raise Refused(
                f"is the class {value.__module__}.{value.__qualname__}, which cannot be imported from there",
                "Import it in the cell.",
            )
        found = definitions.class_definition(value, self.history)
        if found is None and value.__bases__ == (tuple,) and hasattr(value, "_field_defaults"):
            self._add_named_tuple(need, value)
            return
        if found is None:
            raise Refused("is a class whose source code was not found", "Run the cell that defines it again.")
        self._add_definition(need, value, found, self.namespace, found.name)

    def _add_named_tuple(self, need: Need, value: type) -> None:
        """What ``collections.namedtuple`` made: its fields are all of its source."""
        fields = ", ".join(map(repr, vars(value)["_fields"]))
        defaults = tuple(vars(value)["_field_defaults"].values())
        early: set[str] = set()
        text = f"collections.namedtuple({value.__name__!r}, [{fields}]"
        text += f", defaults={self._express(defaults, need, early)})" if defaults else ")"
        self.modules.add("collections")
        self._add(Piece(need.name, f"{need.name} = {text}\n", early=frozenset(early)))

    def _add_definition(
        self,
        need: Need,
        value: object,
        found: definitions.Definition,
        namespace: Mapping[str, object],
        user: str,
        function: FunctionType | None = None,
    ) -> None:
        self.postponed = self.postponed or found.postponed
        if found.name != need.name and self._binds(found.name, value, need):
            needed = frozenset({found.name})
            self._add(Piece(need.name, f"{need.name} = {found.name}\n", needed, needed))
            return
        source, modules = self._reproduce(need, value, found, namespace, function)
        names = read_names(source, postponed=found.postponed)
        for name in names.free:
            if name in modules:
                continue
            early = need.early or name in names.early
            self._waiting.append(Need(name, need.line, user, namespace, early))
        for name in names.quoted:
            self._quoted.append(Need(name, need.line, user, namespace))
        for name in sorted(names.defined - {found.name, need.name}):
            self._set_by_functions.add(name)
            self._waiting.append(Need(name, need.line, user, namespace))
        self._add_submodules(names, namespace)
        alias = "" if found.name == need.name else f"{need.name} = {found.name}\n"
        first = set(names.early)
        alias += self._attributes(need, value, source, first)
        needs = frozenset({*names.free, *names.quoted})
        self._add(Piece(need.name, source + alias, needs, frozenset(first), rebinds=found.name))

    def _reproduce(
        self,
        need: Need,
        value: object,
        found: definitions.Definition,
        namespace: Mapping[str, object],
        function: FunctionType | None,
    ) -> tuple[str, set[str]]:
        """The source of a definition, with the values that were bound when it ran, and their modules."""
        modules: set[str] = set()

        def write(live: object) -> str:
            written = express(
                live,
                lambda inner: self._refer(inner, Need(need.name, need.line, found.name, namespace), set()),
            )
            for name in written.modules:
                if name in self.defined or (name in namespace and namespace[name] is not sys.modules[name]):
                    raise NotSource  # the name means something else in the notebook
            modules.update(written.modules)
            return written.text

        bound = Bound(
            found.source, namespace, self.history.timeline, write, self._alike, postponed=found.postponed
        )
        source = bound.reproduce(value, function)
        self.modules |= modules
        return source, modules

    def _alike(self, one: type, other: type) -> bool:
        """Whether two classes of the notebook have the same source: its cell ran twice."""
        first, second = (definitions.class_definition(kind, self.history) for kind in (one, other))
        return first is not None and second is not None and first.source == second.source

    def _attributes(self, need: Need, value: object, source: str, early: set[str]) -> str:
        """What was set on a function or class afterwards: ``prepare.seen = 0``, ``K.go = go``."""
        node = definition_in(source)
        is_set = functools.partial(self.history.timeline.sets_attribute, need.name)
        lost: list[str] = []
        if isinstance(value, type) and isinstance(node, ast.ClassDef):
            found, lost = later_attributes(value, node, is_set)
        else:
            decorated = bool(getattr(node, "decorator_list", ()))
            kept = getattr(value, "__dict__", {})
            found = {key: item for key, item in kept.items() if not decorated or is_set(key)}
        rows = [
            f"{need.name}.{key} = {self._attribute(key, item, need, early)}\n" for key, item in found.items()
        ]
        return "".join([*rows, *(f"del {need.name}.{key}\n" for key in lost)])

    def _attribute(self, key: str, item: object, need: Need, early: set[str]) -> str:
        wrapper = type(item).__name__ if isinstance(item, staticmethod | classmethod | property) else ""
        if isinstance(item, property):
            parts: list[object] = [item.fget, item.fset, item.fdel]
        else:
            parts = [item.__func__ if isinstance(item, staticmethod | classmethod) else item]
        while len(parts) > 1 and parts[-1] is None:
            parts.pop()
        try:
            text = ", ".join(self._express(part, need, early) for part in parts)
        except NotSource:
            raise attribute_refused(key) from None
        if len(text) > INLINE_LIMIT:
            raise attribute_refused(key)
        return f"{wrapper}({text})" if wrapper else text

    def _binds(self, name: str, value: object, need: Need) -> bool:
        """Whether ``name`` is ``value`` in the notebook: then it is brought in under that name."""
        if name in self.defined or need.namespace.get(name) is not value:
            return False
        self._waiting.append(Need(name, need.line, need.user, need.namespace))
        return True

    # Values.

    def _add_member(self, need: Need, value: enum.Enum) -> None:
        early: set[str] = set()
        text = self._refer(value, need, early)
        if not text:
            kind = type(value).__name__
            raise Refused(
                f"is a member of {kind}, which is no longer defined in the notebook", "Import it in the cell."
            )
        self._add(Piece(need.name, f"{need.name} = {text}\n", early=frozenset(early)))

    def _add_partial(self, need: Need, value: functools.partial[object]) -> None:
        early: set[str] = set()
        inner = self._refer(value.func, need, early)
        if not inner:
            found = import_for(f"_{need.name}_function", value.func, self.history)
            if found is None:
                raise Refused(
                    "is a functools.partial of a function that is not in the notebook", "Write it with def."
                )
            self.imports[found.name], inner = found, found.name
        try:
            given = [self._express(item, need, early) for item in value.args]
            named = [f"{key}={self._express(item, need, early)}" for key, item in value.keywords.items()]
        except NotSource:
            raise Refused(
                "is a functools.partial with arguments that are not literals", "Write it with def."
            ) from None
        self.modules.add("functools")
        text = f"functools.partial({', '.join([inner, *given, *named])})"
        self._add(Piece(need.name, f"{need.name} = {text}\n", early=frozenset(early)))

    def _add_value(self, need: Need, value: object) -> None:
        name = need.name
        early: set[str] = set()
        try:
            text = self._express(value, need, early)
        except NotSource:
            raise live(name, value) from None
        if len(text) > CARRY_LIMIT:
            raise too_long(text, f"Ship it as a file with --asset {name}=PATH.")
        if len(text) > INLINE_LIMIT and name not in self.carry:
            raise too_long(text, f"Include it anyway with --carry {name}, or load it in init().")
        source = f"{name} = {text}\n"
        if isinstance(value, logging.Logger):
            source += logger_settings(name, value)
        self._add(Piece(name, source, early=frozenset(early)))

    def _express(self, value: object, need: Need, early: set[str]) -> str:
        if need.name in self.carry and is_table(value):
            found = express_table(value)
        else:
            found = express(value, lambda inner: self._refer(inner, need, early))
        self.modules |= found.modules
        return found.text

    def _refer(self, value: object, need: Need, early: set[str]) -> str:
        """Source that means ``value`` by its name, as in ``{"mean": mean}``; "" when it has none.

        The name goes to ``early`` and will be resolved.
        """
        if isinstance(value, enum.Enum):
            kind = self._refer(type(value), need, early)
            known = value.name in type(value).__members__
            return kind and (f"{kind}[{value.name!r}]" if known else f"{kind}({value.value!r})")
        if not isinstance(value, FunctionType | BuiltinFunctionType | type):
            return ""
        name = value.__name__
        if need.namespace.get(name) is value:
            self._waiting.append(Need(name, need.line, need.user, need.namespace, early=True))
            early.add(name)
            return name
        return name if name not in need.namespace and vars(builtins).get(name) is value else ""


def _is_notebooks(function: FunctionType, namespace: Mapping[str, object]) -> bool:
    return is_main(function, namespace.get("__name__")) or function.__globals__ is namespace
