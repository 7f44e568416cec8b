from __future__ import annotations

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.errors import TargetUnavailable, Unschedulable
from mlmagic.targets.fake import FakeTarget
from tests.targets.contract import TargetContract


class TestFake(TargetContract):
    target_name = "fake"
    answers = False


def test_it_misbehaves_when_told() -> None:
    fake = FakeTarget()
    fake.available = False
    with pytest.raises(TargetUnavailable, match="is off"):
        fake.check()
    with pytest.raises(Unschedulable, match="2000 GB"):
        fake.validate(DeploymentConfig("fake", memory_gb=2000))
