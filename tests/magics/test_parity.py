"""`%parity` in a real shell."""

from __future__ import annotations

import pytest

from mlmagic.errors import NotFound, UsageError
from mlmagic.magics.session import MLMagic
from tests.support.engines import MakeEngine
from tests.support.shells import SCRIPT, TestingShell
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes


def test_a_service_is_set_beside_its_twin(shell: TestingShell, make_engine: MakeEngine) -> None:
    engine = make_engine()
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(engine)
    shell.refuses("%parity svc --with local -d [1]", NotFound, "Service not found: 'svc'")
    shell.run_cell(f"%%score_script echo\n{SCRIPT}")
    shell.run_cell("%deploy svc --script echo --record 5")
    shell.refuses("%parity svc --with local", UsageError, "no requests to send")
    shell.refuses("%parity svc --with nowhere -d [1]", NotFound, "Target not found: 'nowhere'")
    shell.run_cell("%parity svc --with local -d [1,2] -o found")
    assert "svc on local and on local: all 2 responses match." in shell.shown()
    assert shell.user_ns["found"].same
    shell.run_cell("%score svc [1,2]")
    shell.run_cell("%score svc 3")
    wait_for(lambda: len(engine.requests.recorded("svc")) == 2, "what we have asked, without the comparison")
    shell.run_cell("%traffic svc -o asked")
    assert list(shell.user_ns["asked"]) == ["[1,2]", "3"]
    assert "200" in repr(shell.user_ns["asked"])
    shell.run_cell("%parity svc --with local --traffic -o found")
    assert shell.user_ns["found"].rows == 2
    shell.refuses("%parity svc --with local --traffic -d [1]", UsageError, "exclude each other")
    shell.refuses("%profile m --script echo --traffic none", NotFound, "Service not found: 'none'")
