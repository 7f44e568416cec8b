"""What a container costs: `python -m tests.benchmarks.containers`.

The image of a service with a scikit-learn model, as the target docker builds it, beside one with the first
SDK's server (azureml-inference-server-http) as its documents write it: the size, the first build, the build
after the script has changed, and the time from the start of a container to its first answer. Both install the
same scikit-learn upon the same base image; candidates take turns. And twenty services at once on one engine.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import requests

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.targets.docker.connection import connect, current
from mlmagic.targets.images.context import Context
from mlmagic.targets.images.package_index import access_files
from mlmagic.workspace.location import Location
from tests.benchmarks.measure import table
from tests.support.docker_engine import BASE_IMAGE, DockerEngine, running

SCRIPT = """
import json, os, joblib, numpy

def init():
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl"))

def run(raw_data):
    return model.predict(numpy.array(json.loads(raw_data)["data"])).tolist()  # {number}
"""
SKLEARN = f"scikit-learn=={version('scikit-learn')}"
REFERENCE = "azureml-inference-server-http==1.5.1"
CONFIG = DeploymentConfig("docker", cpu=2.0, memory_gb=1.0)
DATA = '{"data": [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]}'
REFERENCE_DOCKERFILE = f"""
FROM {BASE_IMAGE}
COPY access/ /access/
RUN set -a && . /access/index.env && \\
    python3 -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir {REFERENCE} {SKLEARN}
COPY azureml-models/ /var/azureml-models/
COPY azureml-app/ /var/azureml-app/
ENV AZUREML_MODEL_DIR=/var/azureml-models AML_APP_ROOT=/var/azureml-app
WORKDIR /var/azureml-app
EXPOSE 5001
CMD ["/opt/venv/bin/azmlinfsrv", "--entry_script", "score.py", "--port", "5001"]
"""


@dataclass(frozen=True, slots=True)
class Reference:
    """The first SDK's server in an image of its own."""

    api: Any
    model: Path

    def build(self, number: int) -> None:
        files = {
            **access_files(),
            "Dockerfile": REFERENCE_DOCKERFILE.encode(),
            "azureml-app/score.py": SCRIPT.replace("{number}", str(number)).encode(),
            "azureml-models/model.pkl": self.model,
        }
        archive = io.BytesIO()
        Context(files).archive(archive)
        archive.seek(0)
        said = list(
            self.api.build(
                fileobj=archive, custom_context=True, tag="reference", decode=True, nocache=number == 0
            )
        )
        assert not [line for line in said if "error" in line], said[-5:]

    def start(self) -> None:
        host = self.api.create_host_config(
            port_bindings={5001: ("127.0.0.1", None)}, mem_limit="1g", nano_cpus=2_000_000_000
        )
        made = self.api.create_container("reference", ports=[5001], host_config=host)
        self.api.start(made["Id"])
        try:
            port = self.api.port(made["Id"], 5001)[0]["HostPort"]
            answered(f"http://127.0.0.1:{port}/score")
        finally:
            self.api.remove_container(made["Id"], force=True)


@dataclass(frozen=True, slots=True)
class Ours:
    """A service of the target docker."""

    engine: Engine

    def deploy(self, number: int) -> None:
        script = SCRIPT.replace("{number}", str(number))
        inference = InferenceConfig("score.py", script_text=script, requirements=(SKLEARN,))
        self.engine.services.wait(
            self.engine.services.deploy("bench", ["bench"], inference, CONFIG, overwrite=True)
        )
        self.engine.requests.score("bench", DATA)

    def start(self) -> None:
        self.engine.services.wait(self.engine.services.start("bench"))
        self.engine.requests.score("bench", DATA)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--services", type=int, default=20)
    given = options.parse_args()
    with running() as docker, tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        os.environ |= {"DOCKER_HOST": docker.host, "MLMAGIC_BASE_IMAGE": BASE_IMAGE}
        folder = Path(name)
        engine = Engine(Location.of_folder(folder / "workspace"), use_daemon=False)
        try:
            _beside_the_reference(engine, docker, folder, given.rounds)
            _many(engine, docker, given.services)
        finally:
            for service in engine.services.names():
                engine.services.delete(service)
            engine.close()


