from __future__ import annotations

import pytest

from tests.targets.contract import TargetContract

pytestmark = pytest.mark.processes


@pytest.mark.usefixtures("docker")
class TestDocker(TargetContract):
    target_name = "docker"
