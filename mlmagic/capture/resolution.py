"""Names in the user's namespace, and what each contributes to a script.

A module or an imported object gives its import line; a function or class of the notebook gives its
source, and its own names are resolved in turn; a literal is written out. Anything else is a problem,
which says what the ways out are.
"""

from __future__ import annotations

import builtins
import enum
import functools
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import BuiltinMethodType, FunctionType, MethodType, ModuleType

from mlmagic.capture import definitions
from mlmagic.capture.history import History, Import
from mlmagic.capture.imports import describe_type, import_for, is_main, submodule_imports
from mlmagic.capture.names import Names, read_names
from mlmagic.capture.pieces import Piece
from mlmagic.capture.tables import express_table, is_table
from mlmagic.capture.values import CARRY_LIMIT, INLINE_LIMIT, Expression, NotSource, express
from mlmagic.errors import CaptureError, nearest

_MODULE_NAMES = frozenset(
    ("__name__", "__file__", "__doc__", "__spec__", "__loader__", "__package__", "__builtins__")
)
# What IPython puts among the builtins is no builtin of Python's.
_PYTHON = frozenset(vars(builtins)) - {"display", "get_ipython", "dreload", "__IPYTHON__"}
_SHELL = re.compile(r"In|Out|get_ipython|_i{0,3}h?|_{2,3}|_i?\d+|_[od]h")


@dataclass(frozen=True, slots=True)
class Need:
    """One name that is needed: by the cell on ``line``, or by the function or class ``user``."""

    name: str
    line: int
    user: str
    namespace: Mapping[str, object]

    @property
    def where(self) -> str:
        return f"(used by {self.user})" if self.user else f"(line {self.line})"


