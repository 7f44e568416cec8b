"""Look for known vulnerabilities in all dependencies, with pip-audit: ``bash tests/run audit``.

Where advisory data cannot be reached, one line says so, and nothing fails. An incomplete mirror of the
package index answers too: only what knows the vulnerability of a version of long ago is believed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from tests.supply_chain.dependencies import Dependencies

KNOWN = "certifi==2022.12.7"
"""CVE-2023-37920."""
CONNECT_SECONDS = 3
FIRST_ANSWER_SECONDS = 10.0
"""Names that do not resolve, and hosts with several addresses, take longer than one connection."""
LONGEST_SECONDS = 120.0

# How pip-audit ends if the database does not answer, or with something that is not an answer.
_NO_ANSWER = (
    "pip_audit._service.interface.ConnectionError",
    "pip_audit._service.interface.ServiceError",
    "requests.exceptions.",
    "vulnerability feed",
    "PyPI is not redirecting properly",
)


class Run(NamedTuple):
    """How pip-audit ended; ``status`` is None if it took too long."""

    status: int | None
    output: str = ""
    errors: str = ""


class Outcome(Enum):
    NOTHING_KNOWN = "no known vulnerabilities"
    VULNERABLE = "known vulnerabilities"
    NO_DATA = "advisory data cannot be reached"
    BROKEN = "pip-audit failed"

    @property
    def fails(self) -> bool:
        """Whether the check fails."""
        return self in (Outcome.VULNERABLE, Outcome.BROKEN)


class Verdict(NamedTuple):
    outcome: Outcome
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.outcome is Outcome.NO_DATA:
            return f"Dependencies: not audited, because {self.outcome.value} ({self.details[0]})."
        return "\n  ".join([f"Dependencies: {self.outcome.value}", *self.details])


def judge(run: Run) -> Verdict:
    """What a run has found. Its status does not tell: 1 is a vulnerability, or any failure."""
    if run.status is None:
        return Verdict(Outcome.NO_DATA, ("no answer in time",))
    try:
        packages = json.loads(run.output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        is_unanswered = any(each in run.errors for each in _NO_ANSWER)
        lines = [line.strip() for line in run.errors.splitlines() if line.strip()] or ["no message"]
        return Verdict(Outcome.NO_DATA if is_unanswered else Outcome.BROKEN, (lines[-1][:200],))
    vulnerable = [
        f"{each['name']} {each['version']}: {found['id']}, {_fixed_in(found['fix_versions'])}"
        for each in packages
        for found in each.get("vulns", ())
    ]
    if vulnerable:
        return Verdict(Outcome.VULNERABLE, tuple(vulnerable))
    return Verdict(
        Outcome.NOTHING_KNOWN,
        tuple(f"not in the database: {each['name']}" for each in packages if "skip_reason" in each),
    )


def _fixed_in(versions: Sequence[str]) -> str:
    return f"fixed in {', '.join(versions)}" if versions else "not fixed yet"


def audit(requirements: Sequence[str], run: Callable[[Sequence[str], float], Run]) -> Verdict:
    """Audit packages, given as lines such as ``click==8.1.0``; ``run`` calls pip-audit with a time limit."""
    known = judge(run([KNOWN], FIRST_ANSWER_SECONDS))
    if known.outcome is Outcome.NOTHING_KNOWN:
        return Verdict(Outcome.NO_DATA, (f"the answer lacks the known vulnerability of {KNOWN}",))
    if known.outcome is not Outcome.VULNERABLE:
        return known
    return judge(run(requirements, LONGEST_SECONDS))


def pip_audit(*options: str) -> Callable[[Sequence[str], float], Run]:
    """A call of pip-audit with more ``options``."""

    def call(requirements: Sequence[str], seconds: float) -> Run:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "requirements.txt"
            path.write_text("\n".join(requirements), encoding="utf-8")
            command = [
                *(sys.executable, "-m", "pip_audit", "-r", str(path), "--no-deps", "--disable-pip"),
                *("--format", "json", "--desc", "off", "--progress-spinner", "off"),
                *("--timeout", str(CONNECT_SECONDS), *options),
            ]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
            except subprocess.TimeoutExpired:
                return Run(None)
        return Run(done.returncode, done.stdout, done.stderr)

    return call


def main() -> int:
    packages = Dependencies().distributions
    verdict = audit([f"{name}=={package.version}" for name, package in packages.items()], pip_audit())
    print(verdict)
    return int(verdict.outcome.fails)


if __name__ == "__main__":
    sys.exit(main())
