"""A target of another package that provides the core of the contract and nothing else keeps working."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.webservice import State
from mlmagic.errors import UsageError
from mlmagic.targets import registry
from mlmagic.targets.capabilities import Capabilities
from tests.support.answering import Answering
from tests.support.engines import MakeEngine
from tests.targets.contract import SCRIPTS, TargetContract

pytestmark = pytest.mark.together

PLUGIN = Path(__file__).parent / "plugin" / "plainplace.py"


@pytest.fixture(autouse=True)
def _installed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package lies installed, with its entry point, as pip leaves one."""
    site = tmp_path_factory.mktemp("site")
    shutil.copy(PLUGIN, site)
    metadata = site / "plainplace-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plainplace\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[mlmagic.targets]\nplain = plainplace:PlainTarget\n")
    monkeypatch.syspath_prepend(site)
    registry.installed.cache_clear()
    yield
    registry.installed.cache_clear()


class TestPlain(TargetContract):
    target_name = "plain"
    answers = False


def test_it_claims_nothing() -> None:
    assert registry.load("plain").capabilities == Capabilities()
    assert "plain" in registry.names()


def test_a_service_lives_its_whole_life_on_it(make_engine: MakeEngine) -> None:
    import plainplace  # type: ignore[import-not-found]

    server = Answering()
    plainplace.URL = server.url
    engine = make_engine()
    echo, config = InferenceConfig(str(SCRIPTS / "echo.py")), DeploymentConfig("plain")
    service = engine.services.wait(engine.services.deploy("svc", [], echo, config), 20)
    assert service.state is State.HEALTHY
    assert list(engine.services.logs("svc")) == [f"job {service.handle['job']} started"]
    assert not engine.replicas.can_scale(service)
    for refused in (lambda: engine.replicas.set("svc", 2), lambda: engine.requests.recorded("svc")):
        with pytest.raises(UsageError):
            refused()
    assert (
        engine.services.wait(
            engine.services.update("svc", config_changes={"description": "again"}), 20
        ).revision
        == 2
    )
    assert engine.services.stop("svc").state is State.STOPPED
    engine.services.delete("svc")
    assert plainplace._services == {}
    server.close()
