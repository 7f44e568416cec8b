"""The command line: data on standard output, words on standard error, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mlmagic import __version__
from tests.support.command_line import SCRIPT, exit_code_for, run


def test_a_model_is_registered_listed_downloaded_and_deleted(folder: Path) -> None:
    done = run("model", "register", "-n", "net", "-p", "net.onnx", "--tag", "a=1", "--description", "d")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "net:1\n", "")
    run("model", "register", "-n", "net", "-p", "net.onnx")
    listed = json.loads(run("model", "list", "-l", "-o", "json").stdout)
    assert [(one["id"], one["framework"], one["files"]) for one in listed] == [
        ("net:2", "Onnx", ["net.onnx"])
    ]
    assert json.loads(run("model", "list", "--tag", "a=1", "-o", "json").stdout)[0]["tags"] == {"a": "1"}
    assert "net   2" in run("model", "list").stdout
    assert run("model", "download", "-i", "net:1", "-t", "here").stdout.strip().endswith("net.onnx")
    assert (folder / "here" / "net.onnx").read_text() == "weights"
    done = run("model", "delete", "-i", "net:1")
    assert (done.stdout, done.stderr) == ("", "deleted net:1\n")
    assert run("service", "list").stdout.startswith("No services")
    assert run("service", "list", "-o", "json").stdout == "[]\n"


BAD = {
    ("model", "register", "-n", "a b", "-p", "net.onnx"): "InvalidConfig: model name 'a b'",
    ("model", "register", "-n", "net", "-p", "nowhere"): "NotFound: ",
    ("model", "register", "-n", "net", "-p", "net.onnx", "--tag", "a"): "--tag 'a' must be KEY=VALUE",
    ("model", "delete", "-i", "net:1"): "NotFound: Model not found: 'net:1'",
    ("model", "download", "-i", "net"): "NotFound: Model not found: 'net'",
    ("model", "deploy", "-n", "svc", "--entry-script", "no.py"): "NotFound: Entry script not found: 'no.py'",
    ("model", "deploy", "-n", "svc", "--entry-script", "score.py", "--cpu", "-1"): "cpu -1.0 must be above 0",
    ("model", "deploy", "-n", "svc"): "neither a script nor a model to serve",
    ("model", "deploy", "-n", "svc", "-m", "net"): "NotFound: Model not found: 'net'",
    ("model", "deploy", "-n", "svc", "--source-directory", "x"): "needs --entry-script",
    ("model", "deploy", "-n", "x", "--entry-script", "score.py"): "service name 'x' must be",
    ("service", "show", "-n", "svc"): "NotFound: Service not found: 'svc'",
    ("service", "run", "-n", "svc", "-d", "1"): "NotFound: Service not found: 'svc'",
    ("service", "run", "-n", "svc", "-d", "@no.json"): "--input-data '@no.json' names a file",
    ("service", "metrics", "-n", "svc"): "NotFound: Service not found: 'svc'",
    ("service", "logs", "-n", "svc"): "NotFound: Service not found: 'svc'",
    ("service", "logs", "-n", "svc", "--events"): "NotFound: Service not found: 'svc'",
    ("service", "update", "-n", "svc", "-m", "net"): "NotFound: Service not found: 'svc'",
    ("service", "update", "-n", "svc", "--source-directory", "x"): "needs --entry-script",
    ("service", "rollback", "-n", "svc"): "NotFound: Service not found: 'svc'",
    ("service", "revisions", "-n", "svc"): "NotFound: Service not found: 'svc'",
    ("service", "delete", "-n", "svc"): "NotFound: Service not found: 'svc'",
    ("service", "get-keys", "-n", "svc"): "NotFound: Service not found: 'svc'",
    ("service", "regen-key", "-n", "svc", "-k", "Primary"): "NotFound: Service not found: 'svc'",
    ("service", "regen-key", "-n", "svc", "-k", "Third"): "key 'Third' must be Primary or Secondary",
    ("service", "get-access-token", "-n", "svc"): "NotFound: Service not found: 'svc'",
    (
        "model",
        "deploy",
        "-n",
        "svc",
        "--auth",
        "--token-auth",
    ): "token_auth_enabled True excludes auth_enabled",
    ("model", "deploy", "-n", "svc", "--ssl-cert", "a.pem"): "ssl_cert_pem_file 'a.pem' needs the other file",
    ("model", "deploy", "-n", "svc", "--cors-origins", "a"): "CORS origin 'a' must be scheme://host",
}


def test_bad_input_is_one_line_on_standard_error(folder: Path) -> None:
    for words, told in BAD.items():
        done = run(*words)
        assert (done.exit_code, done.stdout) == (exit_code_for(told), ""), words
        assert told in done.stderr, words
        assert done.stderr.count("\n") == 1, words


def test_help_and_version(folder: Path) -> None:
    assert __version__ in run("--version").stdout
    for words in (["--help"], ["model", "deploy", "--help"], ["service", "--help"]):
        assert run(*words).stdout.startswith("Usage:")
    assert run("model", "register").exit_code == 2
    assert not (folder / "Übung 1").exists()


def test_the_workspace_is_shown_without_its_password(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run("workspace").stdout
    assert str(folder / "Übung 1") in shown
    assert "environment variable MLMAGIC_WORKSPACE" in shown
    monkeypatch.setenv("MLMAGIC_WORKSPACE", "postgresql://me:secret@host/team")
    assert "secret" not in run("workspace").stdout
    assert "host/team" in run("workspace").stdout


@pytest.mark.processes
@pytest.mark.timeout(300)
def test_the_whole_journey_in_real_processes(folder: Path) -> None:
    def mlmagic(*words: str) -> Any:
        return subprocess.run(
            [sys.executable, "-c", "from mlmagic.cli import main; main()", *words],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )

    assert mlmagic("model", "register", "-n", "net", "-p", "net.onnx").stdout == "net:1\n"
    done = mlmagic("model", "deploy", "-n", "svc", "-m", "net", "--entry-script", "score.py")
    try:
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().endswith("/score")
        assert "svc: Healthy at" in done.stderr
        assert json.loads(mlmagic("service", "show", "-n", "svc").stdout)["state"] == "Healthy"
        assert mlmagic("service", "run", "-n", "svc", "-d", '{"a": 1}').stdout == '{\n  "a": 1\n}\n'
        (folder / "body.json").write_text("[1]")
        assert json.loads(mlmagic("service", "run", "-n", "svc", "-d", "@body.json").stdout) == [1]
        assert "up" in mlmagic("service", "logs", "-n", "svc").stdout.splitlines()
        metrics = json.loads(
            mlmagic("service", "metrics", "-n", "svc", "--intervals", "3", "-o", "json").stdout
        )
        assert [each["seconds"] for each in metrics] == [300, 300, 300]
        assert datetime.fromisoformat(metrics[0]["time"]) < datetime.fromisoformat(metrics[1]["time"])
        (folder / "score.py").write_text(SCRIPT.replace("json.loads(raw)", "'new'"))
        assert mlmagic("service", "update", "-n", "svc", "--entry-script", "score.py").returncode == 0
        assert mlmagic("service", "run", "-n", "svc", "-d", "1").stdout == '"new"\n'
        done = mlmagic("service", "rollback", "-n", "svc")
        assert "Rolling back to revision 1. The new revision is 3." in done.stderr
        assert done.stdout.strip().endswith("/score")
        assert mlmagic("service", "run", "-n", "svc", "-d", "1").stdout == "1\n"
        assert mlmagic("service", "rollback", "-n", "svc", "-r", "2").returncode == 0
        listed = mlmagic("service", "revisions", "-n", "svc").stdout.splitlines()
        assert [line.split()[0] for line in listed[-4:]] == ["4", "3", "2", "1"]
        records = json.loads(mlmagic("service", "revisions", "-n", "svc", "-o", "json").stdout)
        assert [(each["status"], each["rollbackOf"]) for each in records][:2] == [
            ("Serving", 2),
            ("Was Healthy", 1),
        ]
        refused = mlmagic("service", "rollback", "-n", "svc", "-r", "4")
        assert "List the other revisions with: mlmagic service revisions -n svc" in refused.stderr
        assert mlmagic("service", "update", "-n", "svc", "--auth").returncode == 0
        keys = json.loads(mlmagic("service", "get-keys", "-n", "svc").stdout)
        changed = json.loads(mlmagic("service", "regen-key", "-n", "svc", "-k", "Primary").stdout)
        assert changed["primaryKey"] != keys["primaryKey"]
        assert changed["secondaryKey"] == keys["secondaryKey"]
        assert mlmagic("service", "run", "-n", "svc", "-d", "1").stdout == '"new"\n'
        shown = mlmagic("service", "show", "-n", "svc").stdout
        assert not any(key in shown for key in changed.values())
        assert "has no token authentication" in mlmagic("service", "get-access-token", "-n", "svc").stderr
        assert mlmagic("service", "update", "-n", "svc", "--no-auth", "--token-auth").returncode == 0
        token = json.loads(mlmagic("service", "get-access-token", "-n", "svc").stdout)
        assert (token["tokenType"], token["accessToken"].count(".")) == ("Bearer", 2)
        assert token["refreshAfter"] < token["expiryOn"]
        (folder / "score.py").write_text(SCRIPT.replace("print('up')", "1 / 0"))
        failed = mlmagic("model", "deploy", "-n", "bad", "--entry-script", "score.py")
        assert (failed.returncode, failed.stdout) == (1, "")
        assert failed.stderr.count("Traceback (most recent call last)") == 1
        assert "1 / 0" in failed.stderr
        assert mlmagic("service", "delete", "-n", "bad").returncode == 0
    finally:
        deleted = mlmagic("service", "delete", "-n", "svc")
    assert (deleted.returncode, deleted.stdout, deleted.stderr) == (0, "", "deleted svc\n")
    assert json.loads(mlmagic("service", "list", "-o", "json").stdout) == []


def test_links_and_paths_that_lead_out_are_refused_by_name(folder: Path) -> None:
    (folder / "model").mkdir()
    (folder / "model/weights.bin").write_text("w")
    (folder / "model/secret.bin").symlink_to(folder / "net.onnx")
    refused = run("model", "register", "-n", "m", "-p", str(folder / "model"))
    assert refused.exit_code != 0
    assert f"{str(folder / 'model/secret.bin')!r} is a link to {str(folder / 'net.onnx')!r}" in refused.stderr
    assert "Put a copy of what it leads to in place of the link." in refused.stderr
    (folder / "source").mkdir()
    refused = run(
        *("model", "deploy", "-n", "svc", "--entry-script", str(folder / "score.py")),
        *("--source-directory", str(folder / "source")),
    )
    assert refused.exit_code != 0
    assert "must be a relative path" in refused.stderr
