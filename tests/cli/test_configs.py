"""Configuration files on the command line: deployed from, exported, checked; environments beside them."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.webservice import Revision
from mlmagic.workspace import assets, services
from mlmagic.workspace.location import locate
from mlmagic.workspace.memory import Memory
from tests.support.command_line import SCRIPT, exit_code_for, run

ENVIRONMENT = {
    "name": "my-env",
    "environmentVariables": {"GREETING": "hello"},
    "python": {"condaDependencies": {"dependencies": ["python=3.6.2", {"pip": ["azureml-defaults"]}]}},
}


@pytest.fixture
def files(folder: Path) -> Path:
    (folder / "source").mkdir()
    (folder / "source" / "main.py").write_text(
        "import os\nfrom helper import double\ndef init():\n    pass\n"
        "def run(raw):\n    return [os.environ['GREETING'], double(len(raw))]\n"
    )
    (folder / "source" / "helper.py").write_text("def double(n):\n    return 2 * n\n")
    inference = {"entryScript": "main.py", "sourceDirectory": "source", "environment": ENVIRONMENT}
    (folder / "ic.json").write_text(json.dumps(inference))
    deployment = {"computeType": "local", "scoringTimeoutMs": 5000, "tags": {"a": "b"}, "maxQueueWaitMs": 700}
    (folder / "dc.yml").write_text(yaml.safe_dump(deployment))
    return folder


@pytest.mark.processes
def test_a_service_is_deployed_from_files_exported_and_deployed_again(files: Path) -> None:
    run("model", "register", "-n", "net", "-p", "net.onnx", "-t", "model.json")
    done = run("model", "deploy", "-n", "svc-a", "-f", "model.json", "--ic", "ic.json", "--dc", "dc.yml")
    assert done.exit_code == 0, done.output
    assert done.stdout.strip().endswith("/score")
    assert "Python 3.6.2 is older than the scoring server runs on" in done.stderr
    assert json.loads(run("service", "run", "-n", "svc-a", "-d", "abc").stdout) == ["hello", 6]
    assert json.loads(run("service", "show", "-n", "svc-a").stdout)["tags"] == {"a": "b"}

    done = run("config", "export", "svc-a", "-d", "exported")
    assert done.exit_code == 0, done.output
    assert "-m net:1 --ic" in done.stderr
    exported = files / "exported"
    assert {path.name for path in exported.iterdir()} == {
        "inferenceconfig.json",
        "deploymentconfig.json",
        "source",
    }
    assert "already exists" in run("config", "export", "svc-a", "-d", "exported").stderr
    for name, schema in (
        ("inferenceconfig.json", "inferenceconfig"),
        ("deploymentconfig.json", "deploymentconfig"),
    ):
        values = json.loads((exported / name).read_text())
        jsonschema_rs.validate(json.loads(run("config", "schema", schema).stdout), values)
        assert run("config", "check", str(exported / name)).exit_code == 0

    ic, dc = str(exported / "inferenceconfig.json"), str(exported / "deploymentconfig.json")
    done = run("model", "deploy", "-n", "svc-b", "-m", "net:1", "--ic", ic, "--dc", dc)
    assert done.exit_code == 0, done.output
    assert _revision("svc-a") == _revision("svc-b")
    run("config", "export", "svc-b", "-d", "again")
    for name in ("inferenceconfig.json", "deploymentconfig.json"):
        assert (files / "again" / name).read_text() == (exported / name).read_text()

    done = run("service", "update", "-n", "svc-b", "--dc", "dc.yml", "--tag", "c=d", "--es", "score.py")
    assert done.exit_code == 0, done.output
    assert json.loads(run("service", "run", "-n", "svc-b", "-d", "[1]").stdout) == [1]
    assert json.loads(run("service", "show", "-n", "svc-b").stdout)["tags"] == {"c": "d"}
    listed = run("service", "list", "--model-id", "net:1", "--tag", "a=b", "-o", "tsv").stdout.splitlines()
    assert [line.split("\t")[0] for line in listed] == ["svc-a"]
    for name in ("svc-a", "svc-b"):
        assert run("service", "delete", "-n", name).exit_code == 0


def _revision(name: str) -> Any:
    from mlmagic.cli.base import engine
    from mlmagic.core.configuration import InferenceConfig

    with engine() as opened:
        revision = opened.services.revision(opened.services.get(name))
    assert isinstance(revision.inference, InferenceConfig)
    environment = dict(revision.inference.environment or {})
    return revision.files, revision.models, revision.config, environment


WRONG: list[tuple[str, Any, str]] = [
    (
        "ic.json",
        {"entryScript": "main.py", "sourceDir": "x"},
        "Key of ic.json not found: 'sourceDir'. Did you mean 'sourceD",
    ),
    ("ic.json", {"sourceDirectory": "source"}, "entryScript None must be text, in ic.json"),
    ("ic.json", {"entryScript": "nope.py", "sourceDirectory": "source"}, "Entry script not found: 'nope.py'"),
    ("ic.json", {"entryScript": "main.py", "sourceDirectory": "nowhere"}, "must be an existing folder"),
    ("ic.json", [], "ic.json [] must be a mapping"),
    (
        "ic.json",
        {"entryScript": "main.py", "sourceDirectory": "source", "environment": {"pyton": {}}},
        "Key of environment not found: 'pyton'. Did you mean 'python'?",
    ),
    (
        "dc.yml",
        {"computeType": "local", "prot": 1},
        "for local not found: 'prot'. Did you mean 'port'?",
    ),
    (
        "dc.yml",
        {"computeType": "local", "port": 0, "scoringTimeoutMs": -1},
        "LocalWebservice has 2 invalid values",
    ),
    ("dc.yml", {"computeType": "aks"}, "MLMAGIC_COMPUTE=aks=local"),
]


@pytest.mark.parametrize(("name", "values", "told"), WRONG)
def test_files_that_cannot_be_used(files: Path, name: str, values: Any, told: str) -> None:
    (files / name).write_text(json.dumps(values))
    done = run("model", "deploy", "-n", "svc", "--ic", "ic.json", "--dc", "dc.yml")
    assert (done.exit_code, done.stdout) == (1 if "MLMAGIC_COMPUTE" in told else exit_code_for(told), "")
    assert told in done.stderr
    assert run("service", "list", "-o", "json").stdout == "[]\n"


def test_files_that_cannot_be_read(files: Path) -> None:
    (files / "ic.json").write_text("{")
    assert "must be JSON" in run("config", "check", "ic.json").stderr
    (files / "dc.yml").write_text("a: [")
    assert "must be YAML" in run("config", "check", "dc.yml").stderr
    assert (
        "names script and environment already"
        in run("model", "deploy", "-n", "svc", "--ic", "ic.json", "--es", "a.py").stderr
    )
    assert (
        "Configuration file not found: 'no.json'"
        in run("model", "deploy", "-n", "svc", "--ic", "no.json").stderr
    )


def test_the_files_from_before_environment_are_read(files: Path) -> None:
    (files / "source" / "env.yml").write_text("dependencies: [python=3.6.2, {pip: [nltk]}]\n")
    legacy = {
        "entryScript": "main.py",
        "sourceDirectory": "source",
        "runtime": "python",
        "condaFile": "env.yml",
        "enableGpu": True,
        "baseImage": "debian:12",
    }
    (files / "ic.json").write_text(json.dumps(legacy))
    from mlmagic.sdk.configuration_files import read_inference

    with pytest.warns(DeprecationWarning, match="runtime, conda_file, enable_gpu, base_image"):
        environment = read_inference("ic.json").environment
    assert environment is not None
    assert (environment.docker.base_image, environment.docker.enable_gpu) == ("debian:12", True)
    assert list(environment.python.conda_dependencies.pip_packages) == ["nltk"]  # type: ignore[union-attr]


@pytest.mark.processes
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_service_is_deployed_from_a_file_from_before_environment(folder: Path) -> None:
    """Azure ML v1's own example, in another folder than the working folder."""
    there = folder / "files"
    there.mkdir()
    (there / "score.py").write_text("def init(): pass\ndef run(d): return 1\n")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    (there / "myenv.yml").write_text(f"dependencies: [python={version}, {{pip: [azureml-defaults]}}]\n")
    example = {
        "entryScript": "score.py",
        "runtime": "python",
        "condaFile": "myenv.yml",
        "extraDockerfileSteps": None,
        "sourceDirectory": None,
        "enableGpu": False,
        "baseImage": None,
        "baseImageRegistry": None,
    }
    (there / "ic.json").write_text(json.dumps(example))
    (there / "dc.json").write_text('{"computeType": "local"}')
    checked = run("config", "check", "files/ic.json")
    assert checked.exit_code == 0, checked.output
    done = run("model", "deploy", "-n", "svc", "--ic", "files/ic.json", "--dc", "files/dc.json")
    assert done.exit_code == 0, done.output
    assert run("service", "delete", "-n", "svc").exit_code == 0


