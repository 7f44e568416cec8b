"""Settings of Azure ML v1's server at a deploy: what has no effect is named, what is wrong is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.webservice import ServiceSpec
from mlmagic.engine.engine import Engine
from mlmagic.errors import UsageError
from mlmagic.targets.fake import FakeTarget
from tests.support.engines import ON_FAKE, MakeEngine, script

pytestmark = pytest.mark.together


def test_settings_without_effect_are_named_at_the_deploy(fake_engine: Engine) -> None:
    said: list[str] = []
    config = replace(ON_FAKE, environment_variables={"WORKER_TIMEOUT": "4", "AML_APP_INSIGHTS_KEY": "hush"})
    service = fake_engine.services.deploy("svc", [], script(), config, notify=said.append)
    fake_engine.services.wait(service, 20)
    assert [line.partition(":")[0] for line in said] == [
        "WORKER_TIMEOUT=4 has no effect",
        "AML_APP_INSIGHTS_KEY has no effect",
    ]
    said.clear()
    fake_engine.services.update("svc", config_changes={"cpu": 0.2}, notify=said.append)
    assert said == []


class UnlimitedTarget(FakeTarget):
    """A fake target that starts a process of this machine, as ``local`` does."""

    capabilities = replace(FakeTarget.capabilities, runs_interpreter=True)


def test_a_size_is_named_where_a_service_is_not_limited(make_engine: MakeEngine) -> None:
    targets = {"fake": FakeTarget(), "unlimited": UnlimitedTarget()}
    engine = make_engine(targets=targets.__getitem__)
    said: list[str] = []
    engine.services.deploy("limited", [], script(), DeploymentConfig("fake", cpu=2), notify=said.append)
    engine.services.deploy("of-any-size", [], script(), DeploymentConfig("unlimited"), notify=said.append)
    assert said == []
    config = DeploymentConfig("unlimited", cpu=2, memory_gb=0.75)
    engine.services.deploy("svc", [], script(), config, notify=said.append)
    assert said == [
        "cpu=2 and memory_gb=0.75 have no effect on the target 'unlimited': it does not limit a service."
    ]
    said.clear()
    engine.services.update("svc", config_changes={"description": "as before"}, notify=said.append)
    assert said == []
    engine.services.update("svc", config_changes={"memory_gb": 1}, notify=said.append)
    assert said == ["memory_gb=1 has no effect on the target 'unlimited': it does not limit a service."]


class ContainerTarget(FakeTarget):
    """A fake target that says it runs images."""

    capabilities = replace(FakeTarget.capabilities, builds_images=True)

    def missing_image(self, spec: ServiceSpec) -> str | None:
        return None


@pytest.mark.parametrize("target", ["fake", "container"])
def test_a_health_port_is_named_where_it_is_not_published(make_engine: MakeEngine, target: str) -> None:
    targets = {"fake": FakeTarget(), "container": ContainerTarget()}
    engine = make_engine(targets=targets.__getitem__)
    said: list[str] = []
    config = DeploymentConfig(target, environment_variables={"SEPERATE_HEALTH_ENDPOINT": "true"})
    engine.services.deploy("svc", [], script(), config, notify=said.append)
    assert [line[:36] for line in said] == ["The health port 5000 answers inside "] * (target == "container")


def test_a_health_port_that_is_no_port_is_refused(fake_engine: Engine) -> None:
    wrong = {"HEALTH_PORT": "x"}
    with pytest.raises(UsageError, match="HEALTH_PORT is 'x': it must be a port from 1 to 65535"):
        fake_engine.services.deploy("svc", [], script(), replace(ON_FAKE, environment_variables=wrong))
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    with pytest.raises(UsageError, match="HEALTH_PORT"):
        fake_engine.services.update("svc", config_changes={"environment_variables": wrong})
