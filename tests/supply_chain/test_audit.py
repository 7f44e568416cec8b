"""The audit of the dependencies: a vulnerability fails it, missing data does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.supply_chain.audit import KNOWN, Outcome, Run, Verdict, audit, judge, pip_audit

pytestmark = pytest.mark.together

FOUND = {
    "name": "certifi",
    "version": "2022.12.7",
    "vulns": [{"id": "PYSEC-2023-135", "fix_versions": ["2023.7.22"]}, {"id": "X-1", "fix_versions": []}],
}
CLEAN = {"name": "click", "version": "8.1.0", "vulns": []}
SKIPPED = {"name": "mine", "skip_reason": "Dependency not found on PyPI"}


def report(*packages: object) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


@pytest.mark.parametrize(
    ("run", "outcome", "details"),
    [
        (
            Run(1, report(CLEAN, FOUND), "Found 2 known vulnerabilities"),
            Outcome.VULNERABLE,
            (
                "certifi 2022.12.7: PYSEC-2023-135, fixed in 2023.7.22",
                "certifi 2022.12.7: X-1, not fixed yet",
            ),
        ),
        (Run(0, report(CLEAN), "No known vulnerabilities found"), Outcome.NOTHING_KNOWN, ()),
        (Run(0, report(CLEAN, SKIPPED)), Outcome.NOTHING_KNOWN, ("not in the database: mine",)),
        (Run(None), Outcome.NO_DATA, ("no answer in time",)),
        (
            Run(1, "", "Traceback\n  requests.exceptions.ConnectionError: Failed to resolve 'pypi.org'\n"),
            Outcome.NO_DATA,
            ("requests.exceptions.ConnectionError: Failed to resolve 'pypi.org'",),
        ),
        (
            Run(1, "", "ERROR: Could not connect to PyPI's vulnerability feed"),
            Outcome.NO_DATA,
            ("ERROR: Could not connect to PyPI's vulnerability feed",),
        ),
        (
            Run(1, "", "pip_audit._service.interface.ServiceError"),
            Outcome.NO_DATA,
            ("pip_audit._service.interface.ServiceError",),
        ),
        (Run(1, "", "No module named pip_audit"), Outcome.BROKEN, ("No module named pip_audit",)),
        (Run(1, "", "invalid specifier at line 1"), Outcome.BROKEN, ("invalid specifier at line 1",)),
        (Run(0), Outcome.BROKEN, ("no message",)),
        (Run(-9), Outcome.BROKEN, ("no message",)),
        (Run(1, "[]"), Outcome.BROKEN, ("no message",)),
    ],
)
def test_what_a_run_means(run: Run, outcome: Outcome, details: tuple[str, ...]) -> None:
    assert judge(run) == (outcome, details)


@pytest.mark.parametrize(
    ("first", "outcome", "is_audited"),
    [
        (Run(1, report(FOUND)), Outcome.NOTHING_KNOWN, True),
        (Run(0, report({"name": "certifi", "skip_reason": "not found"})), Outcome.NO_DATA, False),
        (Run(0, report(CLEAN)), Outcome.NO_DATA, False),
        (Run(None), Outcome.NO_DATA, False),
        (Run(2, "", "usage: pip-audit"), Outcome.BROKEN, False),
    ],
)
def test_only_a_database_that_knows_an_old_vulnerability_is_believed(
    first: Run, outcome: Outcome, is_audited: bool
) -> None:
    asked: list[str] = []

    def run(requirements: Sequence[str], seconds: float) -> Run:
        asked.extend(requirements)
        return first if requirements == [KNOWN] else Run(0, report(CLEAN))

    assert audit(["click==8.1.0"], run).outcome is outcome
    assert ("click==8.1.0" in asked) is is_audited


@pytest.mark.parametrize(
    ("outcome", "fails"),
    [
        (Outcome.NOTHING_KNOWN, False),
        (Outcome.NO_DATA, False),
        (Outcome.VULNERABLE, True),
        (Outcome.BROKEN, True),
    ],
)
def test_what_fails_the_check(outcome: Outcome, fails: bool) -> None:
    assert outcome.fails is fails
    assert ("\n" in str(Verdict(outcome, ("why",)))) is not (outcome is Outcome.NO_DATA)


Answer = Callable[[str], tuple[int, object]]


@contextmanager
def database(answer: Answer) -> Iterator[str]:
    """An advisory database as osv.dev is one; ``answer`` gets the name of a package."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, content = answer(query["package"]["name"])
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def advisory(package: str) -> dict[str, object]:
    affected = {"package": {"name": package, "ecosystem": "PyPI"}, "ranges": []}
    return {"vulns": [{"id": "X-1", "schema_version": "1.4.0", "aliases": [], "affected": [affected]}]}


@pytest.mark.processes
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (lambda name: (200, advisory(name)), Outcome.VULNERABLE),
        (lambda name: (200, advisory(name) if name == "certifi" else {}), Outcome.NOTHING_KNOWN),
        (lambda name: (200, {}), Outcome.NO_DATA),
        (lambda name: (403, {}), Outcome.NO_DATA),
        (lambda name: (503, {}), Outcome.NO_DATA),
    ],
)
def test_pip_audit_is_understood(answer: Answer, outcome: Outcome) -> None:
    with database(answer) as url:
        verdict = audit(["click==8.1.0"], pip_audit("-s", "osv", "--osv-url", url))
    assert verdict.outcome is outcome, verdict


@pytest.mark.processes
def test_a_database_that_refuses_connections_fails_nothing() -> None:
    with database(lambda name: (200, {})) as url:
        pass
    verdict = audit(["click==8.1.0"], pip_audit("-s", "osv", "--osv-url", url))
    assert verdict.outcome is Outcome.NO_DATA, verdict
    assert "\n" not in str(verdict)
