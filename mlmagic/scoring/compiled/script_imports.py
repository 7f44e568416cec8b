"""Leaves out the imports of an entry script that it does not use and that take long.

A script whose model is compiled often still imports a class of scikit-learn that it never uses. Only a name
that occurs nowhere else in the script is left out, and only if the package is installed; from outside, the
name can still be had, and is imported then.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Callable, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

PACKAGES = ("sklearn", "xgboost", "lightgbm")
_INSPECTING = frozenset({"eval", "exec", "globals", "locals", "vars", "compile", "__import__"})
"""Functions by which a script may use a name that does not occur in it."""
_MOVED = "sklearn.externals"


class ScriptLoader(SourceFileLoader):
    """Loads a script without the imports that it does not use."""

    def get_code(self, fullname: str) -> CodeType:
        # Not from __pycache__, which has, and is for, the script as it is.
        data = self.get_data(self.path)
        tree = ast.parse(data, self.path)
        self._left_out = leave_out(tree, _is_installed)
        return self.source_to_code(tree, self.path)

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        if self._left_out and "__getattr__" not in vars(module):
            vars(module)["__getattr__"] = _importing(module, self._left_out)


def names_in(path: Path) -> frozenset[str]:
    """The names of attributes in a script, such as ``predict``; none if it cannot be parsed."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return frozenset()  # the error is raised when the script is imported
    return frozenset(node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute))


def leave_out(tree: ast.Module, is_installed: Callable[[str], bool]) -> Mapping[str, tuple[str, str]]:
    """Remove unused imports from ``tree``; returns the module and the attribute of each name that is gone."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if names & (_INSPECTING | {"__all__"}):
        return {}
    # A name may also be used in an annotation that is text, or be passed to getattr.
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    words = " ".join(text for text in texts if isinstance(text, str))
    remover = _Remover(lambda name: name in names or name in words, is_installed)
    remover.visit(tree)
    ast.fix_missing_locations(tree)
    return remover.left_out


class _Remover(ast.NodeTransformer):
    def __init__(self, is_used: Callable[[str], bool], is_installed: Callable[[str], bool]) -> None:
        self._is_used, self._is_installed = is_used, is_installed
        self.left_out: dict[str, tuple[str, str]] = {}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        module = node.module or ""
        if module == _MOVED and not node.level and [each.name for each in node.names] == ["joblib"]:
            # Where joblib was once; scikit-learn would be imported just to be told where it is now.
            return ast.copy_location(ast.Import(names=node.names), node)
        if node.level or not self._is_ours(module):
            return node
        kept = [each for each in node.names if not self._leave_out(each, module, each.name)]
        return self._with(node, ast.ImportFrom(module=node.module, names=kept, level=0), kept)

    def visit_Import(self, node: ast.Import) -> ast.stmt:
        kept = [
            each
            for each in node.names
            if not self._is_ours(each.name)
            or not self._leave_out(each, each.name if each.asname else each.name.partition(".")[0], "")
        ]
        return self._with(node, ast.Import(names=kept), kept)

    def _leave_out(self, alias: ast.alias, module: str, attribute: str) -> bool:
        name = alias.asname or alias.name.partition(".")[0]
        if name == "*" or self._is_used(name):
            return False
        self.left_out[name] = (module, attribute)
        return True

    def _is_ours(self, module: str) -> bool:
        package = module.partition(".")[0]
        return package in PACKAGES and self._is_installed(package)

    @staticmethod
    def _with(node: ast.Import | ast.ImportFrom, other: ast.stmt, kept: list[ast.alias]) -> ast.stmt:
        if len(kept) == len(node.names):
            return node
        return ast.copy_location(other if kept else ast.Pass(), node)


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _importing(module: ModuleType, left_out: Mapping[str, tuple[str, str]]) -> Callable[[str], Any]:
    def attribute(name: str) -> Any:
        if name not in left_out:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        source, inner = left_out[name]
        found = importlib.import_module(source)
        return getattr(found, inner) if inner else found

    return attribute
