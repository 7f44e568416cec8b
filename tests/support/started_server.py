"""A scoring server that a test starts as a process of its own, with the script that it likes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from mlmagic.scoring import report
from tests.support.waiting import wait_for

SCRIPT = """
import os, time
def init():
    if os.path.exists("broken"):
        raise ValueError("broken by the test")
def run(data):
    if "end" in data:
        os._exit(5)
    if "slow" in data:
        time.sleep(0.5)
    print("scored")
    return os.getpid()
"""


class Started:
    """A server of the test's own."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        script: str = SCRIPT,
        command: Sequence[str] = ("mlmagic.scoring",),
        **variables: str,
    ) -> None:
        """``command`` is the module to run, and its subcommand."""
        self.folder, self.run_dir = folder, folder / "run"
        self.run_dir.mkdir(exist_ok=True)
        report.prepare(self.run_dir)
        (folder / "score.py").write_text(script)
        self.log = self.run_dir / "log.txt"
        line = [sys.executable, "-m", *command, "--entry-script", str(folder / "score.py")]
        line += ["--port", "0", "--run-dir", str(self.run_dir), *arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                line, stdout=log, stderr=log, env={**os.environ, **variables}, start_new_session=True
            )

    def report(self) -> report.Report:
        found = report.read_report(self.run_dir)
        assert found is not None
        return found

    def until(self, **wanted: Any) -> report.Report:
        def fits() -> report.Report | None:
            seen = report.read_report(self.run_dir)
            return (
                seen if seen and all(getattr(seen, key) == value for key, value in wanted.items()) else None
            )

        return wait_for(fits, lambda: f"{wanted}: {self.log.read_text()}", timeout=30)  # type: ignore[no-any-return]

    def up(self) -> Started:
        self.until(phase=report.SERVING)
        return self

    @property
    def url(self) -> str:
        return str(self.report().url)

    def score(self, data: Any = "{}", session: Any = requests) -> Any:
        return session.post(f"{self.url}/score", data=data, timeout=20)

    def pids(self, calls: int = 12) -> set[int]:
        """The processes that answer new connections."""
        return {self.score().json() for _ in range(calls)}

    def counted(self) -> dict[str, Any]:
        answer = requests.get(f"{self.url}/metrics", headers={"Accept": "application/json"}, timeout=5)
        return dict(answer.json())

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)
