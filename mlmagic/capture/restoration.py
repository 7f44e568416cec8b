"""Gives the modules that a script imports what cells of the notebook have set there."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping

from mlmagic.capture.changes import ABSENT, changes_in, path_in
from mlmagic.capture.collected import Collected, Need
from mlmagic.capture.history import History, Import
from mlmagic.capture.imported_state import Place, places
from mlmagic.capture.imports import import_for
from mlmagic.capture.library_settings import Rewriter, Setting, setters_in, settings_in
from mlmagic.capture.modules import is_local
from mlmagic.capture.pieces import Piece
from mlmagic.capture.value_writer import ValueWriter
from mlmagic.capture.values import CARRY_LIMIT, NotSource
from mlmagic.errors import CaptureError


class Restoration:
    """Adds statements to what is ``collected`` for a script; what cannot be restored is a problem of it.

    ``defined`` are names that the script's own cell defines.
    """

    def __init__(
        self,
        namespace: Mapping[str, object],
        history: History,
        defined: frozenset[str],
        collected: Collected,
        writer: ValueWriter,
    ) -> None:
        self._namespace, self._history, self._defined = namespace, history, defined
        self._collected, self._writer = collected, writer
        self._roots: dict[str, str] = {}
        """Name -> the dotted path of what it was imported as; or ``""``."""

    def add(self, script: ast.Module, modules: Callable[[], set[str]]) -> None:
        """Restore what was set in the ``modules`` that the script imports, but not what it sets itself."""
        timeline = self._history.timeline
        found = places(timeline.changes, self._namespace, self._import_of)
        settings = list(settings_in(timeline.cells, self._path_of))
        if not found and not settings:
            return
        tops = {module.partition(".")[0] for module in modules()}
        own = places(changes_in([script]), self._namespace, self._import_of)
        for name, place in found.items():
            if place.module.partition(".")[0] in tops and name not in own:
                self._restore(name, place)
        left = setters_in(script, self._path_of) if settings else ()
        wanted = [each for each in settings if each.library in tops and each.setter not in left]
        for number, setting in enumerate(wanted):
            self._make_again(setting, f"{setting.setter} {number}")

    def _import_of(self, name: str, value: object) -> Import | None:
        """The import of what ``name`` means, or meant before a cell gave the name to something else."""
        return import_for(name, value, self._history) or self._history.last_import(name)

    def _restore(self, name: str, place: Place) -> None:
        early: set[str] = set()
        try:
            if not place.is_writable:
                raise NotSource
            text = self._writer.express(place.live, self._need(name), early)
            if len(text) > CARRY_LIMIT:
                raise NotSource
        except NotSource:
            if place.change.in_place and not is_local(place.module.partition(".")[0]):
                return  # a table of an installed library's own, such as its registered plugins
            self._refuse(
                name, f"{name} was changed by a cell, and its value cannot be written as source code"
            )
            return
        bound = self._module_name(place.module)
        self._collected.add(Piece(name, place.statement(bound, text), early=frozenset(early)))

    def _make_again(self, setting: Setting, name: str) -> None:
        early: set[str] = set()

        def value(variable: str) -> str:
            moment = (setting.cell, setting.statement.lineno)
            if variable not in self._namespace or self._history.timeline.binds_after(variable, moment):
                raise NotSource
            return self._writer.express(self._namespace[variable], self._need(variable), early)

        try:
            if not setting.is_whole:
                raise NotSource
            text = Rewriter(self._path_of, self._reach, value).text(setting.statement)
        except NotSource:
            what = f"a cell sets {setting.setter} in a way that the script cannot repeat"
            self._refuse(setting.setter, what)
            return
        self._collected.pieces[name] = Piece(name, text, early=frozenset(early))
        if setting.setter not in self._collected.carried:
            self._collected.carried.append(setting.setter)

    def _refuse(self, name: str, message: str) -> None:
        hint = "Set it in the cell of the script too, for example in init()."
        self._collected.problems.append(CaptureError(message, name=name, hint=hint))

    def _need(self, name: str) -> Need:
        return Need(name, 0, "", self._namespace)

    def _path_of(self, node: ast.expr) -> str:
        """The dotted path of the imported object that an expression names; or ``""``."""
        if not (path := path_in(node)):
            return ""
        start, *attributes = path
        if start not in self._roots:
            found = self._import_of(start, self._namespace.get(start, ABSENT))
            self._roots[start] = ".".join(filter(None, (found.module, found.attribute))) if found else ""
        return ".".join((self._roots[start], *attributes)) if self._roots[start] else ""

    def _reach(self, path: str) -> str:
        """The source by which the script reaches a dotted path; its module is imported for it."""
        module = path
        while module not in sys.modules:
            module = module.rpartition(".")[0]
        return self._module_name(module) + path.removeprefix(module)

    def _module_name(self, module: str) -> str:
        """The name by which a piece reaches ``module``, which is imported for it."""
        top = module.partition(".")[0]
        taken = top in self._defined or self._namespace.get(top, sys.modules[top]) is not sys.modules[top]
        if not taken:
            self._collected.modules.add(module)
            return module
        alias = f"_{module.replace('.', '_')}"
        self._collected.imports[alias] = Import(module, None, alias)
        return alias
