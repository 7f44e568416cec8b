"""``import mlmagic.azureml``: code for Azure ML v1 runs on mlmagic without changes.

After this import ``from azureml.core import Workspace, Model`` and the like import mlmagic's own classes.
Installed azureml packages take precedence; where they are installed, nothing changes.
"""

from __future__ import annotations

from mlmagic.sdk.aliases import install

install()
