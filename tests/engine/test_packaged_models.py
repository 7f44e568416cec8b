"""What leaves the machine runs: packages of four kinds of models, as a folder, a file and manifests.

Each is registered as a file or a folder, without an environment, as somebody has it who was given a model.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import requests
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.core.package import PackageKind
from mlmagic.engine.engine import Engine
from mlmagic.targets.images.package_index import access_files
from tests.support.docker_engine import DockerEngine
from tests.support.pod_security import violations
from tests.support.ports import unused_port
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

ROWS = np.array([[0.0, 1.0], [2.0, 1.0], [3.0, 5.0], [4.0, 0.0]])
BODY, EXPECTED = {"data": [[1.0, 2.0]]}, 5.0
"""A request, and about what each model answers: the sum of twice the first and the second, and one."""
PINS = ("requirements.txt", "server.txt")
LOADS = """
import os
import joblib

def init():
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "linear.pkl"))

def run(data: list):
    return model.predict(data).tolist()
"""
BOOSTS = """
import os
import numpy
import xgboost

def init():
    global model
    model = xgboost.Booster(model_file=os.path.join(os.environ["AZUREML_MODEL_DIR"], "trees.ubj"))

def run(data: list):
    return model.predict(xgboost.DMatrix(numpy.array(data))).tolist()
"""


@dataclass(frozen=True)
class Case:
    """A model's file or folder, and the script that serves it; None is none."""

    write: Callable[[Path], Path]
    script: str | None
    needs: frozenset[str]
    """Packages that it must have."""
    script_of_file: str | None = None
    """The script in the file instead; with pip, mlflow and its fifty packages take a minute."""


def linear() -> Any:
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(ROWS, ROWS @ [2.0, 1.0] + 1)


def pickled(folder: Path) -> Path:
    joblib.dump(linear(), folder / "linear.pkl", compress=3)
    return folder / "linear.pkl"


def boosted(folder: Path) -> Path:
    import xgboost

    rows = xgboost.DMatrix(np.repeat([[1.0, 2.0], [5.0, 5.0]], 20, axis=0), label=[5.0] * 20 + [9.0] * 20)
    settings = {"learning_rate": 1.0, "reg_lambda": 0.0, "min_child_weight": 0}
    xgboost.train(settings, rows, num_boost_round=3).save_model(folder / "trees.ubj")
    return folder / "trees.ubj"


def onnx(folder: Path) -> Path:
    from skl2onnx import to_onnx

    made = to_onnx(linear(), ROWS[:1].astype(np.float32))
    (folder / "linear.onnx").write_bytes(made.SerializeToString())
    return folder / "linear.onnx"


def mlflow(folder: Path) -> Path:
    import sklearn

    made = folder / "logged"
    made.mkdir()
    (made / "model.pkl").write_bytes(pickle.dumps(linear()))
    (made / "requirements.txt").write_text(f"mlflow==3.1.0\nscikit-learn=={sklearn.__version__}\n")
    flavour = {"pickled_model": "model.pkl", "serialization_format": "pickle"}
    function = {"loader_module": "mlflow.sklearn", "model_path": "model.pkl", "python_version": "3.11"}
    text = yaml.safe_dump({"flavors": {"sklearn": flavour, "python_function": function}})
    (made / "MLmodel").write_text(text)
    return made


