"""A large JSON body to an array, in one process: by json and numpy, and by mlmagic."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.environments import HERE, REPOSITORY

ROUNDS = 50


def measure_body(environment: Path | None) -> dict[str, Any]:
    """Megabytes, and milliseconds of each way; or under ``failed`` why there are none."""
    if environment is None:
        return {"failed": "mlmagic is not installed"}
    done = subprocess.run(
        [environment / "bin" / "python", HERE / "apps" / "body_app.py", str(ROUNDS)],
        env={"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no words"])[-1]}
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures
