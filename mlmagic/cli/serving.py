"""``mlmagic serve``: the scoring server, for models that may be compiled first."""

from __future__ import annotations

import os
from pathlib import Path

from mlmagic.scoring.__main__ import main, parser
from mlmagic.scoring.environment import COMPILED_MODELS, MODEL_DIR

COMPILE = "--compile"


def serve_arguments(arguments: list[str]) -> int:
    """Serve with the options of the scoring server, and ``--compile``; the exit code."""
    options = parser()
    options.add_argument(
        COMPILE,
        action="store_true",
        help="compile the scikit-learn, XGBoost and LightGBM models in --model-dir to ONNX, and serve those "
        "that are proven equal",
    )
    given, _ = options.parse_known_args(arguments)  # and show the help
    if given.compile:
        os.environ[COMPILED_MODELS] = str(_compiled(given.model_dir or os.environ.get(MODEL_DIR)))
    return main([each for each in arguments if each != COMPILE])


def _compiled(models: str | None) -> Path:
    from mlmagic.cli.output import say
    from mlmagic.engine.models.compiled_folder import compiled_folder
    from mlmagic.errors import UsageError

    if not models:
        raise UsageError("--compile needs the folder of the models", hint="Name it with: --model-dir DIR")
    return compiled_folder(Path(models), say)
