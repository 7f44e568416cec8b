"""Packages as files: folders that build anywhere, one file that serves, manifests."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import filelock
import pytest
import requests
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.core.package import PackageKind, PackageState
from mlmagic.engine.engine import Engine
from mlmagic.engine.packages import packages, zip_main
from mlmagic.errors import (
    AlreadyExists,
    InvalidConfig,
    NotFound,
    ScriptError,
    UsageError,
    WorkspaceUnavailable,
    WrongState,
)
from mlmagic.scoring.__main__ import parser as server_parser
from mlmagic.workspace import assets
from tests.support.entry_scripts import READS_MODEL
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

INFERENCE = InferenceConfig("score.py", script_text=READS_MODEL)


@pytest.fixture
def model(engine: Engine, tmp_path: Path) -> str:
    (tmp_path / "net.bin").write_text("weights")
    return engine.models.register(tmp_path / "net.bin", ModelDescription("net")).id


@pytest.mark.parametrize(
    ("kind", "seconds", "told"),
    [
        (
            PackageKind.KUBERNETES,
            600,
            "600 cannot be in a package of the kind kubernetes: its objects",
        ),
        (PackageKind.FOLDER, 600, "600 cannot be in a package of the kind folder: its server always runs"),
        (PackageKind.ZIP, 600, "600 cannot be in a package of the kind zip: give it to the application"),
        (PackageKind.KNATIVE, 3601, "3601 cannot be above 3600 in a package of the kind knative"),
        (PackageKind.KSERVE, 3601, "3601 cannot be above 3600 in a package of the kind kserve"),
    ],
)
def test_an_idle_timeout_that_a_package_cannot_carry(
    engine: Engine, kind: PackageKind, seconds: int, told: str
) -> None:
    config = DeploymentConfig(idle_timeout_seconds=seconds)
    with pytest.raises(InvalidConfig, match=f"idle_timeout_seconds {told}"):
        engine.packages.create([], INFERENCE, kind=kind, config=config)
    assert engine.packages.list() == []


def test_every_package_has_the_limit_of_concurrent_calls(engine: Engine, model: str) -> None:
    config = DeploymentConfig(replica_max_concurrent_requests=4)
    made = engine.packages.create([model], INFERENCE, kind=PackageKind.FOLDER, config=config)
    assert "MLMAGIC_MAX_CONCURRENT" in (Path(made.location) / "Dockerfile").read_text()


def test_a_folder_has_all_that_docker_build_needs(engine: Engine, model: str, tmp_path: Path) -> None:
    made = engine.packages.create([model], INFERENCE, kind=PackageKind.FOLDER, image_name="net-image")
    assert made.state is PackageState.SUCCEEDED
    folder = engine.packages.save(made, tmp_path / "taken")
    assert (folder / "azureml-models" / "net" / "1" / "net.bin").read_text() == "weights"
    assert (folder / "azureml-app" / "score.py").read_text() == READS_MODEL
    assert "uvloop==" in (folder / "server.txt").read_text()
    assert "--model-dir" in (folder / "Dockerfile").read_text()
    words = (folder / "README.md").read_text()
    assert f"docker build -t net-image:{made.digest[:12]} ." in words
    bill = json.loads((folder / "sbom.cdx.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    libraries = {one["name"]: one for one in bill["components"] if one["type"] == "library"}
    assert libraries["uvloop"]["purl"].startswith("pkg:pypi/uvloop@")
    (of_model,) = [one for one in bill["components"] if one["type"] == "machine-learning-model"]
    assert of_model["components"][0]["hashes"][0]["alg"] == "SHA-256"
    assert engine.packages.get("net-image") == made
    assert engine.packages.list() == [made]
    with pytest.raises(AlreadyExists, match="Name an empty one"):
        engine.packages.save(made, folder)


def test_a_deleted_package_leaves_no_files(
    engine: Engine, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = engine.memory.folder / "packages"
    for name in ("one", "two"):
        engine.packages.create([model], INFERENCE, kind=PackageKind.FOLDER, image_name=name)
    engine.packages.create([model], INFERENCE, kind=PackageKind.ZIP, image_name="one")
    engine.packages.delete("one")
    [kept] = engine.packages.list()
    assert (kept.name, list(folder.iterdir())) == ("two", [Path(kept.location)])
    with pytest.raises(NotFound, match="one"):
        engine.packages.delete("one")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", _interrupt)  # as a kill after the commit
        with pytest.raises(KeyboardInterrupt):
            engine.packages.delete("two")
    assert engine.packages.list() == []
    again = engine.packages.create([model], INFERENCE, kind=PackageKind.FOLDER, image_name="three")
    assert list(folder.iterdir()) == [Path(again.location)]


def _interrupt(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


def test_a_package_for_which_the_disk_is_full_says_what_to_do(
    engine: Engine, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(packages, "_write_folder", fail)
    with pytest.raises(WorkspaceUnavailable, match=r"No space left on device. Free some space"):
        engine.packages.create([model], INFERENCE, kind=PackageKind.FOLDER, image_name="one")
    found = engine.packages.get("one")
    assert (found.state, found.location) == (PackageState.FAILED, "")
    assert "No space left on device" in found.error
    assert list((engine.memory.folder / "packages").iterdir()) == []


def test_a_full_disk_keeps_a_package(engine: Engine, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    made = engine.packages.create([model], INFERENCE, kind=PackageKind.FOLDER, image_name="one")
    with monkeypatch.context() as patched:
        patched.setattr(filelock.FileLock, "acquire", full)
        with pytest.raises(WorkspaceUnavailable, match=r"No space left on device. Free some space"):
            engine.packages.create([model], INFERENCE, kind=PackageKind.FOLDER, image_name="two")
    assert Path(made.location).is_dir()
    assert engine.packages.get("one").state is PackageState.SUCCEEDED


def test_a_package_under_construction_is_not_deleted(
    engine: Engine, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def write(*_: object) -> None:
        with pytest.raises(WrongState) as error:
            engine.packages.delete("one")
        refused.append(str(error.value))

    monkeypatch.setattr(packages, "_write_folder", write)
    engine.packages.create([model], INFERENCE, kind=PackageKind.FOLDER, image_name="one")
    assert refused == ["cannot delete 'one' while it is Running. Interrupt it first, or wait."]
    engine.packages.delete("one")


def test_so_many_packages_of_one_name_are_kept(
    engine: Engine, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "VERSIONS_KEPT", 2)
    for number in range(4):
        script = InferenceConfig("score.py", script_text=f"{READS_MODEL}\n# {number}\n")
        engine.packages.create([model], script, kind=PackageKind.FOLDER, image_name="one")
    assert len(list((engine.memory.folder / "packages").iterdir())) == 2
    with pytest.raises(NotFound, match="3, 4"):
        engine.packages.get("one", 2)


def test_the_same_content_is_the_same_package(
    engine: Engine, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in (PackageKind.FOLDER, PackageKind.ZIP):
        first = engine.packages.create([model], INFERENCE, kind=kind)
        one = engine.packages.save(first, tmp_path / f"{kind}-today")
        with monkeypatch.context() as patched:
            later = time.time() + 86400 * 30
            patched.setattr(time, "time", lambda later=later: later)
            second = engine.packages.create([model], INFERENCE, kind=kind)
        assert second.created_time > first.created_time + 86400
        other = engine.packages.save(second, tmp_path / f"{kind}-later")
        assert (second.digest, second.label) == (first.digest, first.label)
        contents = [
            {path.relative_to(place): path.read_bytes() for path in place.rglob("*") if path.is_file()}
            for place in (one, other)
        ]
        assert contents[0] == contents[1]


def test_a_package_keeps_its_files_while_the_same_is_built_again(
    engine: Engine, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = engine.packages.create([model], INFERENCE, kind=PackageKind.FOLDER)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", _interrupt)  # as a kill just before the new files are in place
        with suppress(KeyboardInterrupt):
            engine.packages.create([model], INFERENCE, kind=PackageKind.FOLDER)
    assert (engine.packages.save(first, tmp_path / "taken") / "Dockerfile").is_file()


def test_a_package_keeps_its_files_when_one_with_other_settings_is_built(
    engine: Engine, model: str, tmp_path: Path
) -> None:
    made = [
        engine.packages.create(
            [model],
            INFERENCE,
            kind=PackageKind.KUBERNETES,
            image_label=label,
            config=DeploymentConfig(cpu=cpu),
        )
        for label, cpu in (("v1", 1), ("v2", 2))
    ]
    for package, label, cpu in zip(made, ("v1", "v2"), ("1", "2"), strict=True):
        folder = engine.packages.save(package, tmp_path / label)
        text = (folder / "kubernetes" / "deployment.yaml").read_text()
        assert f"package:{label}" in text
        assert re.search(rf"cpu: ['\"]?{cpu}\b", text), text


def test_one_file_serves_where_there_is_python_alone(engine: Engine, model: str, tmp_path: Path) -> None:
    config = DeploymentConfig(environment_variables={"GREETING": "hello"})
    # joblib is needed by the server, too: one pin is enough, and it is here.
    script = InferenceConfig("score.py", script_text=f"import joblib\n{READS_MODEL}")
    made = engine.packages.create([model], script, kind=PackageKind.ZIP, image_name="net-zip", config=config)
    with zipfile.ZipFile(made.location) as packed:
        assert not [name for name in packed.namelist() if name.startswith("mlmagic/")]
        lines = [line for name in ("requirements.txt", "server.txt") for line in packed.read(name).split()]
        bill = packed.read("sbom.cdx.json").decode()
    names = [line.decode().partition("==")[0] for line in lines]
    assert "joblib" in names
    assert all(b"==" in line for line in lines)
    assert len(names) == len(set(names))
    listed = [each["name"] for each in json.loads(bill)["components"] if each["type"] == "library"]
    assert sorted(listed) == sorted(names)
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(bill) is None
    port = _free_port()
    environment = {**os.environ, "MLMAGIC_PACKAGES": str(tmp_path / "cache"), "PYTHONPATH": ""}
    command = [sys.executable, made.location, "--port", str(port)]
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE) as server:
        try:
            answer = _ask(f"http://127.0.0.1:{port}", server)
        finally:
            server.terminate()
        assert server.stderr is not None
        assert b"installing" not in server.stderr.read()
    assert answer == ["weights", "hello", [1]]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--help"], 0, "--port PORT"),
        (["-h"], 0, "MLMAGIC_PACKAGES"),
        (["--help"], 0, "Serve score.py (models: net:1)"),
        (["--prot", "1"], 2, "unrecognized arguments: --prot 1"),
        (["--port", "x"], 2, "invalid int value: 'x'"),
    ],
)
def test_help_and_a_wrong_option_install_nothing(
    engine: Engine, model: str, tmp_path: Path, options: list[str], code: int, words: str
) -> None:
    made = engine.packages.create([model], INFERENCE, kind=PackageKind.ZIP)
    environment = {**os.environ, "MLMAGIC_PACKAGES": str(tmp_path / "cache"), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, made.location, *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert words in done.stdout + done.stderr
    assert not (tmp_path / "cache").exists()


def test_a_package_has_no_option_that_its_server_lacks() -> None:
    ours = zip_main.parser("app.pyz", {"entry_script": "score.py", "models": []})._option_string_actions
    assert set(ours) <= set(server_parser()._option_string_actions)


SAYS_PACKAGES = """
import importlib.metadata, os

