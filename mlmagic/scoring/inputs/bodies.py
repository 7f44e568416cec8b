"""Bodies of requests, by content type, as values for the parameters of run().

    JSON object, multipart     values by name
    other JSON                 one value
    .npy, Arrow IPC, CSV       one value: an array or a table
    anything else              one value: the bytes

The libraries are imported when the first body of their kind arrives; without the library the answer is 415.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from mlmagic.scoring.http.multipart import UploadedFile

from mlmagic.scoring.http.body_budget import BUDGET
from mlmagic.scoring.http.request import BadInput, Request
from mlmagic.scoring.inputs.body_size import BodySize, csv_size, json_size, npy_size

JSON = "application/json"
NPY = "application/x-npy"
ARROW_STREAM = "application/vnd.apache.arrow.stream"
ARROW_FILE = "application/vnd.apache.arrow.file"
CSV = "text/csv"
MULTIPART = "multipart/form-data"
UNMARKED = ("", "application/x-www-form-urlencoded")
"""Bodies of these types are read as JSON: `curl -d` and many a client send it with no type, or a form's."""


_of_one_digit = bytes.maketrans(b"123456789", b"000000000")
_MANY_DIGITS = b"0" * 19
_begins_with_many = re.compile(rb"(?<![0-9.])[0-9]{19}").search


def _may_be_huge(body: bytes) -> bool:
    """Whether JSON may have an integer beyond 64 bits."""
    if len(body) <= BUDGET.small and _MANY_DIGITS not in body.translate(_of_one_digit):
        return False  # so it is for most, in a fraction of the time that the expression takes
    return _begins_with_many(body) is not None


@dataclass(frozen=True, slots=True)
class Whole:
    """A body without names: the value of the one parameter there is."""

    value: Any


def values_of(request: Request) -> dict[str, Any] | Whole:
    """The values of a POST; what does not say its type is JSON. Raises `BadInput`."""
    if request.values is None and kind_of(request) in UNMARKED:
        return named(parse_json(request.body))
    return read_body(request)


def read_body(request: Request) -> dict[str, Any] | Whole:
    """The values of a POST. Raises `BadInput`."""
    if request.values is not None:
        return request.values
    kind = kind_of(request)
    if is_json(kind):
        return named(parse_json(request.body))
    from mlmagic.scoring.http.multipart import split_options

    content_type = request.fields.get(b"content-type", b"").decode("latin-1")
    if kind == MULTIPART:
        return _read_form(content_type, request)
    options = split_options(content_type)[1]
    return Whole(read_value(kind, options, request.body, BodySize(request)))


def named(value: Any) -> dict[str, Any] | Whole:
    """An object has names; anything else of JSON is a value."""
    return value if isinstance(value, dict) else Whole(value)


def kind_of(request: Request) -> str:
    """The content type, in lower case and without parameters."""
    given = request.fields.get(b"content-type", b"")
    if given == b"application/json":
        return JSON
    return given.partition(b";")[0].strip().lower().decode("latin-1")


def is_readable(kind: str) -> bool:
    """Whether `read_body` can take apart a body of this kind that is not JSON."""
    return kind in _READERS or kind == MULTIPART


def read_value(kind: str, options: dict[str, str], body: bytes, size: BodySize | None = None) -> Any:
    """One value in the encoding ``kind``; bytes where it is none that is known here.

    ``size`` is that of all values of the same request.
    """
    if body.startswith(b"\x93NUMPY"):
        kind = NPY
    reader = _READERS.get(kind)
    if reader is None:
        return body
    try:
        return reader(body, options, size or BodySize())
    except ImportError as error:
        raise BadInput(f"This service cannot read {kind}: it has no {error.name}.", status=415) from None
    except BadInput:
        raise
    except Exception as error:  # whatever the libraries raise for what they cannot read
        raise BadInput(f"The body is not valid {kind}: {error}") from None


def is_json(kind: str) -> bool:
    """Whether ``kind``, in lower case and without parameters, is JSON."""
    return kind == JSON or (kind.startswith("application/") and kind.endswith("+json"))


def parse_json(body: bytes, size: BodySize | None = None) -> Any:
    """Takes NaN and Infinity, which Python clients send, and integers of any size. Raises `BadInput`."""
    if len(body) > BUDGET.small:
        (size or BodySize()).check_values(json_size(body))
    try:
        if not _may_be_huge(body):  # orjson would make a float of it
            return orjson.loads(body)
    except ValueError:
        pass
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"POST body could not be decoded as JSON: {error}") from None


def _read_form(content_type: str, request: Request) -> dict[str, Any]:
    from mlmagic.scoring.http.multipart import parse_form

    fields, files = parse_form(content_type, request.body)
    size = BodySize(request)
    size.check_values(sum(json_size(text.encode()) for _, text in fields if len(text) > BUDGET.small))
    values = {name: _field(text) for name, text in fields}
    return {**values, **{name: _file(file, size) for name, file in files}}


def _field(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return text


def _file(file: UploadedFile, size: BodySize) -> Any:
    from mlmagic.scoring.http.multipart import split_options

    kind, options = split_options(file.content_type or "")
    if kind in ("", "application/octet-stream"):
        kind = _BY_ENDING.get((file.filename or "").rpartition(".")[2].lower(), kind)
    body = file.read()
    return parse_json(body, size) if is_json(kind) else read_value(kind, options, body, size)


def _read_npy(body: bytes, options: dict[str, str], size: BodySize) -> Any:
    import numpy

    size.check_unpacked(npy_size(body))
    # Pickles are code: an array of objects is refused. So is a .npz file: it is an archive of many arrays.
    return numpy.lib.format.read_array(BytesIO(body), allow_pickle=False)


def _read_arrow(body: bytes, options: dict[str, str], size: BodySize) -> Any:
    import pyarrow

    from mlmagic.scoring.inputs.arrow_size import FILE, arrow_size

    found = arrow_size(body)
    size.check_unpacked(found.buffers)
    size.check_values(found.values)
    reader = pyarrow.ipc.open_file if body.startswith(FILE) else pyarrow.ipc.open_stream
    with reader(pyarrow.BufferReader(body)) as batches:
        return batches.read_pandas()


def _read_csv(body: bytes, options: dict[str, str], size: BodySize) -> Any:
    import pandas

    size.check_values(csv_size(body))
    head = body.partition(b"\n")[0].decode("utf-8", "replace")
    # RFC 4180 has a parameter for it; without, a first line of numbers is no header.
    named = options.get("header", "absent" if _numbers(head) else "present") != "absent"
    return pandas.read_csv(BytesIO(body), header=0 if named else None)


def _numbers(line: str) -> bool:
    try:
        return [float(field) for field in line.split(",") if field.strip()] != []
    except ValueError:
        return False


_READERS: dict[str, Callable[[bytes, dict[str, str], BodySize], Any]] = {
    NPY: _read_npy,
    ARROW_STREAM: _read_arrow,
    ARROW_FILE: _read_arrow,
    CSV: _read_csv,
}
_BY_ENDING = {"npy": NPY, "arrow": ARROW_FILE, "feather": ARROW_FILE, "csv": CSV, "json": JSON}