def _beside_the_reference(engine: Engine, docker: DockerEngine, folder: Path, rounds: int) -> None:
    model_file = model(folder)
    engine.models.register(str(model_file), ModelDescription("bench"))
    ours, reference = Ours(engine), Reference(connect(current()), model_file)

    def reference_deploys(number: int) -> None:
        reference.build(number)
        reference.start()

    deploys: dict[str, Callable[[int], None]] = {"mlmagic": ours.deploy, "reference": reference_deploys}
    first: dict[str, list[float]] = {who: [] for who in deploys}
    for _ in range(rounds):
        for who, run in deploys.items():
            _forget_images(engine, docker)
            first[who].append(_seconds(lambda run=run: run(0)))  # type: ignore[misc]
    for run in deploys.values():
        run(0)
    changed: dict[str, list[float]] = {who: [] for who in deploys}
    for number in range(1, rounds + 1):
        for who, run in deploys.items():
            changed[who].append(_seconds(lambda run=run, number=number: run(number)))  # type: ignore[misc]
    starts: dict[str, list[float]] = {"mlmagic": [], "reference": []}
    image = docker.docker("image", "ls", "--format", "{{.Size}}", "mlmagic/bench").strip()
    for _ in range(rounds):
        engine.services.stop("bench")
        starts["mlmagic"].append(_seconds(ours.start))
        starts["reference"].append(_seconds(reference.start))
    for title, taken in (
        ("From nothing but the base image to the first answer", first),
        ("From a changed script to the first answer", changed),
        ("From the start of a stopped service to the first answer", starts),
    ):
        print(f"{title}\n{table(taken, against='reference')}\n")
    their_image = docker.docker("image", "ls", "--format", "{{.Size}}", "reference").strip()
    base = docker.docker("image", "ls", "--format", "{{.Size}}", BASE_IMAGE).strip()
    print(f"Size of the image: mlmagic {image}, reference {their_image}, the base image in both {base}\n")


def _forget_images(engine: Engine, docker: DockerEngine) -> None:
    """All but the base image, and what the engine has kept of builds."""
    for service in engine.services.names():
        engine.services.delete(service)
    for repository in ("mlmagic/foundation", "reference"):
        names = docker.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository).split()
        if names:
            docker.docker("image", "rm", "--force", *names)
    docker.docker("image", "prune", "--force")


def _many(engine: Engine, docker: DockerEngine, count: int) -> None:
    inference = InferenceConfig("score.py", script_text="def init(): ...\ndef run(data):\n    return data\n")
    names = [f"many{number:02}" for number in range(count)]
    config = DeploymentConfig("docker", memory_gb=0.25)

    def deploy() -> None:
        for service in [engine.services.deploy(name, [], inference, config) for name in names]:
            engine.services.wait(service)

    print(f"{count} services at once, all Healthy: {_seconds(deploy):.1f} s")
    assert all(engine.requests.score(name, "x") == "x" for name in names)

    def delete() -> None:
        for name in names:
            engine.services.delete(name)

    print(f"all deleted: {_seconds(delete):.1f} s")
    left = docker.docker("ps", "--all", "--filter", "label=mlmagic.service", "--format", "{{.Names}}")
    print("left of them:", [line for line in left.split() if "many" in line] or "nothing")


def model(folder: Path) -> Path:
    import joblib
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import Ridge

    path = folder / "model.pkl"
    joblib.dump(Ridge().fit(*load_diabetes(return_X_y=True)), path)
    return path


def _seconds(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def answered(uri: str) -> None:
    """Ask until it answers; at most a minute."""
    deadline = time.monotonic() + 60
    while True:
        try:
            if requests.post(uri, data=DATA, headers={"Content-Type": "application/json"}, timeout=5).ok:
                return
        except requests.RequestException:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(uri)
        time.sleep(0.005)


if __name__ == "__main__":
    main()
