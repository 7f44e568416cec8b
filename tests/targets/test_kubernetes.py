"""The target kubernetes on a real cluster."""

from __future__ import annotations

import pytest

from tests.targets.contract import TargetContract

pytestmark = pytest.mark.processes


@pytest.mark.usefixtures("cluster")
class TestKubernetes(TargetContract):
    target_name = "kubernetes"
