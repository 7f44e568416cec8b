"""Resolves names of the user's namespace to the source code that a script needs.

A module or an imported object gives its import line; a function or class of the notebook gives its
source, and its own names are resolved in turn; a literal is written out. Anything else is a problem,
which says what the ways out are.
"""

from __future__ import annotations

import ast
import builtins
import enum
import functools
import sys
from collections.abc import Callable, Mapping
from types import FunctionType, MethodType, ModuleType

from mlmagic.capture import definitions
from mlmagic.capture.attributes import changed_by_methods, has_registered, is_cached, later_attributes
from mlmagic.capture.bound import Bound
from mlmagic.capture.collected import Collected, Need
from mlmagic.capture.history import History, Import
from mlmagic.capture.imports import describe_type, import_for, is_main, submodule_imports
from mlmagic.capture.names import Names, parse, read_names
from mlmagic.capture.pieces import Piece
from mlmagic.capture.refusals import Refused, is_shells_own
from mlmagic.capture.reloads import import_after_reload
from mlmagic.capture.restoration import Restoration
from mlmagic.capture.timeline import definition_in
from mlmagic.capture.value_writer import ValueWriter
from mlmagic.capture.values import NotSource, express
from mlmagic.errors import CaptureError, nearest

_MODULE_NAMES = frozenset(
    ("__name__", "__file__", "__doc__", "__spec__", "__loader__", "__package__", "__builtins__")
)
# What IPython puts among the builtins is no builtin of Python's.
_PYTHON = frozenset(vars(builtins)) - {"display", "get_ipython", "dreload", "__IPYTHON__"}


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
        self.collected = Collected()
        self._writer = ValueWriter(self.collected, history, carry)
        self._set_by_functions: set[str] = set()
        self._late_problems: list[CaptureError] = []

    def resolve(self, names: Names, *, line_offset: int = 0) -> None:
        """Resolve the free names of a cell, and of all that they bring in."""
        for name, line in names.free.items():
            self.collected.waiting.append(Need(name, line + line_offset, "", self.namespace))
        for name, line in names.quoted.items():
            self.collected.quoted.append(Need(name, line + line_offset, "", self.namespace))
        # What was asked for by name is brought in although the cell may set the name itself:
        # `global vocab; vocab = json.load(open(vocab))`.
        for name in (*self.paths, *sorted(self.carry)):
            self.collected.waiting.append(Need(name, 1 + line_offset, "", self.namespace))
        self._add_submodules(names, self.namespace)
        self._work()
        while self.collected.quoted:
            self._try(self.collected.quoted.popleft())
        if not self.collected.problems:
            self._writer.keep_shared()

    def restore_imported(self, cell: str, modules: Callable[[], set[str]]) -> None:
        """Give the ``modules`` that the script imports what cells of the notebook have set there.

        What ``cell``, the script's own, sets is left to it.
        """
        Restoration(self.namespace, self.history, self.defined, self.collected, self._writer).add(
            parse(cell), modules
        )
        self._work()

    def _work(self) -> None:
        while self.collected.waiting:
            need = self.collected.waiting.popleft()
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
        before = self.collected.copy()
        self.collected.waiting.append(need)
        self._work()
        if len(self.collected.problems) > len(before.problems):
            self.collected.restore(before)

    def _refuse(self, need: Need, problem: CaptureError) -> None:
        if need.early:
            self.collected.problems.append(problem)
        else:
            self._late_problems.append(problem)

    def _start_globals(self) -> None:
        """Settle the names that captured functions set with ``global``: the service sets them, as the
        notebook did, and what they hold in the notebook is not needed."""
        for problem in self._late_problems:
            name = problem.name
            if name not in self._set_by_functions:
                self.collected.problems.append(problem)
            elif text := self.history.timeline.start_constant(name):
                self.collected.add(Piece(name, f"{name} = {text}\n"))
        self._late_problems.clear()

    def _settle(self, need: Need) -> None:
        name = need.name
        if name in self.paths:
            self.collected.modules.add("pathlib")
            self.collected.add(Piece(name, f"{name} = {self.paths[name]}\n"))
        elif name in _MODULE_NAMES or (name in self.defined and name not in self.carry and not need.early):
            return
        elif name in need.namespace and not is_shells_own(name, need.namespace[name]):
            value = need.namespace[name]
            if name not in self.collected.values:
                self.collected.values[name] = value
                self._contribute(need, value)
            elif self.collected.values[name] is not value:
                raise Refused("has different values in two modules", "Rename one of them.")
        elif name not in _PYTHON:
            self._settle_unknown(need)

    def _settle_unknown(self, need: Need) -> None:
        if need.name == "display":
            self.collected.add_import(Import("IPython.display", "display", "display"), need)
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
            self.collected.add_import(found, need)
        elif isinstance(value, ModuleType):
            raise Refused("is a module created at run time", "Move it to a .py file.")
        elif isinstance(value, enum.Enum):
            self._writer.add_member(need, value)
        elif isinstance(value, functools.partial):
            self._writer.add_partial(need, value)
        elif isinstance(value, type):
            self._add_class(need, value)
        elif not self._add_function(need, value):
            self._writer.add_value(need, value)

    def _import_of(self, name: str, value: object) -> Import | None:
        return import_for(name, value, self.history) or import_after_reload(name, value)

    def _add_submodules(self, names: Names, namespace: Mapping[str, object]) -> None:
        roots = dict(names.modules)
        for name in names.free:
            value = namespace.get(name)
            if isinstance(value, ModuleType):
                roots[name] = value.__name__
        for name, module in roots.items():
            self.collected.modules |= set(submodule_imports(module, names.chains, name))

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
        if is_cached(value) and (
            name := self.history.timeline.changed_since(
                definition_in(found.source), sorted(read_names(found.source).free)
            )
        ):
            raise Refused(
                f"keeps results from before {name!r} was changed", f"Call {need.name}.cache_clear() first."
            )
        self._add_definition(need, value, found, function.__globals__, f"{found.name}()", function)
        return True

    def _add_class(self, need: Need, value: type) -> None:
        if not is_main(value, self.namespace.get("__name__")):
            raise Refused(
                f"is the class {value.__module__}.{value.__qualname__}, which cannot be imported from there",
                "Import it in the cell.",
            )
        if has_registered(value):
            raise Refused("has other classes registered to it", "Register them in init().")
        found = definitions.class_definition(value, self.history)
        if found is None and value.__bases__ == (tuple,) and hasattr(value, "_field_defaults"):
            self._writer.add_named_tuple(need, value)
            return
        if found is None:
            raise Refused("is a class whose source code was not found", "Run the cell that defines it again.")
        self._add_definition(need, value, found, self.namespace, found.name)

    def _add_definition(
        self,
        need: Need,
        value: object,
        found: definitions.Definition,
        namespace: Mapping[str, object],
        user: str,
        function: FunctionType | None = None,
    ) -> None:
        self.collected.postponed = self.collected.postponed or found.postponed
        if found.name != need.name and self._binds(found.name, value, need):
            needed = frozenset({found.name})
            self.collected.add(Piece(need.name, f"{need.name} = {found.name}\n", needed, needed))
            return
        source, modules = self._reproduce(need, value, found, namespace, function)
        if found.name != need.name and definitions.reads_own_name(source):
            raise Refused(
                f"was defined as {found.name} and uses that name, which means something else now",
                "Define it again under a name of its own.",
            )
        names = read_names(source, postponed=found.postponed)
        for name in names.free:
            if name in modules:
                continue
            early = need.early or name in names.early
            self.collected.waiting.append(Need(name, need.line, user, namespace, early))
        for name in names.quoted:
            self.collected.quoted.append(Need(name, need.line, user, namespace))
        for name in sorted(names.defined - {found.name, need.name}):
            self._set_by_functions.add(name)
            self.collected.waiting.append(Need(name, need.line, user, namespace))
        self._add_submodules(names, namespace)
        alias = "" if found.name == need.name else f"{need.name} = {found.name}\n"
        first = set(names.early)
        alias += self._attributes(need, value, source, first)
        needs = frozenset({*names.free, *names.quoted})
        self.collected.add(Piece(need.name, source + alias, needs, frozenset(first), rebinds=found.name))

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
            user = Need(need.name, need.line, found.name, namespace)
            written = express(live, lambda inner: self._writer.refer(inner, user, set()))
            for name in written.modules:
                if name in self.defined or (name in namespace and namespace[name] is not sys.modules[name]):
                    raise NotSource  # the name means something else in the notebook
            modules.update(written.modules)
            return written.text

        bound = Bound(
            found.source, namespace, self.history.timeline, write, self._alike, postponed=found.postponed
        )
        source = bound.reproduce(value, function)
        self.collected.modules |= modules
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
            changing = self._changed_by_methods(type(value)) if decorated else set()
            found = {
                key: item for key, item in kept.items() if not decorated or key in changing or is_set(key)
            }
        write = self._writer.attribute
        rows = [f"{need.name}.{key} = {write(key, item, need, early)}\n" for key, item in found.items()]
        return "".join([*rows, *(f"del {need.name}.{key}\n" for key in lost)])

    def _changed_by_methods(self, kind: type) -> set[str]:
        """The attributes that a decorator written as a class of the notebook changes when it is called."""
        own = is_main(kind, self.namespace.get("__name__"))
        found = definitions.class_definition(kind, self.history) if own else None
        return changed_by_methods(definition_in(found.source)) if found is not None else set()

    def _binds(self, name: str, value: object, need: Need) -> bool:
        """Whether ``name`` is ``value`` in the notebook: then it is brought in under that name."""
        if name in self.defined or need.namespace.get(name) is not value:
            return False
        self.collected.waiting.append(Need(name, need.line, need.user, need.namespace))
        return True


def _is_notebooks(function: FunctionType, namespace: Mapping[str, object]) -> bool:
    return is_main(function, namespace.get("__name__")) or function.__globals__ is namespace