def test_environments_are_registered_listed_shown_and_used(files: Path) -> None:
    assert "edit the files" in run("environment", "scaffold", "-n", "mine", "-d", "env").stderr
    assert run("environment", "register", "-d", "env").stdout == "mine:1\n"
    listed = run("environment", "list").stdout.splitlines()
    assert [line.split()[:2] for line in listed[2:4]] == [["mine", "1"], ["mlmagic-sklearn", "1"]]
    assert json.loads(run("environment", "show", "-n", "mine").stdout)["name"] == "mine"
    assert run("environment", "download", "-n", "mine", "-d", "copy").exit_code == 0
    assert (files / "copy" / "conda_dependencies.yml").is_file()
    assert "Environment not found: 'mne'" in run("environment", "show", "-n", "mne").stderr
    done = run("model", "deploy", "-n", "svc", "--es", "score.py", "-e", "yours")
    assert "Environment not found: 'yours'" in done.stderr


def test_compute_targets_are_attached_and_forgotten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attach = ("computetarget", "attach", "aks", "-n", "myaks", "--cluster-name", "c")
    assert "resource_group None is missing" in run(*attach).stderr
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    refused = run(*attach, "--cluster-resource-group", "g")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "no Kubernetes cluster is configured: /nowhere/config does not exist" in refused.stderr
    assert refused.stderr.endswith("on this machine: MLMAGIC_COMPUTE=aks=local\n")
    monkeypatch.setenv("MLMAGIC_COMPUTE", "aks=local")
    assert run(*attach, "--cluster-resource-group", "g").stdout == "myaks\n"
    shown = json.loads(run("computetarget", "show", "-n", "myaks").stdout)
    assert (shown["computeType"], shown["provisioningState"]) == ("AKS", "Succeeded")
    monkeypatch.delenv("MLMAGIC_COMPUTE")
    shown = json.loads(run("computetarget", "show", "-n", "myaks").stdout)
    assert shown["provisioningState"] == "Failed"
    assert "myaks" in run("computetarget", "list").stdout
    assert run("computetarget", "detach", "-n", "myaks").exit_code == 0
    assert run("computetarget", "list", "-o", "json").stdout == "[]\n"


