"""What a call of run() takes by itself, in the environment of a server: the limit of that server."""

from __future__ import annotations

import json
import os
import subprocess

from tests.benchmarks.peers.process import on_server_cores
from tests.benchmarks.peers.servers import APPS, Place, Server, variables

FLAVOUR = "plain"
"""The script that azureml-inference-server-http serves, too."""
LIMIT_S = 120.0


def measure_run(server: Server, place: Place) -> float | None:
    """Microseconds; None for a server of another script. Raises OSError."""
    if not server.serves_plain_script:
        return None
    body = json.dumps(server.body(place.model.rows[:1]))
    command = [place.tool("python"), str(APPS / "run_app.py"), place.script(FLAVOUR), body]
    done = subprocess.run(
        on_server_cores(command),
        env={
            **variables(server, place),
            "AZUREML_MODEL_DIR": str(place.model.folder),
            "HOME": os.environ["HOME"],
        },
        cwd=place.folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    if done.returncode:
        raise OSError(f"run() by itself failed: {(done.stderr.strip().splitlines() or ['no words'])[-1]}")
    return float(done.stdout)
