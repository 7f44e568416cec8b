"""Bodies of few bytes that stand for many are refused before they are read, with little memory."""

import gzip
import json
import re

import numpy as np
import pyarrow as pa
import pytest

from mlmagic.scoring.inputs.bodies import ARROW_STREAM, NPY
from mlmagic.scoring.limits import BODY

from .bombs import arrow, bombs, npy, tensor
from .memory import peak

pytestmark = pytest.mark.processes

SCRIPT = """
import numpy, pandas, pyarrow
def init(): pass
def run(data: {kind}): return len(data)
"""
LIMIT = 4 * 1024 * 1024
MOST = 12 * LIMIT
"""Ten times the limit for values, and the body itself."""


def posted(client, body, headers, path="/score"):
    client.request("POST", path, body, headers)
    response = client.getresponse()
    return response.status, response.read().decode()


@pytest.mark.parametrize("kind", ["numpy.ndarray", "pandas.DataFrame"])
def test_a_server_refuses_them_with_little_memory(start_script, monkeypatch, kind):
    monkeypatch.setenv(BODY, str(LIMIT))
    server = start_script(SCRIPT.format(kind=kind))
    client = server.client()
    most = arrow(pa.table({"data": np.zeros(LIMIT // 8)}))
    assert posted(client, most, {"Content-Type": ARROW_STREAM}) == (200, str(LIMIT // 8))
    before = peak(server)
    for name, headers, body in bombs():
        status, answer = posted(client, body, headers)
        assert status >= 400, (name, len(body), answer, peak(server) - before)
        message = json.loads(answer)["message"]
        if status == 413:
            assert BODY in message, (name, message)
            assert re.search(r" \d+ bytes", message), (name, message)
        else:  # lists are no table, and a table is no array of text
            assert (status, name[:4], "does not match" in message) == (400, "JSON", True), (name, answer)
        assert peak(server) - before < MOST, name
    # What a body cannot hold is no body of its kind.
    for body in (npy((10**12,)), npy((10**15,), "|S0"), b"PK\x03\x04" + most):
        status, answer = posted(client, body, {"Content-Type": NPY})
        assert (status, "not valid application/x-npy" in answer) == (400, True), answer
    assert posted(client, most, {"Content-Type": ARROW_STREAM}) == (200, str(LIMIT // 8))
    assert peak(server) - before < MOST
    client.close()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (tensor([10**9, 0]), 413),
        (tensor([400_000, *[1] * 40]), 413),
        (tensor([3, 10**12]), 400),
        (b'{"inputs": [' + b"[]," * 10**6 + b"[]]}", 413),
        (b"[" * 10**4, 400),
    ],
    ids=["empty rows", "dimensions of one", "no such data", "empty lists", "depth"],
)
def test_a_server_refuses_tensors_that_are_not_there(start_script, monkeypatch, body, status):
    monkeypatch.setenv(BODY, str(LIMIT))
    server = start_script("import numpy\ndef init(): pass\ndef run(data): return len(data)")
    client = server.client()
    path = "/v2/models/model/infer"
    assert posted(client, tensor([3]), {}, path)[0] == 200
    before = peak(server)
    found, answer = posted(client, body, {}, path)
    assert (found, "error" in json.loads(answer)) == (status, True), answer
    assert posted(client, tensor([3]), {}, path)[0] == 200
    assert peak(server) - before < MOST
    client.close()


def test_many_members_of_gzip_are_refused_in_no_time(start_script):
    server = start_script("def init(): pass\ndef run(data): return len(data)")
    client = server.client()
    body = gzip.compress(b"", mtime=0) * (2 * 10**6)
    status, answer = posted(client, body, {"Content-Encoding": "gzip"})
    assert (status, "more than 4096 members" in answer) == (400, True)
    client.close()