@pytest.mark.processes
def test_a_service_is_deployed_to_an_attached_cluster(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLMAGIC_COMPUTE", '{"aci": "local", "aks": "local"}')
    run(
        "computetarget",
        "attach",
        "aks",
        "-n",
        "myaks",
        "--cluster-name",
        "c",
        "--cluster-resource-group",
        "g",
    )
    (folder / "score.py").write_text(SCRIPT)
    script = ("--entry-script", "score.py", "--no-wait")
    done = run("model", "deploy", "-n", "svc", *script, "--ct", "myaks")
    assert done.exit_code == 0, done.stderr
    assert "aks runs on the target local here, as MLMAGIC_COMPUTE says" in done.stderr
    assert "svc" in run("service", "list", "--compute-type", "AKS").stdout
    (folder / "aci.json").write_text('{"computeType": "aci"}')
    done = run("model", "deploy", "-n", "other", *script, "--ct", "myaks", "--dc", "aci.json")
    assert "'aci' is not of a cluster, and 'myaks' is one" in done.stderr
    done = run("model", "deploy", "-n", "other", *script, "--ct", "myask")
    assert "Compute target not found: 'myask'. Did you mean 'myaks'?" in done.stderr
    done = run("model", "deploy", "-n", "other", *script, "--ct", "ACI")
    assert "--ct 'ACI' is a compute type, and --ct takes the name of a compute target" in done.stderr
    assert "Give the type with: --compute-type aci" in done.stderr
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    done = run("model", "deploy", "-n", "other", *script, "--ct", "docker", "--dc", "aci.json")
    assert "no Docker engine answers" in done.stderr
    assert "deploy with: --ct local" in done.stderr
    for config in ('{"aci": "lokal"}', "acii=local"):
        monkeypatch.setenv("MLMAGIC_COMPUTE", config)
        done = run("model", "deploy", "-n", "other", *script, "--dc", "aci.json")
        assert "of MLMAGIC_COMPUTE not found" in done.stderr
    done = run("service", "get-keys", "-n", "svc")
    assert done.exit_code == 0
    run("service", "update", "-n", "svc", "--no-auth", "--no-wait")
    done = run("service", "get-keys", "-n", "svc")
    assert done.stderr.endswith("Turn it on with: mlmagic service update -n svc --auth\n")
    run("service", "delete", "-n", "svc")


def test_models_are_shown_and_changed(folder: Path) -> None:
    words = ("model", "register", "-n", "net", "-p", "net.onnx", "--cc", "2", "--gb", "1", "--tag", "a=1")
    assert run(*words).stdout == "net:1\n"
    shown = json.loads(run("model", "show", "-n", "net").stdout)
    assert shown["resourceConfiguration"] == {"cpu": 2.0, "memoryInGB": 1.0, "gpu": None}
    changed = run(
        *("model", "update", "-i", "net:1", "--add-tag", "b=2", "--remove-tag", "a"),
        *("--add-property", "p=1", "-d", "new", "-o", "tsv"),
    )
    values = dict(line.split("\t") for line in changed.stdout.splitlines())
    assert (values["tags"], values["properties"], values["description"]) == (
        '{"b": "2"}',
        '{"p": "1"}',
        "new",
    )
    assert "properties ['p']" in run("model", "update", "-i", "net:1", "--add-property", "p=2").stderr
    assert "no model is named" in run("model", "show").stderr
    assert "no files are named" in run("model", "register", "-n", "x").stderr


def test_a_workspace_is_named(folder: Path) -> None:
    from mlmagic.sdk.workspace import Workspace

    assert "Workspace not found: 'team'" in run("model", "list", "-w", "team").stderr
    Workspace.create("team").engine.close()
    assert run("model", "register", "-n", "net", "-p", "net.onnx", "-w", "team", "-g", "rg").exit_code == 0
    assert json.loads(run("model", "list", "-w", "team", "-o", "json").stdout)[0]["id"] == "net:1"
    assert run("model", "list", "-o", "json").stdout == "[]\n"
    assert "team" in run("workspace", "-w", "team").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes(shell: str) -> None:
    assert "_MLMAGIC_COMPLETE" in run("completion", shell).stdout


@pytest.mark.parametrize(
    ("line", "begun", "found"),
    [
        ("model delete -i", "n", ["net:1"]),
        ("model deploy -n svc -m", "", ["net:1"]),
        ("environment show -n", "mi", ["mine"]),
        ("model deploy -e", "mlmagic-o", ["mlmagic-onnx"]),
        ("model deploy --ct", "lo", ["local"]),
        ("service parity --with", "d", ["docker"]),
        ("package show -n", "pa", ["pack"]),
        ("events unsubscribe -n", "", []),
        ("service list -w", "te", ["team"]),
        ("model register -p", "", ["file"]),
        ("config export -d", "", ["dir"]),
        ("workspace show -o", "js", ["json", "jsonc"]),
    ],
)
def test_names_are_completed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, line: str, begun: str, found: list[str]
) -> None:
    from click.shell_completion import ShellComplete

    from mlmagic.cli import cli

    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    run("model", "register", "-n", "net", "-p", "net.onnx")
    run("environment", "create", "-n", "mine", "--packages", "six")
    run("workspace", "create", "-n", "team")
    with closing(Memory(locate())) as memory, memory.writing() as tx:
        assets.add(tx, "package", "pack", {})
    completions = ShellComplete(cli, {}, "mlmagic", "_X").get_completions(line.split(), begun)
    assert [each.value or each.type for each in completions] == found


