"""ONNX: any graph, by onnxruntime. Needs neither scikit-learn nor pandas.

MLMAGIC_ONNX_PROVIDERS   execution providers in order of preference, such as "CUDA,CPU"
MLMAGIC_ONNX_THREADS     threads of one call (default 1; 0 leaves it to onnxruntime)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import onnxruntime

from mlmagic.scoring.frameworks.serving import entry, one_file, setting
from mlmagic.scoring.frameworks.tensors import FREE, Tensor, TensorModel, answer_of
from mlmagic.scoring.http.request import BadInput

PROVIDERS = "MLMAGIC_ONNX_PROVIDERS"
THREADS = "MLMAGIC_ONNX_THREADS"
CPU = "CPUExecutionProvider"
# Only on request: one sends data elsewhere, one builds an engine for minutes.
_ON_REQUEST = ("AzureExecutionProvider", "TensorrtExecutionProvider")
_DTYPES: dict[str, Any] = {
    "float": numpy.float32,
    "double": numpy.float64,
    "float16": numpy.float16,
    "bool": numpy.bool_,
    "string": numpy.str_,
    **{
        f"{sign}int{bits}": getattr(numpy, f"{sign}int{bits}")
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
}


class OnnxModel(TensorModel):
    """A session of onnxruntime."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        # One thread: calls are answered in turn and most are small; a pool of threads that spin for more
        # work takes the cores of the services beside it.
        options.intra_op_num_threads = threads(setting(THREADS, "1"))
        chosen = providers(setting(PROVIDERS), onnxruntime.get_available_providers())
        self._session = onnxruntime.InferenceSession(str(path), options, providers=chosen)
        self._names = [each.name for each in self._session.get_outputs()]
        super().__init__(
            [_input(each) for each in self._session.get_inputs()],
            [_output(each) for each in self._session.get_outputs()],
        )

    def call(self, feed: dict[str, Any]) -> Any:
        try:
            found = self._session.run(None, feed)
        except _REFUSALS as error:
            raise BadInput(f"The model does not take this: {error}") from error
        return answer_of(self._names, found)


def providers(wanted: str, there: Sequence[str]) -> list[str]:
    """The execution providers of ``wanted`` ("CUDA,CPU", in any case), or by default those there are.

    The CPU is always last, for what the others cannot do. Raises ValueError for one that is not there.
    """
    known = {name.removesuffix("ExecutionProvider").lower(): name for name in there}
    chosen = [name for name in there if name not in _ON_REQUEST and name != CPU]
    if wanted:
        chosen = []
        for word in (word.strip() for word in wanted.split(",")):
            name = known.get(word.lower().removesuffix("executionprovider"))
            if name is None:
                raise ValueError(
                    f"{PROVIDERS} {word!r} is no execution provider of this onnxruntime. "
                    f"It has: {', '.join(there)}."
                )
            chosen.append(name)
    return [*(name for name in chosen if name != CPU), CPU]


def threads(wanted: str) -> int:
    """The number in ``wanted``. Raises ValueError."""
    if not (wanted.isascii() and wanted.isdigit()):
        raise ValueError(f"{THREADS} {wanted!r} must be a whole number, 0 for onnxruntime's own choice")
    return int(wanted)


def _input(described: Any) -> Tensor:
    kind = described.type
    dtype = _DTYPES.get(kind.removeprefix("tensor(").removesuffix(")"))
    if not kind.startswith("tensor(") or dtype is None:
        raise ValueError(f"input {described.name!r} of the graph is a {kind}, which no JSON becomes")
    return Tensor(described.name, dtype, _dims(described.shape))


def _output(described: Any) -> Tensor:
    """Sequences and maps (what ZipMap makes of classes) are lists and objects, of no fixed shape."""
    dtype = _DTYPES.get(described.type.removeprefix("tensor(").removesuffix(")"))
    is_tensor = described.type.startswith("tensor(")
    return Tensor(described.name, dtype, _dims(described.shape) if is_tensor else None)


def _dims(shape: Sequence[Any] | None) -> tuple[int | str, ...] | None:
    # What is not fixed is a name, None, or (in old files) a negative number.
    if shape is None:
        return None
    return tuple(each if isinstance(each, int) and each >= 0 else str(each or FREE) for each in shape)


def _refusals() -> tuple[type[Exception], ...]:
    state = getattr(onnxruntime.capi, "onnxruntime_pybind11_state", None)
    found = getattr(state, "InvalidArgument", None)
    return (found,) if found else ()


_REFUSALS = _refusals()


def load(folder: Path) -> OnnxModel:
    """The graph in ``folder``."""
    return OnnxModel(one_file(folder, [".onnx"]))


init, run = entry(load)
