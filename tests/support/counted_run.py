"""A process that a server of pipelines starts for a request: it creates a file, and answers the request.

The body's Description is what it does: see `main`.
"""

from __future__ import annotations

import json
import os
import sys

from mlmagic.engine.pipeline_endpoints.submissions import ANSWER_VARIABLE, LOCATION_VARIABLE
from mlmagic.workspace.location import Location

STARTED = "started"
"""The folder, in that of the workspace, with a file for each start."""


def main() -> None:
    """Answer, or wait until a file ``go`` is there, or end without an answer."""
    request = json.load(sys.stdin)
    told = json.loads(request["body"]).get("Description", "")
    folder = Location.from_json(os.environ[LOCATION_VARIABLE]).folder
    (folder / STARTED).mkdir(exist_ok=True)
    (folder / STARTED / request["run_id"]).touch(exist_ok=False)
    if told == "die":
        sys.exit("no such file")
    pipe = os.fdopen(int(os.environ[ANSWER_VARIABLE]), "wb")
    os.set_inheritable(pipe.fileno(), False)
    if told == "wait":
        import time

        while not (folder / "go").exists():
            time.sleep(0.01)
    (folder / STARTED / request["run_id"]).write_text("begun")
    try:
        pipe.write(json.dumps([200, {"Id": request["run_id"]}]).encode())
        pipe.close()
    except BrokenPipeError:
        pass


if __name__ == "__main__":
    main()
