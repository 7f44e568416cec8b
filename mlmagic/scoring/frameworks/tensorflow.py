"""TensorFlow: the signature ``serving_default`` of a SavedModel, or its only signature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow

from mlmagic.scoring.frameworks.serving import entry, folder_with
from mlmagic.scoring.frameworks.tensors import FREE, Tensor, TensorModel, answer_of
from mlmagic.scoring.http.request import BadInput

SIGNATURE = "serving_default"


class SavedModel(TensorModel):
    """A signature of a SavedModel."""

    def __init__(self, folder: Path) -> None:
        # Kept, because the signatures do not keep the variables alive.
        self._loaded = tensorflow.saved_model.load(str(folder))
        self._call = _signature(dict(self._loaded.signatures))
        outputs = self._call.structured_outputs
        super().__init__(
            [_tensor(name, spec) for name, spec in sorted(self._call.structured_input_signature[1].items())],
            [_tensor(name, spec) for name, spec in outputs.items()],
        )

    def call(self, feed: dict[str, Any]) -> Any:
        try:
            found = self._call(**{name: tensorflow.constant(array) for name, array in feed.items()})
        except tensorflow.errors.InvalidArgumentError as error:
            raise BadInput(f"The model rejects the input: {error.message}") from error
        return answer_of(list(found), [_plain(value.numpy()) for value in found.values()])


def _signature(there: dict[str, Any]) -> Any:
    if SIGNATURE in there:
        return there[SIGNATURE]
    if len(there) == 1:
        return next(iter(there.values()))
    known = ", ".join(there) or "none"
    raise ValueError(f"the SavedModel has no signature {SIGNATURE!r} (it has {known}): save it with one")


def _tensor(name: str, spec: Any) -> Tensor:
    dtype: Any = str if spec.dtype == tensorflow.string else spec.dtype.as_numpy_dtype
    if spec.shape.rank is None:
        return Tensor(name, dtype)
    return Tensor(name, dtype, tuple(FREE if size is None else size for size in spec.shape.as_list()))


def _plain(array: Any) -> Any:
    """Decode text, which TensorFlow returns as bytes."""
    if array.dtype.kind != "O":
        return array
    return [each.decode("utf-8", "replace") if isinstance(each, bytes) else _plain(each) for each in array]


def load(folder: Path) -> SavedModel:
    """Load the SavedModel in ``folder``."""
    return SavedModel(folder_with(folder, "saved_model.pb"))


init, run = entry(load)
