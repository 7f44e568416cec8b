"""Entry scripts that import Flask where no package of Azure ML is installed."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from tests.support.environments import python_with

from ..differential.servers import ours

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]  # the environment is made once

SCRIPT = """
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse
import flask

def init(): pass

@rawhttp
def run(request):
    parts = [request.form["a"], request.files["f"].read().decode()] if request.form else None
    return {
        "flask": isinstance(request, flask.Request),
        "aml": isinstance(request, AMLRequest),
        "body": request.get_data(as_text=True),
        "json": request.get_json(silent=True),
        "parts": parts,
        "current": flask.request.method,
        "endpoint": request.endpoint,
    }
"""


@pytest.mark.parametrize(
    ("kind", "body", "values"),
    [
        ("application/json", b"[1]", {"json": [1], "parts": None}),
        (
            "multipart/form-data; boundary=X",
            b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
            b'--X\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n\r\ntwo\r\n--X--\r\n',
            {"json": None, "parts": ["1", "two"]},
        ),
    ],
)
def test_a_raw_request_is_one_of_flask(tmp_path, kind, body, values):
    script = tmp_path / "score.py"
    script.write_text(SCRIPT)
    python = python_with(Path(__file__).with_name("flask.txt"), "flask")
    with ours(python, script, tmp_path, {}) as server:
        assert server.port, str(server.log)
        request = urllib.request.Request(
            f"http://127.0.0.1:{server.port}/score", body, {"Content-Type": kind}
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            found = json.load(response)
    same = {"flask": True, "aml": True, "current": "POST", "endpoint": None}
    assert found == {**same, "body": body.decode(), **values}