def init():
    names = {each.metadata["Name"].lower() for each in importlib.metadata.distributions()}
    assert "pytest" not in names, "the environment is not clean"
    assert open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "net.bin")).read() == "weights"
    assert os.environ["GREETING"] == "hello"
    open("left.txt", "w").close()

def run(data): return 1
"""


def test_a_package_is_started_once_in_a_clean_environment(engine: Engine, model: str) -> None:
    config = DeploymentConfig(environment_variables={"GREETING": "hello"})
    script = InferenceConfig("score.py", script_text=SAYS_PACKAGES)
    said: list[str] = []
    for kind in (PackageKind.FOLDER, PackageKind.ZIP):
        made = engine.packages.create(
            [model], script, kind=kind, config=config, test=True, report=said.append
        )
        assert said[-2:] == ["the package starts", f"wrote {made.location}"]
        assert not list(Path(made.location).rglob("left.txt"))


def test_a_package_that_does_not_start_is_not_written(engine: Engine, model: str) -> None:
    script = InferenceConfig("score.py", script_text=SAYS_PACKAGES.replace("pytest", "uvloop"))
    with pytest.raises(ScriptError, match="the environment is not clean"):
        engine.packages.create([model], script, kind=PackageKind.FOLDER, image_name="one", test=True)
    found = engine.packages.get("one")
    assert (found.state, found.location) == (PackageState.FAILED, "")
    assert "the environment is not clean" in found.error
    folder = engine.memory.folder / "packages"
    assert not folder.is_dir() or not list(folder.iterdir())
    packages_of_image = {"docker": {"baseImage": "mine"}, "python": {"userManagedDependencies": True}}
    named = replace(script, environment=packages_of_image)
    with pytest.raises(UsageError, match="the packages of this environment are in an image"):
        engine.packages.create([model], named, kind=PackageKind.FOLDER, test=True)


def _ask(url: str, server: subprocess.Popen[bytes]) -> Any:
    def answer() -> requests.Response:
        if server.poll() is not None:
            raise RuntimeError(server.stderr and server.stderr.read())
        return requests.post(f"{url}/score", data="[1]", timeout=5)

    return wait_for(answer, f"an answer of {url}", ignoring=(requests.ConnectionError,)).json()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_manifests(engine: Engine, model: str) -> None:
    config = DeploymentConfig(cpu=0.5, memory_gb=1, environment_variables={"A": "b"})
    made = engine.packages.create(
        [model], INFERENCE, kind=PackageKind.IOT_EDGE, image_name="edge", config=config
    )
    manifest = json.loads((Path(made.location) / "deployment.json").read_text())["modulesContent"]
    module = manifest["$edgeAgent"]["properties.desired"]["modules"]["edge"]
    assert module["settings"]["image"] == f"edge:{made.label}"
    assert json.loads(module["settings"]["createOptions"])["HostConfig"]["Memory"] == 1 << 30
    routes = manifest["$edgeHub"]["properties.desired"]["routes"]
    assert "/modules/edge/inputs/amlInput" in routes["deviceToModule"]
    assert "/modules/edge/outputs/amlOutput INTO $upstream" in routes["moduleToHub"]
    made = engine.packages.create(
        [model], INFERENCE, kind=PackageKind.KUBERNETES, image_name="kube", config=config
    )
    folder = Path(made.location) / "kubernetes"
    assert yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"] == [
        "service.yaml",
        "deployment.yaml",
    ]
    deployment = yaml.safe_load((folder / "deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "500m", "memory": "1024Mi"}
    assert {"name": "A", "value": "b"} in container["env"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert yaml.safe_load((folder / "service.yaml").read_text())["spec"]["ports"][0]["targetPort"] == "http"


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        (PackageKind.KSERVE, ("serving.kserve.io/v1beta1", "InferenceService")),
        (PackageKind.KNATIVE, ("serving.knative.dev/v1", "Service")),
    ],
)
def test_knative_and_kserve_get_one_object(
    engine: Engine, model: str, kind: PackageKind, shown: tuple[str, str]
) -> None:
    config = DeploymentConfig(num_replicas=3, environment_variables={"A": "b"})
    made = engine.packages.create([model], INFERENCE, kind=kind, image_name="kube", config=config)
    folder = Path(made.location)
    service = yaml.safe_load((folder / f"{kind}.yaml").read_text())
    assert (service["apiVersion"], service["kind"]) == shown
    assert f"image: kube:{made.label}\n" in (folder / f"{kind}.yaml").read_text()
    assert f"kubectl apply -f {kind}.yaml" in (folder / "README.md").read_text()
    assert "kubectl create secret generic kube-keys" in (folder / "README.md").read_text()


def test_what_files_cannot_do_is_told(engine: Engine, model: str) -> None:
    made = engine.packages.create([model], INFERENCE, kind=PackageKind.FOLDER)
    with pytest.raises(UsageError, match="consists of files and is not an image"):
        engine.packages.pull(made)
    with pytest.raises(UsageError, match="only images are pushed"):
        engine.packages.push(made, "registry.example/team/name")
