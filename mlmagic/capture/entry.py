"""The checks of an entry script: it compiles, and defines `init` and `run`, or a class with both."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence

from mlmagic.capture.names import Names, parse, read_names
from mlmagic.errors import CaptureError, nearest

_MAGIC = re.compile(r"^\s*(?P<magic>%{1,2}[a-zA-Z]|!)|=\s*(?P<assigned>[!%][a-zA-Z])")
_HELP = re.compile(r"^\s*\?{1,2}\s*[\w.]+\s*$|^\s*[\w.]+\?{1,2}\s*$")


ENTRY = ("init", "run")
"""The functions that a service's script must define; a batch job's script needs no init()."""


def validate(source: str, file_name: str, required: Sequence[str] = ENTRY) -> None:
    """Check a script that is given as a file; raises `CaptureError` in one line with file and line."""
    _check(source, file_name, first_line=1, required=required)


def read_cell(cell: str, *, first_line: int = 1, required: Sequence[str] = ENTRY) -> Names:
    """The names of an entry script's cell; raises `CaptureError` if the cell is no entry script."""
    return _check(cell, "the cell", first_line=first_line, required=required)


def compile_quietly(source: str, file_name: str = "score.py") -> None:
    """Raise `SyntaxError` if ``source`` does not compile as a module of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # dont_inherit: the future imports of this very module must not leak into the user's.
        compile(source, file_name, "exec", dont_inherit=True)


def _check(source: str, where: str, *, first_line: int, required: Sequence[str] = ENTRY) -> Names:
    try:
        compile_quietly(source, where)
        names = read_names(source)
    except SyntaxError as error:
        raise _syntax_problem(source, error, where, first_line) from None
    except ValueError as error:  # a null byte, of which newer versions of Python raise SyntaxError
        line = first_line + source[: max(0, source.find("\0"))].count("\n")
        raise CaptureError(f"line {line} of {where} is not valid Python: {error}", line=line) from None
    except RecursionError:
        raise CaptureError(f"{where} is nested too deeply to be compiled") from None
    _check_functions(parse(source), names, where, first_line, required)
    return names


def _syntax_problem(source: str, error: SyntaxError, where: str, first_line: int) -> CaptureError:
    line = error.lineno or 1
    rows = source.splitlines()
    text = rows[line - 1].strip() if line <= len(rows) else ""
    shown = line + first_line - 1
    if found := _MAGIC.search(text):
        what = "a shell escape" if "!" in (found["magic"] or found["assigned"]) else "a magic"
        return CaptureError(
            f"line {shown} of {where} is {what}, which works only in a notebook: {text}",
            line=shown,
            hint="Move it to a cell of its own.",
        )
    if _HELP.match(text):
        return CaptureError(
            f"line {shown} of {where} is a help request, which works only in a notebook: {text}", line=shown
        )
    return CaptureError(f"line {shown} of {where} is not valid Python: {error.msg}: {text}", line=shown)


def _check_functions(
    tree: ast.Module, names: Names, where: str, first_line: int, required: Sequence[str]
) -> None:
    if not names.stars:  # what a star import brings in is known only when it runs
        _check_defined(tree, names, where, required)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "run":
            arguments = node.args
            if not (arguments.posonlyargs or arguments.args or arguments.vararg or _keywords(arguments)):
                line = node.lineno + first_line - 1
                raise CaptureError(
                    f"run() (line {line}) takes no arguments",
                    name="run",
                    line=line,
                    hint="Define run(data): data is the body of the request.",
                )


def _keywords(arguments: ast.arguments) -> bool:
    return bool(arguments.kwonlyargs or arguments.kwarg)


def _check_defined(tree: ast.Module, names: Names, where: str, required: Sequence[str]) -> None:
    functions = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name not in ENTRY
    ]
    missing = [name for name in required if name not in names.defined]
    if not missing or (len(missing) == 2 and any(_is_entry_class(node) for node in tree.body)):
        return
    parts = []
    for name in missing:
        near = nearest(name, functions)
        parts.append(f"{name}()" + (f" (did you mean {near!r}?)" if near else ""))
    raise CaptureError(
        f"{where} does not define {' and '.join(parts)}",
        name=missing[0],
        hint="An entry script has init(), called once, and run(data), called for each request.",
    )


def _is_entry_class(node: ast.stmt) -> bool:
    """A class may be the entry script: the server makes one instance of it."""
    if not isinstance(node, ast.ClassDef):
        return False
    methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {"init", "run"} <= methods
