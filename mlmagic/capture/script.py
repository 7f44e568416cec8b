"""A captured script: what the cell needs from the notebook, followed by the unchanged cell."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlmagic.capture.assets import Shipped, read_assets
from mlmagic.capture.entry import ENTRY, compile_quietly, read_cell
from mlmagic.capture.history import History
from mlmagic.capture.modules import imported_modules, local_files
from mlmagic.capture.names import Names, parse
from mlmagic.capture.pieces import Piece, in_order
from mlmagic.capture.registries import with_restored
from mlmagic.capture.requirements import pinned_requirements
from mlmagic.capture.resolution import Resolution
from mlmagic.core.paths import join
from mlmagic.errors import CaptureError, NotFound

FILE_NAME = "score.py"
FIRST_LINE = 2
"""The number of a captured cell's first line: line 1 is the magic's own."""
_SCRIPT_LINE = re.compile(r'File "score\.py", line (?P<line>\d+)')


@dataclass(frozen=True, slots=True)
class CapturedScript:
    """A captured cell: the script, the files beside it, and the packages it requires."""

    name: str
    source: str
    """The whole of score.py: imports, values and definitions of the notebook, then the cell."""
    cell: str
    """The cell as the user wrote it."""
    cell_line: int
    """Line of ``source`` where the cell's first line is, from 1."""
    assets: Mapping[str, str]
    """Path in the service -> absolute path here."""
    requirements: tuple[str, ...]
    """Pinned, as pip writes them."""
    carried: tuple[str, ...]
    """Names brought in from the notebook, in the order they were met."""
    cell_number: int | None = None
    """Number of the cell in the notebook, as in ``In[7]``; None outside of one."""

    @property
    def file_name(self) -> str:
        """File name of the entry script."""
        return FILE_NAME

    def with_cell_lines(self, traceback: str) -> str:
        """A traceback of the script with the cell's own line beside each line of score.py that is its."""

        def place(found: re.Match[str]) -> str:
            line = int(found["line"]) - self.cell_line + FIRST_LINE
            return f"{found[0]} (In[{self.cell_number}], line {line})" if line >= FIRST_LINE else found[0]

        return _SCRIPT_LINE.sub(place, traceback) if self.cell_number is not None else traceback

    def save(self, folder: str | Path) -> str:
        """Write the script and its files into ``folder``, as a source directory; returns the folder.

        What lies there under these names is replaced.
        """
        place = Path(folder).expanduser()
        place.mkdir(parents=True, exist_ok=True)
        (place / self.file_name).write_text(self.source, encoding="utf-8")
        for name, path in self.assets.items():
            target = join(place, name, "asset")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        return str(place)


def capture(
    name: str,
    cell: str,
    namespace: Mapping[str, object],
    *,
    assets: Mapping[str, str] | None = None,
    carry: Iterable[str] = (),
    history: Iterable[str] = (),
    first_line: int = 1,
    cell_number: int | None = None,
    magic: str = "score_script",
    required: Sequence[str] = ENTRY,
) -> CapturedScript:
    """Make a script of a cell that defines ``init()`` and ``run(data)``, or what else is ``required``.

    ``namespace`` is the notebook's; ``history`` the sources of its executed cells, oldest first, which
    tell how a name was imported. ``assets`` are names that become paths of shipped files; ``carry``
    are names whose values are written out although they are long, or arrays and tables.
    ``first_line`` is the number that messages give to the cell's first line; ``cell_number`` that of the
    cell in the notebook, and ``magic`` the name of the cell magic.

    Raises `CaptureError` with everything in the cell that cannot be captured, one line each, and
    `NotFound` for an asset or a carried name that is not there. Nothing of the cell is executed.
    """
    title = f"{magic} {name}"
    names = read_cell(cell, first_line=first_line, required=required)
    shipped = read_assets(assets or {})
    carried = frozenset(carry)
    _check_carried(carried, namespace)
    exported, all_known = _star_names(names.stars)
    resolution = Resolution(
        namespace,
        History(history),
        defined=names.defined | exported,
        paths={asset.name: asset.expression for asset in shipped},
        carry=carried,
        lenient=not all_known,
    )
    resolution.resolve(names, line_offset=first_line - 1)
    if not resolution.collected.problems:
        resolution.restore_imported(cell, lambda: _all_modules(_source(title, cell, names, resolution)[1])[0])
    if resolution.collected.problems:
        raise _together(resolution.collected.problems)
    return replace(_assemble(name, title, cell, names, resolution, shipped), cell_number=cell_number)


def _check_carried(carry: Iterable[str], namespace: Mapping[str, object]) -> None:
    for name in sorted(carry):
        if name not in namespace:
            raise NotFound("variable", name, [known for known in namespace if not known.startswith("_")])