def test_revisions_are_completed(folder: Path) -> None:
    from click.shell_completion import ShellComplete

    from mlmagic.cli import cli

    complete = ShellComplete(cli, {}, "mlmagic", "_X").get_completions
    assert complete(["service", "rollback", "-n", "svc", "-r"], "") == []
    revision = Revision(1, (), InferenceConfig("score.py"), (), DeploymentConfig("fake"), sys.executable)
    with closing(Memory(locate())) as memory:
        with memory.writing() as tx:
            service = services.create(tx, "svc", revision, None)
        found = complete(["service", "rollback", "-n", "svc", "--revision"], "")
        with memory.writing() as tx:  # nobody looks after it
            services.remove(tx, service, "gone")
    assert [each.value for each in found] == ["1"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ic.json", '{"entryScript": "main.py", "sourceDirectory": "source",}'),
        ("ic.json", '{\n  "entryScript": "main.py",\n  "sourceDirectory": "source",\n\n}\n'),
        ("dc.json", '{"computeType": "local", "tags": {"a": "b",},}'),
    ],
)
def test_a_comma_too_many_is_read_over(files: Path, name: str, text: str) -> None:
    (files / name).write_text(text)
    done = run("config", "check", name)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("text", ['{"entryScript": "main.py" "a": 1}', "no JSON", "{,}"])
def test_what_is_not_json_is_told(files: Path, text: str) -> None:
    (files / "ic.json").write_text(text)
    assert "must be JSON" in run("config", "check", "ic.json").stderr


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("key", ["extraDockerfileSteps", "extraDockerFileSteps"])
def test_the_steps_of_a_dockerfile_have_two_spellings(files: Path, key: str) -> None:
    from mlmagic.sdk.configuration_files import read_inference

    (files / "source" / "steps").write_text("RUN true")
    given = {"entryScript": "main.py", "sourceDirectory": "source", "runtime": "python", key: "steps"}
    (files / "ic.json").write_text(json.dumps(given))
    environment = read_inference("ic.json").environment
    assert environment is not None
    assert environment.docker.extra_steps == "RUN true"
    given = {"entryScript": "main.py", "environment": {"name": "e", "docker": {key: "RUN true"}}}
    (files / "ic.json").write_text(json.dumps(given))
    (files / "main.py").write_text("def init(): pass\ndef run(d): return 1\n")
    environment = read_inference("ic.json").environment
    assert environment is not None
    assert environment.docker.extra_steps == "RUN true"
