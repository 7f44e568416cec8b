"""``import mlmagic.azureml``: code of the first Azure ML SDK runs here as it stands.

After it ``from azureml.core import Workspace, Model`` and the like find mlmagic's own objects, wherever the
real packages are not installed; where they are, they are used, and nothing changes.
"""

from __future__ import annotations

from mlmagic.sdk.aliases import install

install()
