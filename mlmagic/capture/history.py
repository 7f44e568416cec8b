"""The notebook's executed cells, searched from the newest for what bound a name."""

from __future__ import annotations

import ast
import linecache
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from mlmagic.capture.names import parse
from mlmagic.capture.timeline import Timeline

_NOT_PYTHON = re.compile(r"^(\s*)(?:[%!?].*|[\w.]+\?{1,2}\s*)$", re.MULTILINE)
_ABSENT = object()
_RUNS_HERE = ("%%time", "%%capture", "%%prun")
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@dataclass(frozen=True, slots=True)
class Import:
    """One import of one name: ``import module`` or ``from module import attribute``, ``as name``."""

    module: str
    attribute: str | None
    name: str

    @property
    def line(self) -> str:
        """The statement; several names of one statement are split, so that only one is brought in."""
        if self.attribute is None:
            top = self.module.partition(".")[0]
            return f"import {self.module}" + ("" if self.name == top else f" as {self.name}")
        renamed = "" if self.attribute == self.name else f" as {self.name}"
        return f"from {self.module} import {self.attribute}{renamed}"

    @property
    def of_bound_name(self) -> Import:
        """The import of exactly what the name means: ``import xml.etree`` binds ``xml``."""
        top = self.module.partition(".")[0]
        return Import(top, None, top) if self.attribute is None and self.name == top else self

    def brings(self, value: object) -> bool:
        """Whether running the import again would bind the name to ``value`` itself."""
        if self.attribute is None and self.name == self.module.partition(".")[0]:
            return sys.modules.get(self.name) is value and self.module in sys.modules
        module = sys.modules.get(self.module)
        if self.attribute is None or module is None:
            return module is not None and module is value
        submodule = sys.modules.get(f"{self.module}.{self.attribute}", _ABSENT)
        return getattr(module, self.attribute, submodule) is value


@dataclass(frozen=True)
class Cell:
    """One executed cell that is Python, magics aside."""

    text: str
    tree: ast.Module

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        return tuple(_imports(self.tree))

    @property
    def definitions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield node


class History:
    """What ran in this notebook: the cells given, and those the interpreter itself remembers."""

    def __init__(self, cells: Iterable[str] = ()) -> None:
        self._given = tuple(cells)

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Newest first."""
        texts = dict.fromkeys((*reversed(self._given), *reversed(tuple(_remembered()))))
        return tuple(cell for text in texts if (cell := read_cell_text(text)) is not None)

    @cached_property
    def timeline(self) -> Timeline:
        """The executions in their order; a cell that ran twice is there twice."""
        texts = self._given or tuple(_remembered())
        ran = (text for text in texts if _runs_here(text))
        return Timeline(cell.tree for text in ran if (cell := read_cell_text(text)) is not None)

    def import_of(self, name: str, value: object) -> Import | None:
        """The newest import that bound ``name`` to ``value``."""
        for cell in self.cells:
            for found in reversed(cell.imports):
                if found.name == name and found.brings(value):
                    return found
        return None

    def last_import(self, name: str) -> Import | None:
        """The newest import that bound ``name`` to anything."""
        for cell in self.cells:
            for found in reversed(cell.imports):
                if found.name == name:
                    return found.of_bound_name
        return None

    def definitions(
        self, name: str
    ) -> Iterator[tuple[Cell, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
        """Each ``def`` or ``class`` of that name, newest first."""
        for cell in self.cells:
            for node in reversed(tuple(cell.definitions)):
                if node.name == name:
                    yield cell, node


@lru_cache(maxsize=1024)
def read_cell_text(text: str) -> Cell | None:
    """The cell with its magics blanked out, or None when what is left is not Python."""
    try:
        return Cell(text, parse(text))
    except (SyntaxError, ValueError, RecursionError):
        pass
    if text.lstrip().startswith("%%"):
        text = "\n" + text.lstrip().partition("\n")[2]
    text = _NOT_PYTHON.sub(r"\1pass", text)
    try:
        return Cell(text, parse(text))
    except (SyntaxError, ValueError, RecursionError):
        return None


def _runs_here(text: str) -> bool:
    """Whether a cell's statements ran in the notebook: other cell magics do something else with them."""
    magic = text.lstrip().split(maxsplit=1)[:1]
    return not (magic and magic[0].startswith("%%")) or magic[0] in _RUNS_HERE


def _remembered() -> Iterator[str]:
    # IPython keeps the text of each cell in linecache for tracebacks, with no time of modification.
    # Other libraries leave generated code there as well, under names like <attrs generated init>.
    for name, entry in tuple(linecache.cache.items()):
        is_cell = not name.startswith("<") or name.startswith("<ipython")
        if is_cell and len(entry) == 4 and entry[1] is None:
            yield "".join(entry[2])


def _imports(node: ast.AST) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, None, alias.asname or alias.name.partition(".")[0])
        elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
            for alias in child.names:
                if alias.name != "*":
                    yield Import(child.module, alias.name, alias.asname or alias.name)
        elif not isinstance(child, _NESTED):
            yield from _imports(child)
