"""``python -m mlmagic.sdk.script_process SCRIPT ARGUMENT...``: runs the script of a run.

`LOCATION` and `RUN_FOLDER` are environment variables: the workspace as JSON, and the folder of the run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mlmagic.scoring.shims.recorded_run import RUN_FOLDER
from mlmagic.scoring.shims.script_process import run_script
from mlmagic.sdk.aliases import install
from mlmagic.sdk.run import Experiment, Run
from mlmagic.sdk.script_run import LOCATION
from mlmagic.sdk.workspace import Workspace
from mlmagic.workspace.location import Location


def main() -> None:
    """Run the script of the command line with its run as `Run.get_context`."""
    install()
    folder = Path(os.environ[RUN_FOLDER])
    workspace = Workspace(Location.from_json(os.environ[LOCATION]))
    Run.set_context(Run(Experiment(workspace, folder.parent.name), folder.name))
    run_script(sys.argv[1], sys.argv[2:])


if __name__ == "__main__":
    main()
