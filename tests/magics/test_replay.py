"""`%replay` in a real shell: the requests of one service, sent to another one."""

from __future__ import annotations

import pytest

from mlmagic.errors import NotFound, UsageError
from mlmagic.magics.session import MLMagic
from tests.support.command_line import run
from tests.support.engines import MakeEngine
from tests.support.shells import TestingShell
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

SCRIPT = (
    "%%score_script {name}\ndef init(): ...\n"
    "def run(data: list) -> list:\n    return [{result} for each in data]\n"
)


def test_requests_of_one_service_are_sent_to_another(
    shell: TestingShell, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(engine)
    shell.run_cell(SCRIPT.format(name="double", result="each * 2"))
    shell.run_cell(SCRIPT.format(name="clipped", result="min(each * 2, 10)"))
    shell.run_cell("%deploy old --script double --record 100")
    shell.run_cell("%deploy new --script clipped")
    shell.refuses("%replay old new", UsageError, "no requests to 'old' were recorded since its last update")
    shell.refuses("%replay new old", UsageError, "there are no requests to 'new' to replay")
    shell.refuses("%replay old old", UsageError, "no requests to 'old' were recorded")
    shell.refuses("%replay old nowhere -d [1]", NotFound, "Service not found: 'nowhere'")
    for number in (1, 2, 7):
        shell.run_cell(f'%score old {{"data": [{number}]}}')
    wait_for(lambda: len(engine.requests.recorded("old")) == 3, "what we have asked")
    shell.run_cell("%replay old new -o found")
    found = shell.user_ns["found"]
    assert [(each.row, each.place, each.here, each.there) for each in found.differences] == [
        (2, "[0]", "14", "10")
    ]
    assert '{"data": [7]}' in found.requests[2].replace(" ", "").replace(":", ": ")
    assert "old and new: 1 of 3 responses differ (1 difference)." in shell.shown()
    shell.run_cell('%replay old new -d {[{"data": [1]}, {"data": [2]}]} -o found')
    assert shell.user_ns["found"].same
    shell.refuses("%replay old new --since 24h -d [1]", UsageError, "-d and --since exclude each other")
    shell.refuses("%replay old old -d [1]", UsageError, "'old' is compared with itself: name two services")
    monkeypatch.setenv("MLMAGIC_WORKSPACE", str(engine.location.folder))
    done = run("service", "replay", "-n", "old", "--with", "new")
    assert done.exit_code == 1
    assert "old and new: 1 of 3 responses differ" in done.stdout, "no replay was recorded"


def test_collected_requests_are_replayed(shell: TestingShell, make_engine: MakeEngine) -> None:
    engine = make_engine()
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(engine)
    shell.run_cell(SCRIPT.format(name="double", result="each * 2"))
    shell.run_cell("%deploy old --script double --collect")
    shell.run_cell("%deploy new --script double")
    shell.run_cell('%score old {"data": [1, 2]}')
    engine.services.stop("old")  # all that is collected is written then
    shell.user_ns["old"] = None
    engine.services.wait(engine.services.start("old"), 60)
    shell.run_cell("%replay old new --since 1h -o found")
    assert (shell.user_ns["found"].rows, shell.user_ns["found"].same) == (1, True)
    engine.services.stop("old")
    assert len(engine.collected_data.bodies("old")) == 1, "the replay was not collected"
