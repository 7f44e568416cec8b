"""Packages that a script imports and that are not installed here."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec

from mlmagic.capture.names import parse

_PROVIDED = ("azureml", "azureml_inference_server_http", "azureml_user", "inference_schema", "mlmagic")
"""Packages that the scoring server stands in for."""

_DISTRIBUTIONS = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def distribution_of(module: str) -> str:
    """The name to install a package by, given the name to import it by."""
    return _DISTRIBUTIONS.get(module, module)


def is_importable(name: str) -> bool:
    """Whether the top-level module ``name`` is loaded or installed, or is provided by the scoring server."""
    if name in sys.modules or name in _PROVIDED:
        return True
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def missing_packages(source: str, is_there: Callable[[str], bool] = is_importable) -> dict[str, int]:
    """Top-level module that ``source`` imports anywhere and that is not there -> the line of the import.

    Imports under ``try`` with an ``except``, and those for type checkers only, may fail and are left out.
    """
    found: dict[str, int] = {}
    for name, line in _imports(parse(source)):
        if name not in found and not is_there(name):
            found[name] = line
    return found


def _imports(node: ast.AST) -> Iterator[tuple[str, int]]:
    for child in _required(node):
        if isinstance(child, ast.Import):
            yield from ((alias.name.partition(".")[0], child.lineno) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            if child.module and not child.level:
                yield child.module.partition(".")[0], child.lineno
        else:
            yield from _imports(child)


def _required(node: ast.AST) -> Iterator[ast.AST]:
    """The children of ``node`` that run, and whose failure is not caught."""
    if isinstance(node, ast.Try) and node.handlers:
        yield from (*node.orelse, *node.finalbody)
    elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        yield from node.orelse
    else:
        yield from ast.iter_child_nodes(node)
