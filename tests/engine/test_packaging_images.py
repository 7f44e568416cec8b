"""Packages and a real Docker engine: images, folders that are built, a registry."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.core.package import PackageKind, PackageState
from mlmagic.engine.engine import Engine
from mlmagic.errors import BuildFailed, UsageError
from mlmagic.targets.images.package_index import access_files
from tests.support import docker_registry
from tests.support.docker_engine import DockerEngine
from tests.support.entry_scripts import READS_MODEL
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]
INFERENCE = InferenceConfig("score.py", script_text=READS_MODEL)


@pytest.fixture
def model(engine: Engine, tmp_path: Path) -> str:
    (tmp_path / "net.bin").write_text("weights")
    return engine.models.register(tmp_path / "net.bin", ModelDescription("net")).id


@pytest.fixture
def container(docker: DockerEngine) -> Iterator[Any]:
    """Runs an image as the documents do, and says where it answers."""
    made: list[str] = []

    def run(image: str) -> str:
        options = ["--detach", "--read-only", "--tmpfs", "/tmp", "--publish", "127.0.0.1::5001"]
        made.append(docker.docker("run", *options, image).strip())
        port = docker.docker("port", made[-1], "5001").strip().rpartition(":")[2]
        return f"http://127.0.0.1:{port}"

    yield run
    for name in made:
        docker.docker("rm", "--force", name)


def answer_of(url: str) -> Any:
    ask = partial(requests.post, f"{url}/score", data="[1]", timeout=5)
    return wait_for(ask, f"an answer of {url}", ignoring=(requests.ConnectionError,)).json()


def test_an_image_serves_and_its_folder_builds_the_same(
    engine: Engine, docker: DockerEngine, model: str, container: Any, tmp_path: Path
) -> None:
    said: list[str] = []
    made = engine.packages.create(
        [model], INFERENCE, image_name="packaged", image_label="v1", test=True, report=said.append
    )
    assert said[-1] == "the package starts"
    assert "packaged:v1" not in docker.docker("ps", "--all", "--format", "{{.Image}}")
    assert docker.docker("image", "ls", "--quiet", "mlmagic/models") == "", "the models have no second name"
    assert (made.state, made.location) == (PackageState.SUCCEEDED, "packaged:v1")
    assert said
    engine.packages.pull(made)  # it is there
    with pytest.raises(UsageError, match="is an image in the Docker engine"):
        engine.packages.save(made, tmp_path / "none")
    assert answer_of(container(made.location)) == ["weights", None, [1]]

    folder = engine.packages.save(
        engine.packages.create([model], INFERENCE, kind=PackageKind.FOLDER), tmp_path / "f"
    )
    # As its README says for a mirror: this machine's way to the index.
    for name, content in access_files().items():
        (folder / name).write_bytes(content)
    docker.docker("build", "--tag", "from-folder:1", str(folder))
    inside = docker.docker(
        "run", "--rm", "--entrypoint", "sh", "from-folder:1", "-c", "id -u; ls /access /requirements; true"
    )
    assert inside.splitlines()[0] == "10001"
    assert answer_of(container("from-folder:1")) == ["weights", None, [1]]
    docker.docker("rmi", "--force", "packaged:v1", "from-folder:1")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    with docker_registry.running(tmp_path) as address:
        yield address


def test_an_image_is_pushed_and_pulled(
    engine: Engine, docker: DockerEngine, model: str, registry: str, container: Any
) -> None:
    made = engine.packages.create([model], INFERENCE, image_name="pushed", image_label="v1")
    pushed = engine.packages.push(made, f"{registry}/team/pushed")
    assert pushed == f"{registry}/team/pushed:v1"
    docker.docker("rmi", "--force", pushed, made.location)
    docker.docker("pull", pushed)
    assert answer_of(container(pushed)) == ["weights", None, [1]]
    with pytest.raises(BuildFailed, match="cannot be pushed"):
        engine.packages.push(made, "127.0.0.1:1/team/pushed")


def test_an_image_that_does_not_start_is_a_failed_package(
    engine: Engine, docker: DockerEngine, model: str
) -> None:
    broken = InferenceConfig("score.py", script_text=READS_MODEL.replace("net.bin", "other.bin"))
    with pytest.raises(BuildFailed, match=r"does not start: FileNotFoundError: .*other\.bin"):
        engine.packages.create([model], broken, image_name="broken", image_label="v1", test=True)
    assert engine.packages.get("broken").state is PackageState.FAILED
    docker.docker("rmi", "--force", "broken:v1")


def test_a_package_that_cannot_be_built_is_kept_with_its_log(
    engine: Engine, docker: DockerEngine, model: str
) -> None:
    wrong = InferenceConfig(
        "score.py",
        script_text=READS_MODEL,
        environment={
            "python": {"condaDependencies": {"dependencies": [{"pip": ["no-such-package-at-all==9"]}]}}
        },
    )
    with pytest.raises(BuildFailed) as caught:
        engine.packages.create([model], wrong, image_name="failed")
    assert "no-such-package-at-all" in str(caught.value)
    kept = engine.packages.get("failed")
    assert kept.state is PackageState.FAILED
    assert any("no-such-package-at-all" in line for line in kept.log)
