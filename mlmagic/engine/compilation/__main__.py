"""``python -m mlmagic.engine.compilation SOURCE FOLDER RESULT``: the sample is in standard input."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from pathlib import Path

from mlmagic.core.compilation import Compilation

_NEEDED = ("joblib", "numpy", "sklearn", "onnx", "onnxruntime", "skl2onnx")


def main() -> None:
    """Write what became of the model to the file RESULT."""
    source, folder, result = map(Path, sys.argv[1:])
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        found = Compilation.refused(
            f"Compiling needs {', '.join(missing)}, which is not installed: pip install 'mlmagic[compile]'"
        )
    else:
        from mlmagic.engine.compilation.compiler import compile_model

        found = compile_model(source, pickle.load(sys.stdin.buffer), folder)
    result.write_text(found.to_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
