"""What cells have set in a library by calling it: ``np.seterr(all="raise")``, ``getcontext().prec = 6``.

Such a setting is kept inside the library, where nothing says that a cell has made it. So the calls are
known by name, and made again in the service.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mlmagic.capture.values import NotSource

_SETTERS = frozenset(
    (
        *("decimal.setcontext", "locale.setlocale", "socket.setdefaulttimeout"),
        *("sys.setrecursionlimit", "warnings.simplefilter", "warnings.filterwarnings"),
        *("numpy.seterr", "numpy.set_printoptions", "pandas.set_option", "pandas.reset_option"),
        *("sklearn.set_config", "xgboost.set_config", "joblib.parallel_config"),
        *("torch.set_default_dtype", "torch.set_default_device", "torch.set_num_threads"),
        *("torch.set_grad_enabled", "torch.set_float32_matmul_precision", "torch.set_printoptions"),
        *("torch.use_deterministic_algorithms", "torch.set_flush_denormal"),
        *("keras.config.set_floatx", "keras.config.set_epsilon", "keras.config.set_image_data_format"),
        *("keras.backend.set_floatx", "keras.backend.set_epsilon", "keras.backend.set_image_data_format"),
        *("keras.mixed_precision.set_global_policy", "keras.config.set_dtype_policy"),
        *("tensorflow.keras.backend.set_floatx", "tensorflow.keras.mixed_precision.set_global_policy"),
        *("tensorflow.config.set_soft_device_placement", "tensorflow.config.run_functions_eagerly"),
    )
)
"""Functions that set something for all later calls and do nothing else."""
_CONTEXTS = frozenset(("decimal.getcontext",))
"""Functions whose result keeps settings as attributes."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One statement that sets something in a library."""

    setter: str
    """The function, such as ``pandas.set_option``; for ``getcontext().prec``, with the attribute."""
    statement: ast.stmt
    """The statement of the cell at its top level, in which it stands."""
    cell: int
    is_whole: bool
    """Whether it is a statement of its own, and not a part of a loop or an assignment."""

    @property
    def library(self) -> str:
        return self.setter.partition(".")[0]


PathOf = Callable[[ast.expr], str]
"""The dotted path of what an expression imports, such as ``pandas.set_option``; or ``""``."""


def settings_in(cells: Iterable[ast.Module], path_of: PathOf) -> Iterator[Setting]:
    """The settings that the cells make outside of functions, in their order."""
    for number, tree in enumerate(cells):
        for statement in tree.body:
            whole = _setter(statement, path_of)
            if whole:
                yield Setting(whole, statement, number, is_whole=True)
            elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                parts = {_setter(inner, path_of) for inner in ast.walk(statement)} - {""}
                yield from (Setting(part, statement, number, is_whole=False) for part in sorted(parts))


def setters_in(tree: ast.AST, path_of: PathOf) -> set[str]:
    """The setters that a cell uses anywhere, also inside of its functions."""
    return {_setter(node, path_of) for node in ast.walk(tree)} - {""}


def _setter(node: ast.AST, path_of: PathOf) -> str:
    match node:
        case (
            ast.Expr(value=ast.Call() as call)
            | ast.Assign(targets=[ast.Name()], value=ast.Call() as call)  # old = np.seterr(all="raise")
            | (ast.Call() as call)
        ):
            path = path_of(call.func)
            return path if path in _SETTERS else ""
        case ast.Assign(targets=[ast.Attribute(value=ast.Call(func=function), attr=name)]):
            path = path_of(function)
            return f"{path}.{name}" if path in _CONTEXTS else ""
    return ""


class Rewriter(ast.NodeTransformer):
    """Writes a setting's statement so that it means the same in the script; raises `NotSource`.

    ``reach`` gives the source by which the script reaches a dotted path, ``value`` that of a variable.
    """

    def __init__(self, path_of: PathOf, reach: Callable[[str], str], value: Callable[[str], str]) -> None:
        self._path_of, self._reach, self._value = path_of, reach, value

    def text(self, statement: ast.stmt) -> str:
        """The source of the statement."""
        copied = ast.parse(ast.unparse(statement)).body[0]
        if isinstance(copied, ast.Assign) and isinstance(copied.targets[0], ast.Name):
            copied = ast.Expr(copied.value)
        return ast.unparse(ast.fix_missing_locations(self.visit(copied))) + "\n"

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return self._reached(node) or self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._reached(node) or ast.parse(self._value(node.id), mode="eval").body

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        raise NotSource

    def _reached(self, node: ast.expr) -> ast.AST | None:
        path = self._path_of(node)
        return ast.parse(self._reach(path), mode="eval").body if path else None
