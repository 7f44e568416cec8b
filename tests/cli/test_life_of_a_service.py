"""A service from its model to its end, as a shell script runs it: each step is JSON, each mistake a line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import SCRIPT, run

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

MLMAGIC = str(Path(sys.executable).with_name("mlmagic"))


def shell(line: str, *more: str) -> Any:
    """What ``mlmagic LINE -o json`` prints; it must succeed."""
    done = subprocess.run(
        [MLMAGIC, *line.split(), *more, "-o", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    return json.loads(done.stdout)


def is_recent(text: str) -> bool:
    return abs(datetime.now(UTC) - datetime.fromisoformat(text)) < timedelta(minutes=10)


def test_the_life_of_a_service(folder: Path) -> None:
    model = shell(
        "model register -n net -p net.onnx --tag area=test --subscription-id s -g rg --only-show-errors"
    )
    assert (model["id"], model["version"], model["framework"], model["tags"]) == (
        *("net:1", 1, "Onnx"),
        {"area": "test"},
    )
    assert is_recent(model["createdTime"])
    assert shell("model list --query [].id") == ["net:1"]

    made = shell(
        "model deploy -n svc -m net:1 --es score.py --tag a=1 --replica-max-concurrent-requests 2 -v"
    )
    assert (made["name"], made["state"], made["modelIds"]) == ("svc", "Healthy", ["net:1"])
    assert made["scoringUri"].endswith("/score")
    assert is_recent(made["createdTime"])
    assert made["reachableFromHere"] is True
    assert shell("service run -n svc -d", '{"a": [1]}') == {"a": [1]}
    assert [each["name"] for each in shell("service list")] == ["svc"]
    assert shell("service show -n svc")["swaggerUri"].endswith("/swagger.json")

    shell("model register -n net -p net.onnx")
    updated = shell("service update -n svc -m net:2 --ae true --add-tag b=2 --record 10")
    assert (updated["modelIds"], updated["revision"], updated["tags"]) == (["net:2"], 2, {"a": "1", "b": "2"})
    keys = shell("service get-keys -n svc")
    assert shell("service regen-key -n svc -k Primary")["primaryKey"] != keys["primaryKey"]
    shell("service run -n svc -d 1")
    (request,) = shell("service traffic -n svc")
    assert (request["body"], request["status"], is_recent(request["time"])) == ("1", 200, True)
    assert is_recent(shell("service metrics -n svc --intervals 1")[0]["time"])
    assert shell("service scale -n svc -r 2")["replicas"] == 2
    back = shell("service rollback -n svc -r 1")
    assert back["modelIds"] == ["net:1"]
    revisions = shell("service revisions -n svc")
    assert (revisions[0]["status"], revisions[0]["rollbackOf"]) == ("Serving", 1)
    assert shell("service restart -n svc")["state"] == "Healthy"
    assert "[replica 1] up" in shell("service logs -n svc -l 20")
    assert "[replica 1] up" in shell("service logs --all --since 10m --level info")
    assert shell("service logs -n svc --until 2020-01-01") == []
    assert shell("service stop -n svc")["state"] == "Stopped"
    assert shell("service start -n svc")["state"] == "Healthy"
    kinds = {each["kind"] for each in shell("events list -l 100")}
    assert {"ModelRegistered", "DeployRequested"} <= kinds

    assert shell("service delete -n svc --yes") == {"name": "svc", "deleted": True}
    assert shell("model delete -i net:2") == {"id": "net:2", "deleted": True}
    assert shell("service list") == []


MISTAKES: list[tuple[str, int, str]] = [
    # -- the line
    ("servce list", 2, "has no command 'servce'. Did you mean 'service'?"),
    ("service lst", 2, "has no command 'lst'. Did you mean 'list'?"),
    ("service show", 2, "needs -n NAME"),
    ("service show -n", 2, "requires an argument"),
    ("service show --nme svc", 2, "has no option '--nme'. Did you mean '--name'?"),
    ("service list -o jsn", 2, "'jsn' is not one of"),
    ("service list --query [", 2, "'[' is not JMESPath"),
    ("service list extra", 2, "unexpected extra argument"),
    ("service logs -n svc -l 0", 2, "0 is not in the range"),
    ("service metrics -n svc --intervals many", 2, "'many' is not a valid integer"),
    ("service scale -n svc", 2, "needs -r COUNT"),
    ("service rollback -n svc -r first", 2, "'first' is not a valid integer"),
    ("service regen-key -n svc", 2, "needs -k Primary|Secondary"),
    ("model deploy -m net", 2, "needs -n NAME"),
    ("model deploy -n svc --cpu half", 2, "'half' must be a number"),
    ("model deploy -n svc --cpu 0,5", 2, "0.5"),
    ("model deploy -n svc -ic f.json", 2, "Did you mean '--ic'?"),
    ("model register -n net", 2, "no files are named"),
    ("model show", 2, "no model is named"),
    ("events list -l none", 2, "'none' is not a valid integer"),
    # -- values
    ("model register -n a/b -p net.onnx", 2, "model name 'a/b'"),
    ("model register -n net -p net.onnx --tag a", 2, "must be KEY=VALUE"),
    ("model deploy -n x --es score.py", 2, "service name 'x' must be"),
    ("model deploy -n svc --es score.py --cpu -1", 2, "must be above 0"),
    ("model deploy -n svc --es score.py --replicas 0", 2, "must be between 1 and 100"),
    ("model deploy -n svc --es score.py --auth --token-auth", 2, "excludes auth_enabled"),
    ("model deploy -n svc --es score.py --ssl-cert a.pem", 2, "needs the other file"),
    ("model deploy -n svc --es score.py --cors-origins a", 2, "must be scheme://host"),
    ("model deploy -n svc --es score.py --namespace Team", 2, "namespace"),
    ("model deploy -n svc --es score.py --cp cloud", 2, "computeType 'cloud' must be one of"),
    ("model deploy -n svc --es score.py --cp local --dc f.json", 2, "exclude each other"),
    ("model deploy -n svc --ic f.json --es score.py", 2, "--ic names script and environment already"),
    ("model deploy -n svc -m net --sd .", 2, "needs --entry-script"),
    ("environment create -n e", 2, "has no source"),
    ("events subscribe -n hook --endpoint ftp://x", 2, "must be an http or https URL"),
    ("workspace create -n a/b", 2, "workspace name"),
    # -- what is not there
    ("service show -n svc", 3, "Service not found: 'svc'"),
    ("service delete -n svc", 3, "Service not found: 'svc'"),
    ("service run -n svc -d 1", 3, "Service not found: 'svc'"),
    ("model show -i net:7", 3, "not found"),
    ("model deploy -n svc -m nett", 3, "Model not found: 'nett'. Did you mean 'net'?"),
    ("model deploy -n svc --es scor.py", 3, "Entry script not found: 'scor.py'"),
    ("model deploy -n svc --es score.py --ct nowhere", 3, "Compute target not found: 'nowhere'"),
    ("model deploy -n svc --es score.py -e mine", 3, "Environment not found: 'mine'"),
    ("model deploy -n svc -f no.json", 3, "no.json"),
    ("service list -w tem", 3, "Create it with: mlmagic workspace create -n tem"),
    ("package show -n p", 3, "Package not found: 'p'"),
    ("profile show -n p", 3, "Profile not found: 'p'"),
    # -- what cannot be done
    ("workspace create -n made", 1, "already exists. Use it with: -w made"),
    ("model download -i net:1 -t .", 1, "already exists"),
]


@pytest.fixture
def made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    (folder / "f.json").write_text("{}")
    assert run("model", "register", "-n", "net", "-p", "net.onnx").exit_code == 0
    assert run("workspace", "create", "-n", "made").exit_code == 0


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(("line", "code", "told"), MISTAKES)
def test_a_mistake_is_one_line_with_its_exit_code(line: str, code: int, told: str) -> None:
    done = run(*line.split())
    assert (done.exit_code, done.stdout) == (code, ""), done.output
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("line", "code", "told"),
    [each for each in MISTAKES if " -o" not in each[0] and not each[0].endswith("-n")],
)
def test_with_o_json_a_mistake_is_an_object(line: str, code: int, told: str) -> None:
    done = run(*line.split(), "--output=json")
    assert (done.exit_code, done.stdout) == (code, "")
    error = json.loads(done.stderr)
    assert error.keys() >= {"code", "message", "hint"}
    assert told in f"{error['message']} {error['hint']}" or told in f"{error['message']}. {error['hint']}"


def test_a_failed_script_is_an_error_with_its_traceback(folder: Path) -> None:
    (folder / "score.py").write_text(SCRIPT.replace("print('up')", "1 / 0"))
    done = run("model", "deploy", "-n", "svc", "--es", "score.py", "-o", "json")
    assert (done.exit_code, done.stdout) == (1, "")
    error = json.loads(done.stderr.splitlines()[-1])
    assert error["code"] == "ScriptError"
    assert "ZeroDivisionError" in error["message"]
    assert "1 / 0" in error["details"]


def test_without_a_terminal_a_deploy_prints_few_lines(folder: Path) -> None:
    done = run("model", "deploy", "-n", "svc", "--es", "score.py")
    assert done.exit_code == 0, done.output
    assert len(done.stderr.splitlines()) <= 3, done.stderr
    quiet = run("service", "restart", "-n", "svc", "--only-show-errors")
    assert (quiet.exit_code, quiet.stderr) == (0, "")
