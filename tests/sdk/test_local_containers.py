"""The documents' ``local`` in a container: where the environment asks for an image, and Docker is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.sdk.aci_webservice import AciWebservice
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.inference import InferenceConfig
from mlmagic.sdk.local_webservice import LocalWebservice
from mlmagic.sdk.model import Model
from mlmagic.sdk.webservice import Webservice
from mlmagic.sdk.workspace import Workspace
from tests.support.docker_engine import BASE_IMAGE, DockerEngine

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


def test_an_image_makes_a_local_service_a_container(
    workspace: Workspace, source: Path, docker: DockerEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "source_dir" / "score.py").write_text(
        "import os\ndef init():\n    print('up')\n"
        "    for place in ('data.txt', 'source_dir/data.txt', './source_dir/data.txt'):\n"
        "        assert open(place).read() == 'data'\n"
        "def run(data):\n    return [os.getuid(), os.getpid()]\n"
    )
    (source / "source_dir" / "data.txt").write_text("data")
    environment = Environment.from_docker_image("mine", BASE_IMAGE)
    script = InferenceConfig("score.py", source_directory="source_dir", environment=environment)
    service = Model.deploy(workspace, "boxed", [], script, LocalWebservice.deploy_configuration())
    assert f"base image {BASE_IMAGE}: the service runs in a container" in capsys.readouterr().out
    service.wait_for_deployment(timeout_sec=240)
    assert type(service) is LocalWebservice
    assert service.compute_type == "Local"
    assert type(Webservice(workspace, "boxed")) is LocalWebservice
    assert service.record.target == "docker"
    assert service.run("1") == [10001, 1]
    assert "up" in service.get_logs()
    assert isinstance(service, LocalWebservice)
    assert service.port
    (source / "source_dir" / "score.py").write_text("def init(): pass\ndef run(data): return 'new'\n")
    service.reload(wait=True)
    assert service.run("1") == "new"
    service.delete()


def test_aci_is_a_container_of_that_size(workspace: Workspace, source: Path, docker: DockerEngine) -> None:
    (source / "source_dir" / "score.py").write_text(
        "from pathlib import Path\ndef init(): pass\n"
        "def run(data):\n"
        "    for place in ('memory/memory.limit_in_bytes', 'memory.max'):\n"
        "        file = Path('/sys/fs/cgroup', place)\n"
        "        if file.exists(): return int(file.read_text())\n"
    )
    script = InferenceConfig("score.py", source_directory="source_dir")
    config = AciWebservice.deploy_configuration(
        cpu_cores=1, memory_gb=0.25, auth_enabled=True, tags={"a": "b"}
    )
    service = Model.deploy(workspace, "sized", [], script, config)
    service.wait_for_deployment(timeout_sec=240)
    assert isinstance(service, AciWebservice)
    assert service.run("1") == 1 << 28
    assert (service.cpu_cores, service.memory_gb, service.tags) == (1, 0.25, {"a": "b"})
    primary, secondary = service.get_keys()
    assert primary != secondary
    service.update(tags={"c": "d"})
    service.wait_for_deployment(timeout_sec=240)
    assert service.run("1") == 1 << 28
    service.delete()
