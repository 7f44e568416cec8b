"""`%deploy --batch-wait` in a real shell: requests wait for others, and are predicted in one call."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mlmagic.errors import InvalidConfig
from mlmagic.magics.session import MLMagic
from tests.support.engines import MakeEngine
from tests.support.shells import TestingShell

pytestmark = pytest.mark.processes

SCRIPT = (
    "%%score_script rows\nimport numpy\nfrom mlmagic.scoring import batched\n"
    "def init(): ...\n"
    "@batched(max_rows=3)\n"
    "def run(data: numpy.ndarray):\n    return [len(data)] * len(data)\n"
)


def test_requests_wait_for_others(shell: TestingShell, make_engine: MakeEngine) -> None:
    engine = make_engine()
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(engine)
    shell.run_cell(SCRIPT)
    shell.refuses(
        "%deploy svc --script rows --batch-wait 1s",
        InvalidConfig,
        "batch_wait_ms 1000.0 must be below max_request_wait_time, 500",
    )
    shell.refuses("%deploy svc --script rows --batch-wait 2min", InvalidConfig, "us, ms, s")
    shell.run_cell("%deploy svc --script rows --batch-wait 20s --max-request-wait-time 30000")
    with ThreadPoolExecutor(3) as callers:
        answers = list(callers.map(lambda _: engine.requests.score("svc", {"data": [[1.0]]}), range(3)))
    assert answers == [[3], [3], [3]], "no timer was waited for: the batch was full"
    shell.run_cell("%update svc --batch-wait 500us")
    assert engine.requests.score("svc", {"data": [[1.0]]}) == [1]
