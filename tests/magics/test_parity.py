"""`%parity` in a real shell."""

from __future__ import annotations

import pytest

from mlmagic.errors import NotFound, UsageError
from mlmagic.magics.session import MLMagic
from tests.conftest import MakeEngine
from tests.magics.conftest import SCRIPT, TestingShell

pytestmark = pytest.mark.processes


def test_a_service_is_set_beside_its_twin(shell: TestingShell, make_engine: MakeEngine) -> None:
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(make_engine())
    shell.refuses("%parity svc --with local -d [1]", NotFound, "no service 'svc'")
    shell.run_cell(f"%%score_script echo\n{SCRIPT}")
    shell.run_cell("%deploy svc -o svc")
    shell.refuses("%parity svc --with local", UsageError, "no requests to ask with")
    shell.refuses("%parity svc --with nowhere -d [1]", NotFound, "no target 'nowhere'")
    shell.run_cell("%parity svc --with local -d [1,2] -o found")
    assert "svc on local and on local: all 2 answers are the same." in shell.shown()
    assert shell.user_ns["found"].same
