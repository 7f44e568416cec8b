"""What /swagger.json says of a service is true of it: schemathesis makes requests of it and compares."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.processes

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
# Whether all that fits a schema is taken: of no array, whose lists must be of one length, can it be said.
PRECISE = "positive_data_acceptance"

PLAIN = """
def init(): pass
def run(data): return {"length": len(data)}
"""
TYPED = """
import datetime
from dataclasses import dataclass, field
@dataclass
class Customer:
    name: str
    age: int
    balance: float = 0.0
    since: datetime.date | None = None
    tags: list[str] = field(default_factory=list)
def init(): pass
def run(customer: Customer, scale: float = 1.0, mode: str | None = None) -> dict[str, float | str | None]:
    return {"name": customer.name, "mode": mode, "scale": scale}
"""
ARRAY = """
import numpy as np
def init(): pass
def run(features: np.ndarray, top: int = 1) -> list[int]: return list(features.shape)
"""
NUMPY = """
import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.schema_decorators import input_schema, output_schema
def init(): pass
@input_schema("data", NumpyParameterType(np.array([[1, 2]]), enforce_shape=False))
@output_schema(NumpyParameterType(np.array([1.5])))
def run(data): return [float(data.size)]
"""
PANDAS = """
import pandas as pd
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema
def init(): pass
@input_schema("Inputs", PandasParameterType(pd.DataFrame({"name": ["Sarah"], "age": [25], "share": [0.5]})))
@input_schema("factor", StandardPythonParameterType(1.0))
@output_schema(StandardPythonParameterType({"rows": 1}))
def run(Inputs, factor=2.0): return {"rows": len(Inputs)}
"""


@pytest.mark.parametrize(
    ("script", "version", "checks"),
    [
        pytest.param(PLAIN, "3.1", (*CHECKS, PRECISE), id="plain"),
        pytest.param(TYPED, "3.1", (*CHECKS, PRECISE), id="typed"),
        pytest.param(TYPED, "2", (*CHECKS, PRECISE), id="typed, as Swagger 2"),
        pytest.param(ARRAY, "3.1", CHECKS, id="array"),
        pytest.param(NUMPY, "3.1", CHECKS, id="numpy"),
        pytest.param(PANDAS, "3.1", CHECKS, id="pandas"),
    ],
)
def test_the_description_is_true(start_script, tmp_path, script, version, checks):
    server = start_script(script)
    url = f"http://127.0.0.1:{server.report('serving').port}"
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run"),
            *(f"{url}/swagger.json?version={version}", "--url", url, "--checks", ",".join(checks)),
            *("--max-examples", "40", "--generation-deterministic", "--suppress-health-check", "all"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, (done.stdout + done.stderr, (tmp_path / "log").read_text()[-3000:])
