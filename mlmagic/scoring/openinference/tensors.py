"""Tensors of the Open Inference Protocol: as JSON, or as raw bytes behind the JSON (its binary extension).

Source: the Open Inference Protocol's REST specification, version 2, and the binary tensor data extension.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmagic.scoring.http.request import BadInput
from mlmagic.scoring.inputs.body_size import check_shape, check_text_array

DTYPES = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
_NAMES = {np.dtype(code): name for name, code in DTYPES.items()}
BYTES = "BYTES"


@dataclass(frozen=True)
class Tensor:
    """A named array."""

    name: str
    array: Any

    @property
    def datatype(self) -> str:
        return _NAMES.get(self.array.dtype.newbyteorder("<"), BYTES)


def read_inputs(told: Any, binary: bytes) -> list[Tensor]:
    """The tensors of a request's ``inputs``; ``binary`` is what followed the JSON. Raises `BadInput`."""
    if not isinstance(told, list) or not told:
        raise BadInput("The request has no inputs: a list of tensors with name, shape, datatype and data.")
    tensors: dict[str, Tensor] = {}
    start = 0
    view = memoryview(binary)
    for entry in told:
        tensor, used = _read(entry, view[start:])
        start += used
        if tensor.name in tensors:
            raise BadInput(f"There are several inputs called {tensor.name!r}.")
        tensors[tensor.name] = tensor
    if start != len(binary):
        raise BadInput(f"{len(binary)} bytes of binary data came, and the inputs take {start}.")
    return list(tensors.values())


def _read(entry: Any, binary: memoryview) -> tuple[Tensor, int]:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise BadInput("Each input is an object with name, shape, datatype and data.")
    name, shape, datatype = entry["name"], entry.get("shape"), entry.get("datatype")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise BadInput(f"The shape of input {name!r} must be a list of whole numbers, not {shape!r}.")
    if datatype != BYTES and datatype not in DTYPES:
        known = ", ".join([*DTYPES, BYTES])
        raise BadInput(f"The datatype of input {name!r} is {datatype!r}: it must be one of {known}.")
    size = _parameters(entry).get("binary_data_size")
    if size is None:
        array = _from_json(name, entry.get("data"), datatype)
    else:
        if type(size) is not int or not 0 <= size <= len(binary):
            raise BadInput(
                f"The binary_data_size of input {name!r} is {size!r}; {len(binary)} bytes are left."
            )
        array = _from_bytes(name, binary[:size], datatype)
    check_shape(shape)
    wanted = math.prod(shape)  # numpy's own product overflows
    if array.size != wanted:
        raise BadInput(f"Input {name!r} has {array.size} values, and its shape {shape} has {wanted}.")
    try:
        return Tensor(name, array.reshape(shape)), size or 0
    except (ValueError, OverflowError) as error:
        raise BadInput(f"Input {name!r} cannot have the shape {shape}: {error}.") from None


def _from_json(name: str, data: Any, datatype: str) -> Any:
    if not isinstance(data, list):
        raise BadInput(f"Input {name!r} has no data: a list of values, or binary_data_size.")
    try:
        if datatype == BYTES:
            return np.array(data, dtype=object).reshape(-1)
        check_text_array(data)
        flat = np.array(data).reshape(-1)
        if flat.dtype.kind not in "biuf" and flat.size:
            raise ValueError("values that are no numbers")
        cast = flat.astype(DTYPES[datatype])
    except (ValueError, TypeError, OverflowError) as error:
        raise BadInput(f"The data of input {name!r} is not {datatype}: {error}") from None
    if cast.dtype.kind in "iub" and not np.array_equal(cast, flat):
        raise BadInput(f"The data of input {name!r} does not fit into {datatype}.")
    return cast


def _from_bytes(name: str, raw: memoryview, datatype: str) -> Any:
    if datatype != BYTES:
        try:
            return np.frombuffer(raw, dtype=DTYPES[datatype])
        except ValueError as error:
            raise BadInput(f"The binary data of input {name!r} is not {datatype}: {error}") from None
    values, start = [], 0
    while start < len(raw):
        size = int.from_bytes(raw[start : start + 4], "little")
        if start + 4 + size > len(raw):
            raise BadInput(f"The binary data of input {name!r} ends within a value.")
        values.append(_text(bytes(raw[start + 4 : start + 4 + size])))
        start += 4 + size
    return np.array(values, dtype=object)


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def tensors_of(answer: Any) -> list[Tensor]:
    """What run() returned as tensors: one, or one for each key or column. Raises `BadInput` (status 500)."""
    if isinstance(answer, Mapping):
        parts = list(answer.items())
    elif hasattr(answer, "columns") and hasattr(answer, "to_numpy"):
        parts = [(name, answer[name].to_numpy()) for name in answer.columns]
    elif isinstance(answer, tuple) and any(isinstance(each, np.ndarray) for each in answer):
        parts = [(f"output-{index}", each) for index, each in enumerate(answer)]
    else:
        parts = [("output-0", answer)]
    return [Tensor(str(name), _array(name, value)) for name, value in parts]


def _array(name: object, value: Any) -> Any:
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    try:
        array = np.atleast_1d(np.asarray(value))
        if array.dtype.kind in "biuf":
            return array
        if array.dtype.kind in "US" or all(isinstance(each, str | bytes) for each in array.flat):
            return array.astype(object)
    except ValueError:
        pass  # lists of different lengths
    raise BadInput(
        f"run() returned no tensor under {name!r}: numbers, truth values or text, in arrays or lists.",
        status=500,
    )


def write_outputs(
    tensors: list[Tensor], wanted: Any, *, all_binary: bool
) -> tuple[list[dict[str, Any]], bytes]:
    """The ``outputs`` of an answer, and the binary data that follows it. Raises `BadInput`.

    ``wanted`` is the request's own ``outputs``: names, and whether each is to be binary; without, all.
    """
    requested = {entry.get("name"): entry for entry in wanted if isinstance(entry, dict)} if wanted else {}
    known = {tensor.name for tensor in tensors}
    for name in requested:
        if name not in known:
            raise BadInput(f"Output not found: {name!r}. The outputs are: {', '.join(sorted(known))}.")
    told, binary = [], b""
    for tensor in tensors:
        if requested and tensor.name not in requested:
            continue
        entry: dict[str, Any] = {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": list(tensor.array.shape),
        }
        if _parameters(requested.get(tensor.name, {})).get("binary_data", all_binary):
            raw = _to_bytes(tensor)
            entry["parameters"] = {"binary_data_size": len(raw)}
            binary += raw
        else:
            entry["data"] = _to_json(tensor)
        told.append(entry)
    return told, binary


def _to_bytes(tensor: Tensor) -> bytes:
    if tensor.datatype != BYTES:
        raw: bytes = np.ascontiguousarray(tensor.array, dtype=DTYPES[tensor.datatype]).tobytes()
        return raw
    values = [each if isinstance(each, bytes) else str(each).encode() for each in tensor.array.flat]
    return b"".join(len(value).to_bytes(4, "little") + value for value in values)


def _to_json(tensor: Tensor) -> Any:
    flat = tensor.array.reshape(-1)
    if tensor.datatype == BYTES:
        return [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in flat]
    return np.ascontiguousarray(flat)


def _parameters(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    found = entry.get("parameters")
    return found if isinstance(found, dict) else {}