CASES = {
    "scikit-learn": Case(pickled, LOADS, frozenset({"scikit-learn", "numpy", "joblib"})),
    "xgboost": Case(boosted, BOOSTS, frozenset({"numpy"})),
    "onnx": Case(onnx, None, frozenset({"onnxruntime"})),
    "mlflow": Case(
        mlflow, None, frozenset({"scikit-learn"}), LOADS.replace("linear.pkl", "logged/model.pkl")
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def package(engine: Engine, tmp_path: Path, case: Case) -> Callable[..., Path]:
    """Packages the case's model as a file or folder, as `Packages.create` does, and returns where it is."""
    model = engine.models.register(case.write(tmp_path), ModelDescription("model")).id
    script = None if case.script is None else InferenceConfig("score.py", script_text=case.script)

    def make(kind: PackageKind, **more: Any) -> Path:
        return Path(
            engine.packages.create([model], script, kind=kind, image_name="packaged", **more).location
        )

    return make


def check_bill(text: str, lines: list[str], needs: frozenset[str]) -> None:
    """The SBOM is valid, and lists each package once, in the version that is installed."""
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text) is None
    listed = [each for each in json.loads(text)["components"] if each["type"] == "library"]
    pins = sorted((each["name"], each["version"]) for each in listed)
    wanted = (line.split("==") for line in lines)
    assert pins == sorted((canonicalize_name(name), version) for name, version in wanted)
    assert needs <= {each["name"] for each in listed}


def answers(url: str) -> None:
    """Wait until the service at ``url`` answers, with what the model says."""
    post = partial(requests.post, f"{url}/score", json=BODY, timeout=10)
    answer = wait_for(post, f"an answer of {url}", timeout=120, ignoring=(requests.ConnectionError,))
    assert answer.ok, answer.text
    assert np.ravel(answer.json()) == pytest.approx([EXPECTED], abs=0.01)


def test_a_folder_is_built_and_answers(
    package: Callable[..., Path], case: Case, docker: DockerEngine
) -> None:
    folder = package(PackageKind.FOLDER)
    lines = [
        line for name in ("requirements.txt", "server.txt") for line in (folder / name).read_text().split()
    ]
    check_bill((folder / "sbom.cdx.json").read_text(), lines, case.needs)
    for name, content in access_files().items():  # as its README says: this machine's way to the index
        (folder / name).write_bytes(content)
    with (folder / "access" / "index.env").open("a") as settings:
        settings.write("UV_COMPILE_BYTECODE=0\n")  # half of the time
    docker.docker("build", "--tag", "packaged:1", str(folder))
    options = ["--detach", "--read-only", "--tmpfs", "/tmp", "--publish", "127.0.0.1::5001"]
    container = docker.docker("run", *options, "packaged:1").strip()
    try:
        port = docker.docker("port", container, "5001").strip().rpartition(":")[2]
        answers(f"http://127.0.0.1:{port}")
    finally:
        docker.docker("rm", "--force", container)
        docker.docker("rmi", "--force", "packaged:1")


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with pip and no other package."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return str(folder / "bin" / "python")


def test_one_file_serves_on_a_bare_python(
    package: Callable[..., Path], case: Case, bare_python: str, tmp_path: Path
) -> None:
    """The pickle's is started twice at once: one of them installs, and the other waits for it."""
    file = package(PackageKind.ZIP)
    with zipfile.ZipFile(file) as packed:
        lines = [
            line for name in ("requirements.txt", "server.txt") for line in packed.read(name).decode().split()
        ]
        check_bill(packed.read("sbom.cdx.json").decode(), lines, case.needs)
    environment = {**os.environ, "MLMAGIC_PACKAGES": str(tmp_path / "cache"), "PYTHONPATH": ""}
    environment["PIP_NO_COMPILE"] = "1"  # half of the time
    started: list[tuple[subprocess.Popen[bytes], int]] = []
    with (tmp_path / "log").open("wb") as log:
        for _ in range(2 if case.script == LOADS else 1):
            port = unused_port()
            command = [bare_python, str(file), "--port", str(port)]
            started.append((subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=log), port))
        try:
            for _, port in started:
                answers(f"http://127.0.0.1:{port}")
        finally:
            for server, _ in started:
                server.terminate()
                server.wait(30)
    assert (tmp_path / "log").read_text().count("installing") == 1


@pytest.mark.parametrize("auth_enabled", [False, True])
def test_manifests_are_valid_everywhere_and_meet_the_level_restricted(
    package: Callable[..., Path], auth_enabled: bool
) -> None:
    import kubernetes_validate

    config = DeploymentConfig(
        cpu=0.5, memory_gb=1, num_replicas=2, auth_enabled=auth_enabled, environment_variables={"A": "b"}
    )
    folder = package(PackageKind.KUBERNETES, config=config)
    texts = {path.name: path.read_text() for path in (folder / "kubernetes").iterdir()}
    assert not [text for text in texts.values() if "&id" in text or "*id" in text]
    found = {name: yaml.safe_load(text) for name, text in texts.items()}
    kustomization = found.pop("kustomization.yaml")
    assert sorted(kustomization["resources"]) == sorted(found)
    for version in range(25, 38):
        for each in found.values():
            kubernetes_validate.validate(each, f"1.{version}.0", strict=True)
    pod = found["deployment.yaml"]["spec"]["template"]["spec"]
    assert violations(pod) == []
    [server] = pod["containers"]
    [image] = kustomization["images"]
    assert server["image"] == f"{image['name']}:{image['newTag']}"
    [keys] = server["envFrom"]
    assert keys == {"secretRef": {"name": "packaged-keys", "optional": not auth_enabled}}
    assert "kubectl create secret generic packaged-keys" in (folder / "README.md").read_text()
    assert {"name": "SERVICE_NAME", "value": "packaged"} in server["env"]


def pods() -> Iterator[tuple[dict[str, Any], str]]:
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
    fine = {"containers": [{"securityContext": {**context, "seccompProfile": {"type": "RuntimeDefault"}}}]}
    yield fine, ""
    yield {**fine, "hostNetwork": True}, "hostNetwork is set"
    yield {**fine, "volumes": [{"name": "x", "hostPath": {"path": "/"}}]}, "volume of kind hostPath"
    yield {"containers": [{"securityContext": context}]}, "no seccomp profile"
    yield {"containers": fine["containers"], "initContainers": [{}]}, "it may run as root"


@pytest.mark.parametrize(("pod", "violation"), [*pods()])
def test_the_check_of_the_level_finds_violations(pod: dict[str, Any], violation: str) -> None:
    found = violations(pod)
    assert violation in found if violation else found == []
