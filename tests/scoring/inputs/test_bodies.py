"""Bodies beyond JSON, into typed parameters and into those with a schema."""

import json
from io import BytesIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlmagic.scoring.http.request import BadInput, Request
from mlmagic.scoring.inputs.bodies import ARROW_FILE, ARROW_STREAM, CSV, NPY

ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])
TABLE = pd.DataFrame({"a": [1, 2], "b": [3.0, 4.0]})


def npy(array):
    buffer = BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def arrow(frame, *, file=False):
    sink = BytesIO()
    table = pa.Table.from_pandas(frame)
    with (pa.ipc.new_file if file else pa.ipc.new_stream)(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def multipart(**parts):
    body = b""
    for name, (content, kind, filename) in parts.items():
        body += f'--X\r\nContent-Disposition: form-data; name="{name}"'.encode()
        body += f'; filename="{filename}"'.encode() if filename else b""
        body += f"\r\nContent-Type: {kind}".encode() if kind else b""
        body += b"\r\n\r\n" + content + b"\r\n"
    return body + b"--X--\r\n"


@pytest.fixture
def sent(make_script):
    def sent(signature, body, kind, *, before=""):
        first = signature.split(":")[0].split(",")[0]
        head = "import numpy as np, pandas as pd\n"
        script = make_script(f"{head}{before}\ndef run({signature}): return {first}")
        return script.call(Request(b"POST", b"/score", {b"content-type": kind.encode()}, body))

    return sent


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (npy(ROWS), NPY),
        (npy(ROWS), "application/octet-stream"),
        (arrow(pd.DataFrame(ROWS, columns=["a", "b"])), ARROW_STREAM),
        (arrow(pd.DataFrame(ROWS, columns=["a", "b"]), file=True), ARROW_FILE),
        (b"1,2\n3,4\n", CSV),
        (b"a,b\n1,2\n3,4\n", f"{CSV}; charset=utf-8"),
        (b"a,b\n1,2\n3,4\n", f"{CSV}; header=present"),
        (b"1.0,2\n3,4\n", f"{CSV}; header=absent"),
    ],
)
def test_into_an_array(sent, body, kind):
    assert sent("data: np.ndarray", body, kind).tolist() == ROWS.tolist()


@pytest.mark.parametrize(("body", "kind"), [(arrow(TABLE), ARROW_STREAM), (b"a,b\n1,3\n2,4\n", CSV)])
def test_into_a_table(sent, body, kind):
    frame = sent("data: pd.DataFrame", body, kind)
    assert frame.columns.tolist() == ["a", "b"]
    assert frame.to_numpy().tolist() == TABLE.to_numpy().tolist()


def test_into_lists(sent):
    assert sent("data: list[list[float]]", npy(ROWS), NPY) == ROWS.tolist()


def test_bytes_as_they_are(sent):
    assert sent("image: bytes", b"\x89PNG\xff", "image/png") == b"\x89PNG\xff"


def test_multipart_has_names(sent):
    body = multipart(
        data=(npy(ROWS), "application/octet-stream", "rows.npy"), top=(b"3", "", ""), word=(b"hi", "", "")
    )
    seen = sent("data: np.ndarray, top: int, word: str", body, "multipart/form-data; boundary=X")
    assert seen.tolist() == ROWS.tolist()


def test_multipart_by_the_ending_of_a_file(sent):
    body = multipart(data=(b"a,b\n1,3\n", "", "rows.csv"))
    assert sent("data: pd.DataFrame", body, "multipart/form-data; boundary=X").b.tolist() == [3]
    body = multipart(data=(json.dumps([[1]]).encode(), "application/json", "rows.json"))
    assert sent("data: np.ndarray", body, "multipart/form-data; boundary=X").tolist() == [[1]]


SCHEMAS = """
from inference_schema.schema_decorators import input_schema
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
"""


@pytest.mark.parametrize(
    ("body", "kind"), [(npy(ROWS), NPY), (b"1,2\n3,4\n", CSV), (arrow(TABLE), ARROW_STREAM)]
)
def test_into_what_a_decorator_describes(sent, body, kind):
    decorator = "@input_schema('data', NumpyParameterType(np.array([[1.0, 2.0]])))"
    assert sent("data", body, kind, before=SCHEMAS + decorator).shape == (2, 2)
    decorator = "@input_schema('data', PandasParameterType(pd.DataFrame({'a': [1.0], 'b': [2.0]})))"
    assert sent("data", body, kind, before=SCHEMAS + decorator).columns.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"\x93NUMPY", NPY, 400, "The body is not valid application/x-npy"),
        (npy(np.array([{}])), NPY, 400, "not valid application/x-npy"),  # a pickle
        (b"ARROW1", ARROW_FILE, 400, "not valid"),
        (b"nothing", ARROW_STREAM, 400, "not valid"),
        (b"", CSV, 400, "not valid text/csv"),
        (b"x", "image/png", 415, "Expects Content-Type to be application/json"),
    ],
)
def test_what_cannot_be_read(sent, body, kind, status, words):
    with pytest.raises(BadInput, match=words) as refused:
        sent("data: np.ndarray", body, kind)
    assert refused.value.status == status
