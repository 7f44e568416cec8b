"""Options that `%register` and ``mlmagic model register`` have alike."""

from __future__ import annotations

from mlmagic.core.option_rows import OptionRow

TABLE = (
    OptionRow(
        "compile",
        ("--compile",),
        "Compile a scikit-learn, XGBoost or LightGBM model to ONNX; its pickle is loaded for that. Services "
        "use the result if it is proven equal.",
    ),
)
