"""Settings that a target cannot carry out are refused, and nothing is recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig
from mlmagic.targets.capabilities import Capabilities
from mlmagic.targets.fake import FakeTarget
from tests.support.engines import ON_FAKE, script


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"num_replicas": 2}, "num_replicas 2 cannot be more than 1 on 'fake'"),
        ({"idle_timeout_seconds": 60}, "idle_timeout_seconds 60 is not supported by 'fake'"),
        ({"live": True}, "live True is not supported by 'fake'"),
    ],
)
def test_what_a_target_cannot_do_is_refused(
    fake_engine: Engine, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], told: str
) -> None:
    monkeypatch.setattr(FakeTarget, "capabilities", Capabilities())
    with pytest.raises(InvalidConfig, match=told):
        fake_engine.services.deploy("svc", [], script(), replace(ON_FAKE, **settings))
    assert fake_engine.services.names() == []
    fake_engine.services.deploy("svc", [], script(), DeploymentConfig("fake", num_replicas=1))
    with pytest.raises(InvalidConfig, match=told):
        fake_engine.services.update("svc", config_changes=settings)
