"""`azureml_user.parallel_run`: the logger of scripts in batch jobs."""

from __future__ import annotations

import logging
import os
import sys


class EntryScript:
    """``EntryScript().logger`` writes to the job's log."""

    def __init__(self, *args: object, **more: object) -> None:
        self.logger = logging.getLogger("azureml_user.parallel_run")
        if not self.logger.handlers:
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            self.logger.addHandler(handler)
            self.logger.setLevel(logging.INFO)

    @property
    def working_dir(self) -> str:
        """The folder of the script."""
        return os.getcwd()

    @property
    def agent_name(self) -> str:
        """The name of this worker process."""
        return f"worker{os.getpid()}"
