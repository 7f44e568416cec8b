"""Answers beyond JSON, for clients that ask for them: ``Accept: application/x-npy``, Arrow, CSV.

What run() returned and such an encoding cannot hold is answered as JSON: ``Accept`` is a wish.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from mlmagic.scoring.http.response import Response
from mlmagic.scoring.inputs.bodies import ARROW_STREAM, CSV, NPY
from mlmagic.scoring.outputs.json_encoder import encode

Encoder = Callable[[Any], Response]


def encoder_for(accept: bytes) -> Encoder | None:
    """The encoder of the first type that is asked for; None for JSON, and for all that is not known."""
    return _ENCODERS.get(accept.partition(b",")[0].partition(b";")[0].strip().lower())


def _encoder(content_type: str, write: Callable[[Any], bytes]) -> Encoder:
    def answer(result: Any) -> Response:
        try:
            return Response(200, write(result), content_type)
        except (ImportError, ValueError, TypeError, LookupError):
            return Response(200, encode(result))

    return answer


def _npy(result: Any) -> bytes:
    import numpy

    if hasattr(result, "to_numpy"):
        result = result.to_numpy()
    array = numpy.asarray(result)
    if array.dtype.kind == "O":
        raise TypeError("objects would be pickled")
    buffer = BytesIO()
    numpy.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _frame(result: Any) -> Any:
    import pandas

    if isinstance(result, pandas.DataFrame):
        return result
    frame = pandas.DataFrame(result)
    frame.columns = [str(name) for name in frame.columns]
    return frame


def _arrow(result: Any) -> bytes:
    import pyarrow

    table = pyarrow.Table.from_pandas(_frame(result))
    sink = BytesIO()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _csv(result: Any) -> bytes:
    text: str = _frame(result).to_csv(index=False)
    return text.encode()


_ENCODERS = {
    NPY.encode(): _encoder(NPY, _npy),
    ARROW_STREAM.encode(): _encoder(ARROW_STREAM, _arrow),
    CSV.encode(): _encoder(f"{CSV}; charset=utf-8; header=present", _csv),
}
