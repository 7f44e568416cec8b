"""Services and packages whose environment has a pin that cannot be installed."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.events import EventKind
from mlmagic.core.package import PackageKind
from mlmagic.core.profile import ProfilePlan
from mlmagic.core.replacements import KEY
from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.errors import BuildFailed, InvalidConfig, LaunchFailed
from mlmagic.widgets.cards import service_card
from tests.support import wheels
from tests.support.conda import conda
from tests.support.docker_engine import DockerEngine
from tests.support.engines import ON_DOCKER

pytestmark = pytest.mark.processes

PYTHON = ".".join(platform.python_version_tuple()[:2])
SCRIPT = (
    "import json\nfrom importlib.metadata import version\n\ndef init():\n    pass\n\n"
    "def run(data):\n    return [version(name) for name in json.loads(data)]\n"
)
USED = f"oldlib 1.0 has no build for Python {PYTHON}; serving with 2.0 (the nearest that has one)"
NEAREST = DeploymentConfig(nearest=True)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, Any]:
    index = wheels.old_index(tmp_path / "index")
    return {
        "name": "old",
        **conda("oldlib=1.0", {"pip": [f"--find-links {index}", "purelib==1.0"]}),
    }


def script(environment: dict[str, Any]) -> InferenceConfig:
    return InferenceConfig("score.py", script_text=SCRIPT, environment=environment)


def test_the_nearest_version_is_said_once_and_recorded(engine: Engine, environment: dict[str, Any]) -> None:
    said: list[str] = []
    deployed = engine.services.deploy("svc", [], script(environment), NEAREST, notify=said.append)
    service = engine.services.wait(deployed, notify=said.append)
    assert engine.requests.score("svc", ["oldlib", "purelib"]) == ["2.0", "1.0"]
    assert said == [USED.replace("1.0 has", "1.0.* has")]
    (found,) = service.replacements
    assert (found.package, found.wanted, found.used) == ("oldlib", "1.0.*", "2.0")
    # The environment's record keeps what was written beside what is used.
    recorded = dict(engine.services.revision(service).inference.environment or {})
    assert [each["used"] for each in recorded.pop(KEY)] == ["2.0"]
    assert recorded == environment
    kinds = [each.message for each in engine.events.list(service="svc") if each.kind is EventKind.REPLACED]
    assert kinds == said
    assert said[0] in service_card(service).text
    assert said[0] in service_card(service, said).markup.replace("&#x27;", "'")

    # An update of something else keeps the versions, and is silent about them.
    engine.services.update("svc", config_changes={"description": "x"}, notify=said.append)
    updated = engine.services.wait(engine.services.get("svc"), notify=said.append)
    assert (len(said), updated.replacements) == (1, service.replacements)
    assert engine.requests.score("svc", ["oldlib"]) == ["2.0"]

    # The environment is built: the next deploy knows at once, and says it once.
    other = engine.services.deploy("other", [], script(environment), NEAREST, notify=said.append)
    assert (said[1:], other.replacements) == (said[:1], service.replacements)
    engine.services.wait(other, notify=said.append)
    assert len(said) == 2


@pytest.mark.parametrize("config", [DeploymentConfig(), DeploymentConfig(nearest=False)])
def test_it_is_refused_in_one_line_unless_it_is_accepted(
    engine: Engine, environment: dict[str, Any], config: DeploymentConfig
) -> None:
    service = engine.services.deploy("svc", [], script(environment), config)
    with pytest.raises(LaunchFailed) as caught:
        engine.services.wait(service)
    assert caught.value.message == (
        f"'svc' failed: the environment cannot be built: oldlib 1.0.* has no build for Python {PYTHON}; "
        "the nearest that has one is 2.0: write oldlib==2.0"
    )
    assert caught.value.log == ""
    assert "--nearest" in caught.value.hint
    # The update accepts it, and a later one refuses it again.
    engine.services.deploy("svc", [], script(environment), replace(config, nearest=True), overwrite=True)
    assert engine.services.wait(engine.services.get("svc")).replacements
    engine.services.update("svc", config_changes={"nearest": False})
    with pytest.raises(LaunchFailed, match=r"oldlib 1\.0\.\* has no build"):
        engine.services.wait(engine.services.get("svc"))
    now = engine.services.get("svc")
    # The deploy that was accepted keeps serving.
    assert (now.state, now.revision, len(now.replacements)) == (State.HEALTHY, 2, 1)


def test_a_python_that_is_replaced_is_recorded(engine: Engine) -> None:
    said: list[str] = []
    service = engine.services.deploy(
        "svc", [], script(conda("python=3.6.2", "six=1.16.0")), nearest=True, notify=said.append
    )
    used = platform.python_version()
    line = (
        f"Python 3.6.2 is older than the scoring server runs on, which is 3.11; serving with {used} "
        "(the nearest that can run the scoring server)"
    )
    assert said == [line]
    assert [each.words for each in service.replacements] == [line]
    assert engine.services.wait(service, notify=said.append).replacements == service.replacements
    assert len(said) == 1
    with pytest.raises(InvalidConfig, match="older than the scoring server runs on"):
        engine.services.deploy(
            "two", [], script(conda("python=3.6.2")), DeploymentConfig(nearest=False), nearest=True
        )


def test_a_package_follows_the_same_rule(engine: Engine, environment: dict[str, Any], tmp_path: Path) -> None:
    said: list[str] = []
    environment["python"]["condaDependencies"]["dependencies"].insert(0, "python=3.6.2")
    inference = script(environment)
    made = engine.packages.create([], inference, kind=PackageKind.FOLDER, nearest=True, notify=said.append)
    assert said[0].startswith("Python 3.6.2 is older than the scoring server runs on")
    assert said[1:] == [
        "oldlib 1.0.* has no build for Python 3.11; serving with 2.0 (the nearest that has one)"
    ]
    assert list(made.log[:2]) == said
    folder = engine.packages.save(made, tmp_path / "taken")
    lines = (folder / "requirements.txt").read_text().splitlines()
    assert {"oldlib==2.0", "purelib==1.0"} <= set(lines)
    assert "oldlib 1.0" not in (folder / "README.md").read_text()
    with pytest.raises(InvalidConfig, match="is older than the scoring server"):
        engine.packages.create([], inference, kind=PackageKind.FOLDER)
    del environment["python"]["condaDependencies"]["dependencies"][0]
    with pytest.raises(BuildFailed, match="write oldlib==") as caught:
        engine.packages.create([], script(environment), kind=PackageKind.FOLDER)
    assert caught.value.log == ""


def test_a_container_gets_the_nearest_version_of_an_old_pin(engine: Engine, docker: DockerEngine) -> None:
    """A real pin of 2017, whose build fails today: MarkupSafe 1.0."""
    said: list[str] = []
    old = script(conda("python=3.6.2", {"pip": ["markupsafe==1.0"]}))
    refused = engine.services.deploy("two", [], script(conda({"pip": ["markupsafe==1.0"]})), ON_DOCKER)
    with pytest.raises(LaunchFailed, match=r"markupsafe 1\.0 has no build for Python 3\.\d+; the nearest"):
        engine.services.wait(refused)
    engine.services.delete("two")
    deployed = engine.services.deploy("svc", [], old, ON_DOCKER, nearest=True, notify=said.append)
    service = engine.services.wait(deployed, notify=said.append)
    (version,) = engine.requests.score("svc", ["markupsafe"])
    assert [(each.package, each.wanted) for each in service.replacements] == [
        ("python", "3.6.2"),
        ("markupsafe", "1.0"),
    ]
    assert service.replacements[1].used == version
    assert said == [each.words for each in service.replacements]
    engine.services.delete("svc")


def test_profiles_and_comparisons_in_containers_take_the_nearest_version_too(
    engine: Engine, docker: DockerEngine
) -> None:
    old = script(conda({"pip": ["markupsafe==1.0"]}))
    row = b'["markupsafe"]'
    said: list[str] = []
    plan = ProfilePlan("old", (0.5,), (0.5,), seconds=0.5, concurrencies=(1,), target="docker")
    profile = engine.profiles.measure(plan, [], old, [row], notify=said.append)
    (size,) = profile.sizes
    assert (size.error, size.failures, size.successful) == ("", (), True)
    assert profile.environment == old.environment
    (used,) = [line for line in said if "markupsafe 1.0 has no build for Python" in line]
    engine.services.wait(engine.services.deploy("svc", [], old, NEAREST))
    (version,) = engine.requests.score("svc", ["markupsafe"])
    assert f"serving with {version} " in used
    found = engine.parity.check("svc", "docker", [row])
    assert (found.rows, found.differences) == (1, ())
