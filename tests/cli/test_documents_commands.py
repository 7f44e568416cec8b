"""The documents' commands, in their order, with ``mlmagic`` in the place of ``az ml``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command_line import run

pytestmark = pytest.mark.processes

SCORE = """
import json

def init():
    print("This is init")

def run(data):
    test = json.loads(data)
    print(f"received data {test}")
    return f"test is {test}"
"""
ENVIRONMENT = {
    "name": "my-deploy-env",
    "python": {
        "userManagedDependencies": False,
        "condaDependencies": {
            "name": "project_environment",
            "dependencies": [{"pip": ["azureml-defaults"]}],
            "channels": ["conda-forge"],
        },
    },
}


def ml(line: str) -> str:
    """What ``az ml LINE`` prints; it must succeed."""
    done = run(*line.split())
    assert done.exit_code == 0, f"{line}: {done.stdout}{done.stderr}"
    return done.stdout


def test_deploy_and_where(folder: Path) -> None:
    source = folder / "source_dir"
    source.mkdir()
    (source / "echo_score.py").write_text(SCORE)
    (folder / "dummyinferenceconfig.json").write_text(
        json.dumps(
            {"entryScript": "echo_score.py", "sourceDirectory": "./source_dir", "environment": ENVIRONMENT}
        )
    )
    (folder / "deploymentconfig.json").write_text('{"computeType": "local"}')
    ml("model register -n bidaf_onnx -p ./net.onnx -t register_metadata.json")
    assert json.loads((folder / "register_metadata.json").read_text()) == {"modelId": "bidaf_onnx:1"}
    ml(
        "model deploy -n myservice -m bidaf_onnx:1 --overwrite --ic dummyinferenceconfig.json "
        "--dc deploymentconfig.json -v"
    )
    assert "This is init" in ml("service get-logs -n myservice")
    done = run("service", "run", "-n", "myservice", "-d", '{"query": "What color is the fox"}')
    assert json.loads(done.stdout) == "test is {'query': 'What color is the fox'}"
    (source / "echo_score.py").write_text(SCORE.replace("test is", "now it is"))
    ml("service update -n myservice -m bidaf_onnx:1 --ic dummyinferenceconfig.json")
    assert json.loads(run("service", "run", "-n", "myservice", "-d", "[1]").stdout) == "now it is [1]"
    ml("model register -n bidaf_onnx -p ./net.onnx -t modelinfo.json")
    ml("service update -n myservice --model-metadata-file modelinfo.json")
    assert json.loads(ml("service show -n myservice"))["modelIds"] == ["bidaf_onnx:2"]
    assert [each["name"] for each in json.loads(ml("service list -o json"))] == ["myservice"]
    ml("service delete -n myservice")
    assert json.loads(ml("service list -o json")) == []
    for version in (1, 2):
        ml(f"model delete -i bidaf_onnx:{version}")


def test_environments_and_computetargets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLMAGIC_COMPUTE", "aks=local")
    ml("environment scaffold -n myenv -d myenvdir")
    ml("environment register -d myenvdir")
    assert json.loads(ml("environment show -n myenv -v 1"))["name"] == "myenv"
    assert "myenv" in ml("environment list -o json")
    ml("environment download -n myenv -d downloaded")
    assert (folder / "downloaded" / "azureml_environment.json").is_file()
    ml("computetarget attach aks -n myaks -i cluster-id -g myresourcegroup")
    assert [each["name"] for each in json.loads(ml("computetarget list -o json"))] == ["myaks"]
    assert json.loads(ml("computetarget show -n myaks"))["computeType"] == "AKS"
    ml("computetarget detach -n myaks")


def test_models(folder: Path) -> None:
    ml("model register -n onnx_mnist -p net.onnx --tag area=mnist --property a=b --description digits")
    assert json.loads(ml("model list -n onnx_mnist -o json"))[0]["tags"] == {"area": "mnist"}
    ml("model update -i onnx_mnist:1 --add-tag stage=prod --remove-tag area")
    assert json.loads(ml("model show -i onnx_mnist:1"))["tags"] == {"stage": "prod"}
    ml("model download -i onnx_mnist:1 -t here")
    assert (folder / "here" / "net.onnx").is_file()
    (folder / "score.py").write_text(SCORE)
    (folder / "rows.txt").write_text('{"a": 1}\n' * 3)
    made = json.loads(
        ml(
            "model profile -n profile-name -m onnx_mnist:1 --entry-script score.py -d rows.txt "
            "--cc 1.0 --gb 0.5 --seconds 0.2"
        )
    )
    assert (made["requestedCpu"], made["requestedMemoryInGB"]) == (1.0, 0.5)
    ml("profile delete -n profile-name")
    assert json.loads(ml("profile list -o json")) == []


def test_packages(folder: Path) -> None:
    ml("model register -n mymodel -p net.onnx")
    (folder / "score.py").write_text(SCORE)
    where = ml(
        "model package -m mymodel:1 --entry-script score.py -n my-image --generate-dockerfile -o taken"
    )
    assert Path(where.strip()) == Path("taken")
    assert (folder / "taken" / "azureml-models" / "mymodel" / "1" / "net.onnx").is_file()
    assert json.loads(ml("package list -o json"))[0]["name"] == "my-image"
    assert json.loads(ml("package show -n my-image"))["state"] == "Succeeded"
    ml("package save -n my-image -t again")
    assert (folder / "again" / "Dockerfile").read_bytes() == (folder / "taken" / "Dockerfile").read_bytes()
    file = Path(ml("model package -m mymodel:1 --entry-script score.py --kind zip").strip())
    assert file.name == "package.pyz"
    ml("package delete -n package")
    assert not file.exists()
    assert [each["name"] for each in json.loads(ml("package list -o json"))] == ["my-image"]
