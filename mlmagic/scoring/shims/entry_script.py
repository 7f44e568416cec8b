"""`azureml_user.parallel_run`: where scripts of batch jobs get their logger."""

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
        """Which worker this is."""
        return f"worker{os.getpid()}"
