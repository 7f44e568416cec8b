"""From values of a body to arrays of numpy and tables of pandas.

The libraries are imported when a script needs one of their types: by then it has imported them itself.
"""

from __future__ import annotations

import sys
from typing import Any

import orjson

from mlmagic.scoring.inputs.body_size import check_text_array, check_values, frame_size, nested_size

LARGE = 8 * 1024
"""From here on the parser that reads numbers straight into memory is the quicker one."""

_NUMBERS = "biufc"


class Misfit(ValueError):
    """A value of the wrong kind; the message is: Expected ..., got ...."""


def explained(message: str, name: str) -> str:
    """A `Misfit`, or msgspec's ``Expected `int`, got `str` - at `$.age```, with the parameter's name."""
    what, *places = message.split(" - at `")
    path = "".join(place.rstrip("`").removeprefix("$") for place in reversed(places))
    return f"The {name + path!r} parameter does not match its type: {what.replace('`', '')}."


def read_array(value: Any, dtype: Any = None) -> Any:
    """An `ndarray` of lists, a table or another array; of ``dtype`` if given. Raises `Misfit`."""
    import numpy

    wanted = "an array" if dtype is None else f"an array of {numpy.dtype(dtype)}"
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if not isinstance(value, list | tuple | numpy.ndarray):
        raise Misfit(f"Expected {wanted}, got {_named(value)}")
    check_text_array(value)
    try:
        array = numpy.asarray(value)
    except ValueError:
        raise Misfit(f"Expected {wanted}, got {_ragged(value)}") from None
    except OverflowError as error:
        raise Misfit(f"Expected {wanted}, got a number out of range ({error})") from None
    if array.dtype.kind == "O":
        raise Misfit(f"Expected {wanted}, got an array of {_mixture(array)}")
    if dtype is None:
        return array
    target = numpy.dtype(dtype)
    if array.dtype == target or array.size == 0:
        return array.astype(target, copy=False)
    if array.dtype.kind in "US" and target.kind in _NUMBERS:
        raise Misfit(f"Expected {wanted}, got an array of text")
    cast = array.astype(target)
    # 1.0 is an integer and 1.5 is not; 300 is no uint8.
    if target.kind in "iu" and not (cast == array).all():
        raise Misfit(f"Expected {wanted}, got {array[cast != array].flat[0]}")
    return cast


def plain_array(body: bytes, name: str, dtype: Any = None) -> Any | None:
    """The numbers under ``name`` of a small JSON object; None if they need any conversion or message."""
    import numpy

    try:
        array = numpy.asarray(orjson.loads(body)[name])
    except (ValueError, TypeError, LookupError, OverflowError):
        return None
    if array.dtype.kind not in "if" or not array.ndim or (dtype is not None and array.dtype != dtype):
        return None
    return array


def parse_array(body: bytes, name: str, dtype: Any = None) -> Any | None:
    """The numbers under ``name`` of a JSON object, without a Python object for each.

    ``None`` for all that is not plainly a table or a row of numbers: the caller reads it as any other.
    """
    try:
        import simdjson
    except ImportError:
        return None
    import numpy

    try:
        rows = simdjson.Parser().parse(body)[name]  # type: ignore[index]
        if not isinstance(rows, simdjson.Array) or not len(rows):
            return None
        nested = isinstance(rows[0], simdjson.Array)
        widths = {len(row) for row in rows} if nested else {1}  # type: ignore[arg-type]
        flat = _flat(rows, numpy, dtype)
    except (KeyError, TypeError, ValueError, RuntimeError, IndexError):
        return None
    # Deeper lists are flattened without a word: the brackets tell.
    brackets = len(rows) + 1 if nested else 1
    if len(widths) != 1 or flat.size != len(rows) * min(widths) or body.count(b"[") != brackets:
        return None
    return flat.reshape(len(rows), -1) if nested else flat


def _flat(rows: Any, numpy: Any, dtype: Any) -> Any:
    if dtype is not None and numpy.dtype(dtype).kind == "f":
        return numpy.frombuffer(rows.as_buffer(of_type="d")).astype(dtype, copy=False)
    try:
        return numpy.frombuffer(rows.as_buffer(of_type="i"), dtype=numpy.int64)
    except TypeError:
        if dtype is not None:
            raise  # not of integers: the careful way says what is wrong
    return numpy.frombuffer(rows.as_buffer(of_type="d"))


def read_frame(value: Any) -> Any:
    """A `DataFrame` of records, of columns, or of what pandas calls split. Raises `Misfit`."""
    import pandas

    if isinstance(value, pandas.DataFrame):
        return value
    numpy = sys.modules["numpy"]
    check_values(frame_size(value))
    try:
        if isinstance(value, dict) and "data" in value and value.keys() <= {"columns", "index", "data"}:
            return pandas.DataFrame(**value)
        if isinstance(value, dict) and value and all(isinstance(each, list) for each in value.values()):
            return pandas.DataFrame(value)
        if isinstance(value, numpy.ndarray) or (
            isinstance(value, list) and all(isinstance(row, dict | list) for row in value)
        ):
            return pandas.DataFrame(value)
    except (ValueError, TypeError) as error:
        raise Misfit(f"Expected a table, got {_named(value)} ({error})") from None
    raise Misfit(f"Expected a table (a list of objects, or lists by column), got {_named(value)}")


def read_series(value: Any) -> Any:
    """A `Series` of a list. Raises `Misfit`."""
    import pandas

    if isinstance(value, pandas.Series):
        return value
    return pandas.Series(read_array(value))


def plain(value: Any) -> Any:
    """An array or a table as lists; anything else as it is."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return value.to_dict("records")
    if not hasattr(value, "tolist"):
        return value
    check_values(nested_size(getattr(value, "shape", ())))
    return value.tolist()


def _ragged(value: Any) -> str:
    lengths = [len(row) if isinstance(row, list) else None for row in value]
    for index, length in enumerate(lengths):
        if length != lengths[0]:
            shown = "a single value" if length is None else f"{length} values"
            first = "a single value" if lengths[0] is None else f"{lengths[0]}"
            return f"rows of different lengths (row {index} has {shown}, row 0 {first})"
    return "rows of different shapes"


def _mixture(array: Any) -> str:
    kinds = sorted({_named(each) for each in array.flat})[:4]
    return (
        " and ".join(kinds) if len(kinds) > 1 else f"what is no number ({kinds[0]})" if kinds else "nothing"
    )


def _named(value: Any) -> str:
    """In the words of JSON."""
    for kinds, name in _NAMES:
        if isinstance(value, kinds):
            return name
    return "null" if value is None else type(value).__name__


_NAMES: tuple[tuple[Any, str], ...] = (
    (bool, "a boolean"),
    (int | float, "a number"),
    (str, "text"),
    (bytes, "bytes"),
    (dict, "an object"),
    (list | tuple, "a list"),
)
