"""`compile_file`: compiles a model file in a process of its own, which may crash."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mlmagic.core.compilation import Compilation

LIMIT_S = 900.0
_MODULE = "mlmagic.engine.compilation"


def compile_file(source: Path, sample: Any, into: Path) -> Compilation:
    """Compile the model file ``source`` to ONNX; nothing is written if the result is that it is not compiled.

    ``sample`` is a sample input of the model, or None. The files are written to the folder ``into``.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".compiling-", dir=into.parent) as temporary:
        parts, result = Path(temporary) / "parts", Path(temporary) / "result.json"
        parts.mkdir()
        failure = _run([str(source.resolve()), str(parts), str(result)], pickle.dumps(sample))
        if not result.is_file():
            return Compilation.refused(failure or "The conversion ended without a result.")
        found = Compilation.from_json(result.read_text(encoding="utf-8"))
        if found.is_compiled:
            shutil.rmtree(into, ignore_errors=True)
            os.replace(parts, into)
        return found


def _run(arguments: list[str], sample: bytes) -> str:
    """Run the compiler; why it failed, empty if it did not."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", _MODULE, *arguments],
            input=sample,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # A pickle may need modules that this process finds in its own folders.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return f"The conversion took longer than {LIMIT_S:.0f} s."
    if not done.returncode:
        return ""
    if done.returncode < 0:
        return f"The conversion was ended by {signal.Signals(-done.returncode).name}."
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return f"The conversion failed: {lines[-1] if lines else f'exit code {done.returncode}'}"
