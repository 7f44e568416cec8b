"""Answers in the encoding that a client asks for."""

import json
from io import BytesIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

pytestmark = pytest.mark.together

ARROW = b"application/vnd.apache.arrow.stream"
ROWS = [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("answer", ["np.array(d)", "d", "pd.DataFrame(d)"])
@pytest.mark.parametrize(
    ("accept", "read"),
    [
        (b"application/x-npy", lambda body: np.load(BytesIO(body))),
        (
            b"application/vnd.apache.arrow.stream",
            lambda body: pa.ipc.open_stream(body).read_pandas().to_numpy(),
        ),
        (b"text/csv, */*", lambda body: pd.read_csv(BytesIO(body)).to_numpy()),
        (b"application/json", json.loads),
        (b"*/*", json.loads),
    ],
)
def test_encodings(ask, make_script, answer, accept, read):
    script = make_script(f"import numpy as np, pandas as pd\ndef run(d: list): return {answer}")
    response = ask(script, body=json.dumps(ROWS).encode(), content_type=b"application/json", accept=accept)
    seen = read(response.body)
    if answer.startswith("pd") and isinstance(seen, list):
        seen = [list(row.values()) for row in seen]
    assert np.asarray(seen).tolist() == ROWS
    assert "x-ms-run-fn-exec-ms" in response.head


@pytest.mark.parametrize(
    "accept", [b"application/x-npy", b"application/vnd.apache.arrow.stream", b"text/csv"]
)
def test_what_an_encoding_cannot_hold_is_json(ask, make_script, accept):
    response = ask(
        make_script("def run(d): return {'a': {'b': [None, 'x', {}]}, 'c': 1}"), body=b"1", accept=accept
    )
    if b"application/json" in response.head.encode():
        assert json.loads(response.body)["c"] == 1
