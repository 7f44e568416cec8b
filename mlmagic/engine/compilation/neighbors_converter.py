"""Refuses neighbours: a proof on examples would not find rows whose neighbours are at the same distance."""

from __future__ import annotations

from typing import Any, NoReturn

from mlmagic.engine.compilation.tree_sources import Unsupported

NAMES = (
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
)
_OPTIONS = {name: [True, False] for name in ("zipmap", "nocl", "raw_scores", "output_class_labels")}


def register() -> None:
    """Tell skl2onnx to refuse these, also inside of others, in this process."""
    from skl2onnx import update_registered_converter
    from sklearn import impute, neighbors

    for found in [*(getattr(neighbors, name) for name in NAMES), impute.KNNImputer]:
        update_registered_converter(
            found, f"Refused{found.__name__}", _shapes, _convert, overwrite=True, options=_OPTIONS
        )


def _shapes(operator: Any) -> NoReturn:
    raise Unsupported("Of neighbours at the same distance, onnxruntime may choose others.")


def _convert(scope: Any, operator: Any, container: Any) -> NoReturn:
    _shapes(operator)
