"""ONNX models, run with onnxruntime. scikit-learn and pandas are not needed.

MLMAGIC_ONNX_PROVIDERS   execution providers in order of preference, such as "CUDA,CPU"
MLMAGIC_ONNX_THREADS     threads of one call (default 1; 0: onnxruntime chooses)
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
# Used only if they are named: one sends data to Azure, the other first compiles for minutes.
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
        # One thread: most calls are small and run one after the other. A pool of threads that spin while
        # they wait for work would take the cores from other services.
        chosen = providers(setting(PROVIDERS), onnxruntime.get_available_providers())
        self._session = open_session(path, chosen, threads(setting(THREADS, "1")))
        self._names = [each.name for each in self._session.get_outputs()]
        super().__init__(
            [_input(each) for each in self._session.get_inputs()],
            [_output(each) for each in self._session.get_outputs()],
        )

    def call(self, feed: dict[str, Any]) -> Any:
        try:
            found = self._session.run(None, feed)
        except _REFUSALS as error:
            raise BadInput(f"The model rejects the input: {error}") from error
        return answer_of(self._names, found)


def open_session(path: Path, chosen: Sequence[str], threads: int) -> Any:
    """Return a session of onnxruntime with these execution providers and threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=list(chosen))


def providers(wanted: str, there: Sequence[str]) -> list[str]:
    """Return the execution providers that ``wanted`` names ("CUDA,CPU", in any case); default: all there are.

    ``there`` are the available ones. The CPU is always last, for operators that the others lack. Raises
    ValueError for a name that is not available.
    """
    known = {name.removesuffix("ExecutionProvider").lower(): name for name in there}
    chosen = [name for name in there if name not in _ON_REQUEST and name != CPU]
    if wanted:
        chosen = []
        for word in (word.strip() for word in wanted.split(",")):
            name = known.get(word.lower().removesuffix("executionprovider"))
            if name is None:
                raise ValueError(
                    f"{PROVIDERS} names {word!r}, which the installed onnxruntime does not have. "
                    f"It has {', '.join(there)}."
                )
            chosen.append(name)
    return [*(name for name in chosen if name != CPU), CPU]


def threads(wanted: str) -> int:
    """Parse the number of threads. Raises ValueError."""
    if not (wanted.isascii() and wanted.isdigit()):
        raise ValueError(f"{THREADS} is {wanted!r}: it must be a whole number; with 0 onnxruntime chooses")
    return int(wanted)


def _input(described: Any) -> Tensor:
    kind = described.type
    dtype = _DTYPES.get(kind.removeprefix("tensor(").removesuffix(")"))
    if not kind.startswith("tensor(") or dtype is None:
        raise ValueError(f"the input {described.name!r} of the model is a {kind}: JSON cannot express it")
    return Tensor(described.name, dtype, _dims(described.shape))


def _output(described: Any) -> Tensor:
    """Describe an output. Sequences and maps, such as the output of ZipMap, have no fixed shape."""
    dtype = _DTYPES.get(described.type.removeprefix("tensor(").removesuffix(")"))
    is_tensor = described.type.startswith("tensor(")
    return Tensor(described.name, dtype, _dims(described.shape) if is_tensor else None)


def _dims(shape: Sequence[Any] | None) -> tuple[int | str, ...] | None:
    # A dimension without a fixed size is a name, None or, in old files, a negative number.
    if shape is None:
        return None
    return tuple(each if isinstance(each, int) and each >= 0 else str(each or FREE) for each in shape)


def _refusals() -> tuple[type[Exception], ...]:
    state = getattr(onnxruntime.capi, "onnxruntime_pybind11_state", None)
    found = getattr(state, "InvalidArgument", None)
    return (found,) if found else ()


_REFUSALS = _refusals()


def load(folder: Path) -> OnnxModel:
    """Load the model in ``folder``."""
    return OnnxModel(one_file(folder, [".onnx"]))


init, run = entry(load)
