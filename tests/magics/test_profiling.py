"""`%profile` and `%profiles` in a real shell, over real services."""

from __future__ import annotations

import pytest

from mlmagic.errors import InvalidConfigs, NotFound, UsageError
from mlmagic.magics.session import MLMagic
from tests.support.engines import MakeEngine
from tests.support.shells import TestingShell

pytestmark = pytest.mark.processes

CELL = """%%score_script half
import json
def init():
    pass
def run(data):
    return json.loads(data)["data"][0] / 2
"""
OPTIONS = "--cpu 1 --memory 0.5 --seconds 0.2 --rps 5 --target local"


def in_workspace(shell: TestingShell, make_engine: MakeEngine) -> None:
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(make_engine())


def test_a_captured_script_is_profiled(shell: TestingShell, make_engine: MakeEngine) -> None:
    in_workspace(shell, make_engine)
    shell.run_cell(CELL)
    shell.run_cell("rows = [{'data': [1]}, {'data': [2]}]")
    made = shell.run_cell(f"%profile -s half -d rows {OPTIONS} -o p")
    assert (made.name, made.state) == ("half", "Succeeded")
    assert made is shell.user_ns["p"]
    assert made.record.rows == 2
    assert "Serving script half" in shell.shown()
    assert "Measuring 1 size takes up to 1 s after the services have started" in shell.shown()
    assert "half: 0 %, 1 core, 0.5 GB (size 1 of 1): starting" in shell.shown()
    listed = shell.run_cell("%profiles")
    assert [one.name for one in listed] == ["half"]
    shell.run_cell("%profiles half")
    assert "recommended" in shell.shown()
    assert "data:image/png" in shell.outputs[0].data["text/html"]
    shell.refuses("%delete --profile half --profile nowhere", NotFound, "Profile not found: 'nowhere'")
    assert [one.name for one in shell.run_cell("%profiles")] == ["half"]
    shell.run_cell("%delete --profile half")
    assert "Deleted profile half." in shell.shown()
    assert list(shell.run_cell("%profiles")) == []


def test_what_cannot_be_profiled_is_told(shell: TestingShell, make_engine: MakeEngine) -> None:
    in_workspace(shell, make_engine)
    shell.refuses("%profile", UsageError, "nothing to profile")
    shell.refuses("%profile nowhere -d [1]", NotFound, "Model not found: 'nowhere'")
    shell.run_cell(CELL)
    shell.refuses("%profile -s half", UsageError, "no requests to send")
    with pytest.raises(InvalidConfigs, match=r"cpu 9\.0 must be between"):
        shell.run_cell("%profile -s half -d [1] --cpu 9")