class _Refused(Exception):
    """Why a value cannot be carried, and the way out."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason, self.hint = reason, hint


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
        self._waiting: deque[Need] = deque()

    def resolve(self, names: Names, *, line_offset: int = 0) -> None:
        """Resolve the free names of a cell, and of all that they bring in."""
        for name, line in names.free.items():
            self._waiting.append(Need(name, line + line_offset, "", self.namespace))
        # What was asked for by name is brought in although the cell may set the name itself:
        # `global vocab; vocab = json.load(open(vocab))`.
        for name in (*self.paths, *sorted(self.carry)):
            self._waiting.append(Need(name, 1 + line_offset, "", self.namespace))
        self._add_submodules(names, self.namespace)
        while self._waiting:
            need = self._waiting.popleft()
            try:
                self._settle(need)
            except _Refused as refusal:
                message = f"{need.name} {need.where} {refusal.reason}"
                self.problems.append(CaptureError(message, name=need.name, line=need.line, hint=refusal.hint))

    def _settle(self, need: Need) -> None:
        name = need.name
        if name in self.paths:
            self.modules.add("pathlib")
            self._add(Piece(name, f"{name} = {self.paths[name]}\n"))
        elif name in _MODULE_NAMES or (name in self.defined and name not in self.carry):
            return
        elif name in need.namespace and not _is_shells_own(name, need.namespace[name]):
            value = need.namespace[name]
            if name not in self._values:
                self._values[name] = value
                self._contribute(need, value)
            elif self._values[name] is not value:
                raise _Refused("means two different things in two modules", "Rename one of them.")
        elif name not in _PYTHON:
            self._settle_unknown(need)

    def _settle_unknown(self, need: Need) -> None:
        if need.name == "display":
            self._add_import(Import("IPython.display", "display", "display"), need)
        elif need.name in need.namespace or need.name == "get_ipython":
            raise _Refused(
                "belongs to the notebook's own shell, which a service does not have",
                "Give what it holds a name of your own."
                if need.name != "get_ipython"
                else "Leave it out of the script.",
            )
        elif not self.lenient:
            near = nearest(need.name, [known for known in {*need.namespace, *_PYTHON} if known != need.name])
            message = f"{need.name!r} {need.where} is not defined anywhere in the notebook"
            self.problems.append(
                CaptureError(
                    message,
                    name=need.name,
                    line=need.line,
                    hint=f"Did you mean {near!r}?" if near else "Run the cell that defines it first.",
                )
            )

    def _contribute(self, need: Need, value: object) -> None:
        name = need.name
        found = self._import_of(name, value)
        if found is not None:
            self._add_import(found, need)
        elif isinstance(value, ModuleType):
            raise _Refused("is a module made while the notebook ran", "Put it into a .py file.")
        elif isinstance(value, enum.Enum):
            self._add_member(need, value)
        elif isinstance(value, functools.partial):
            self._add_partial(need, value)
        elif isinstance(value, type):
            self._add_class(need, value)
        elif not self._add_function(need, value):
            self._add_value(need, value)

    def _import_of(self, name: str, value: object) -> Import | None:
        return import_for(name, value, self.history)

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
            raise _Refused("has other functions registered to it", "Define it in the cell or in a .py file.")
        found = definitions.function_definition(function, need.name, self.history)
        if function.__closure__:
            inside = ", ".join(sorted(set(function.__code__.co_freevars) - {"__class__"}))
            if inside:
                raise _Refused(
                    f"is a function that keeps {inside} from the function it was made in",
                    f"Make {inside} a parameter, or write it as a function of its own at the top of a cell.",
                )
        if found is None or "<lambda>" in found.name:
            way = (
                "Run the cell that defines it again"
                if function.__name__ != "<lambda>"
                else "Write it with def"
            )
            raise _Refused("is a function whose source is gone", f"{way}.")
        if function is not value and not definitions.has_decorators(found):
            raise _Refused(
                f"is a function wrapped by a {describe_type(type(value))} outside of its definition",
                "Use the wrapper as a decorator, or wrap it in the cell.",
            )
        self._add_definition(need, value, found, function.__globals__, f"{found.name}()")
        return True

    def _add_class(self, need: Need, value: type) -> None:
        if not is_main(value, self.namespace.get("__name__")):
            raise _Refused(
                f"is the class {value.__module__}.{value.__qualname__}, which cannot be imported from there",
                "Import it in the cell.",
            )
        found = definitions.class_definition(value, self.history)
        if found is None:
            raise _Refused("is a class whose source is gone", "Run the cell that defines it again.")
        self._add_definition(need, value, found, self.namespace, found.name)

    def _add_definition(
        self,
        need: Need,
        value: object,
        found: definitions.Definition,
        namespace: Mapping[str, object],
        user: str,
    ) -> None:
        self.postponed = self.postponed or found.postponed
        if found.name != need.name and self._binds(found.name, value, need):
            needed = frozenset({found.name})
            self._add(Piece(need.name, f"{need.name} = {found.name}\n", needed, needed))
            return
        names = read_names(found.source, postponed=found.postponed)
        for name in names.free:
            self._waiting.append(Need(name, need.line, user, namespace))
        self._add_submodules(names, namespace)
        alias = "" if found.name == need.name else f"{need.name} = {found.name}\n"
        self._add(
            Piece(need.name, found.source + alias, frozenset(names.free), names.early, rebinds=found.name)
        )

    def _binds(self, name: str, value: object, need: Need) -> bool:
        """Whether ``name`` is ``value`` in the notebook: then it is brought in under that name."""
        if name in self.defined or need.namespace.get(name) is not value:
            return False
        self._waiting.append(Need(name, need.line, need.user, need.namespace))
        return True

    # Values.

    def _add_member(self, need: Need, value: enum.Enum) -> None:
        kind = type(value)
        name = kind.__name__
        if need.namespace.get(name) is not kind:
            raise _Refused(
                f"is a member of {name}, which the notebook no longer has", "Import it in the cell."
            )
        self._waiting.append(Need(name, need.line, need.user, need.namespace))
        self._add(Piece(need.name, f"{need.name} = {name}[{value.name!r}]\n", early=frozenset({name})))

    def _add_partial(self, need: Need, value: functools.partial[object]) -> None:
        function = value.func
        inner = str(getattr(function, "__name__", ""))
        early = frozenset({inner})
        if self.namespace.get(inner) is function:
            self._waiting.append(Need(inner, need.line, need.user, self.namespace))
        elif inner in vars(builtins):
            early = frozenset()
        elif inner and (found := import_for(f"_{need.name}_function", function, self.history)):
            self.imports[found.name], inner = found, found.name
        else:
            raise _Refused("is a partial of something that is not in the notebook", "Write it with def.")
        try:
            given = [express(item) for item in value.args]
            named = {key: express(item) for key, item in value.keywords.items()}
        except NotSource:
            raise _Refused(
                "is a partial whose arguments are not all literals", "Write it with def."
            ) from None
        self.modules |= {"functools"}.union(*(part.modules for part in (*given, *named.values())))
        parts = [
            inner,
            *(part.text for part in given),
            *(f"{key}={part.text}" for key, part in named.items()),
        ]
        self._add(Piece(need.name, f"{need.name} = functools.partial({', '.join(parts)})\n", early=early))

    def _add_value(self, need: Need, value: object) -> None:
        name = need.name
        try:
            found = express_table(value) if name in self.carry and is_table(value) else express(value)
        except NotSource:
            raise _live(name, value) from None
        if len(found.text) > CARRY_LIMIT or (name in self.carry and len(found.text) > CARRY_LIMIT):
            raise _too_long(found, f"Ship it as a file with --asset {name}=PATH.")
        if len(found.text) > INLINE_LIMIT and name not in self.carry:
            raise _too_long(found, f"Bring it along all the same with --carry {name}, or load it in init().")
        self.modules |= found.modules
        self._add(Piece(name, f"{name} = {found.text}\n"))


def _too_long(found: Expression, hint: str) -> _Refused:
    return _Refused(f"is {len(found.text):,} characters long when written out", hint)


def _live(name: str, value: object) -> _Refused:
    ways = (
        f"Load it in init(), register it with %register {name} --name NAME, "
        f"or ship a file with --asset {name}=PATH."
    )
    if is_table(value):
        ways = f"Bring its values along with --carry {name}. Or l{ways[1:]}"
    if isinstance(value, MethodType | BuiltinMethodType) and not isinstance(value.__self__, ModuleType):
        kind = f"a method of a live {describe_type(type(value.__self__))}"
    else:
        kind = f"a live {describe_type(type(value))}"
    return _Refused(f"is {kind}, which a script cannot carry as source", ways)


def _is_notebooks(function: FunctionType, namespace: Mapping[str, object]) -> bool:
    return is_main(function, namespace.get("__name__")) or function.__globals__ is namespace


def _is_shells_own(name: str, value: object) -> bool:
    """Whether IPython, not the user, put ``name`` there."""
    if _SHELL.fullmatch(name):
        return True
    home = getattr(value, "__module__", None) or type(value).__module__
    ours = name in ("open", "exit", "quit", "display", "get_ipython")
    return ours and str(home).startswith(("IPython", "ipykernel", "_sitebuiltins", "builtins", "io", "_io"))