def _star_names(modules: Iterable[str]) -> tuple[frozenset[str], bool]:
    """The names that ``from module import *`` brings in, and whether that is all known."""
    names: set[str] = set()
    all_known = True
    for path in modules:
        try:
            module = importlib.import_module(path)
        except Exception:  # whatever the user's module does when it is imported
            all_known = False
            continue
        public = [known for known in vars(module) if not known.startswith("_")]
        names |= set(getattr(module, "__all__", public))
    return frozenset(names), all_known


def _together(problems: list[CaptureError]) -> CaptureError:
    first = problems[0]
    if len(problems) == 1:
        return first
    lines = "\n".join(f"  {problem}" for problem in problems)
    return CaptureError(
        f"{len(problems)} names cannot be captured:\n{lines}", name=first.name, line=first.line
    )


def _assemble(
    name: str, title: str, cell: str, names: Names, resolution: Resolution, shipped: tuple[Shipped, ...]
) -> CapturedScript:
    prologue, source = _source(title, cell, names, resolution)
    beside = {place: path for asset in shipped for place, path in asset.files}
    modules, local = _all_modules(source)
    return CapturedScript(
        name=name,
        source=source,
        cell=cell,
        cell_line=prologue.count("\n") + 1,
        assets=local | beside,
        requirements=pinned_requirements(modules),
        carried=tuple(dict.fromkeys(resolution.collected.carried)),
    )


def _source(title: str, cell: str, names: Names, resolution: Resolution) -> tuple[str, str]:
    """What comes before the cell, and the whole script."""
    futures, body = _lift_futures(cell)
    if resolution.collected.postponed and not names.postponed:
        futures.add("annotations")
    prologue = "".join(_prologue(title, futures, resolution))
    source = f"{prologue}{body}" if body.endswith("\n") else f"{prologue}{body}\n"
    try:
        compile_quietly(source)
    except SyntaxError as error:
        raise CaptureError(
            f"the captured script does not compile: {error.msg}: {(error.text or '').strip()[:200]}"
        ) from None
    return prologue, source


def _all_modules(source: str) -> tuple[set[str], dict[str, str]]:
    """The modules that a script and the local modules it ships import, and the files of those."""
    modules = imported_modules(source)
    local = local_files(modules)
    for path in local.values():
        modules |= _modules_of_file(path)
    return modules, local


def _modules_of_file(path: str) -> set[str]:
    if not path.endswith(".py"):
        return set()
    try:
        with open(path, encoding="utf-8") as file:
            return imported_modules(file.read())
    except (OSError, SyntaxError, ValueError):
        return set()


def _prologue(title: str, futures: set[str], resolution: Resolution) -> Iterator[str]:
    yield f"# Captured by mlmagic from the cell of %%{title}.\n"
    if futures:
        yield f"from __future__ import {', '.join(sorted(futures))}\n\n"
    yield from (f"{line}\n" for line in _import_lines(resolution))
    last: Piece | None = None
    pieces, restored = with_restored(resolution.collected.pieces, resolution.namespace)
    for piece in in_order(pieces):
        yield "\n\n" if piece.is_block or (last and last.is_block) else "" if last else "\n"
        yield piece.source
        last = piece
    if restored:
        yield "\n\n# As in the notebook, after all definitions.\n"
        yield from restored
    yield "\n\n"


def _import_lines(resolution: Resolution) -> list[str]:
    """Sorted: the standard library first, then the others."""
    lines = {found.line: found.module for found in resolution.collected.imports.values()}
    deeper = {module.rpartition(".")[0] for module in resolution.collected.modules}
    for module in resolution.collected.modules - _parents(deeper):
        lines[f"import {module}"] = module
    for module in _parents(deeper):
        lines.pop(f"import {module}", None)
    return sorted(
        lines,
        key=lambda line: (
            lines[line].partition(".")[0] not in sys.stdlib_module_names,
            line.startswith("from "),
            line.casefold(),
        ),
    )


def _parents(modules: set[str]) -> set[str]:
    """The modules and all packages around them: `import a.b` imports and binds `a` too."""
    found: set[str] = set()
    for module in modules:
        while module:
            found.add(module)
            module = module.rpartition(".")[0]
    return found


def _lift_futures(cell: str) -> tuple[set[str], str]:
    """The cell's future imports, and the cell without them but with every line where it was."""
    nodes = [
        node for node in parse(cell).body if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    rows = cell.split("\n")
    for node in nodes:
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        head = rows[first].encode()[: node.col_offset].decode()
        tail = rows[last].encode()[node.end_col_offset :].decode()
        if not head.strip() and not tail.strip().lstrip("#"):
            rows[first : last + 1] = [f"# {row}" for row in rows[first : last + 1]]
        else:
            # Other statements share its lines: a continued `pass` keeps them where they are.
            rows[first : last + 1] = (
                [f"{head}pass \\", *["\\"] * (last - first - 1), tail]
                if last > first
                else [f"{head}pass{tail}"]
            )
    return {alias.name for node in nodes for alias in node.names}, "\n".join(rows)
