"""`mlmagic events` and `mlmagic service follow`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.events import EventKind, service_subject
from mlmagic.core.webservice import Revision
from mlmagic.engine.services import daemon
from mlmagic.workspace import events, services
from mlmagic.workspace.location import locate
from mlmagic.workspace.memory import Memory
from tests.support.command_line import exit_code_for, run

pytestmark = pytest.mark.together

HOOK = ("--endpoint", "http://127.0.0.1:1/hook?code=hidden", "--no-handshake")


@pytest.fixture(autouse=True)
def _no_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "ensure_daemon", lambda location: None)


def test_subscriptions_and_deliveries(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "s3cret-word")
    made = run("events", "subscribe", "-n", "hook", *HOOK, "--secret-env", "HOOK_SECRET")
    assert (made.exit_code, made.stdout) == (0, "")
    assert made.stderr == "Subscription hook: http://127.0.0.1:1/hook?... receives everything\n"
    run("model", "register", "-n", "net", "-p", "net.onnx")
    assert "models/net:1" in run("events", "list").stdout
    assert "waiting" in run("events", "deliveries", "-n", "hook").stdout
    listed = run("events", "list", "--subscriptions").stdout
    assert "signed" in listed
    assert "s3cret" not in listed
    assert "deliveries to hook that will be retried: 0" in run("events", "redeliver", "-n", "hook").stderr
    deleted = run("events", "delete-deliveries", "-n", "hook")
    assert deleted.stderr == "deleted deliveries to hook: 0\n"  # it is still to be sent
    assert "waiting" in run("events", "deliveries", "-n", "hook").stdout
    assert "'hok'" in run("events", "delete-deliveries", "-n", "hok").stderr
    assert run("events", "unsubscribe", "-n", "hook").exit_code == 0
    assert "No deliveries." in run("events", "deliveries").stdout


def test_the_events_of_a_service_are_its_newest(folder: Path) -> None:
    revision = Revision(1, (), InferenceConfig("score.py"), (), DeploymentConfig("fake"), sys.executable)
    memory = Memory(locate())
    with memory.writing() as tx:
        service = services.create(tx, "svc", revision, None)
        for number in range(1100):  # more than are read at once
            events.append(tx, EventKind.SCALED, service_subject("svc"), f"event {number}")
        events.append(tx, EventKind.SCALED, service_subject("svc"), "event \x1b[2J\u202e")
    printed = run("service", "logs", "-n", "svc", "--events", "-l", "2").stdout
    assert "event \\x1b[2J\\u202e" in run("events", "list").stdout
    with memory.writing() as tx:  # nobody looks after it
        services.remove(tx, service, "gone")
    memory.close()
    assert [line.rpartition("event ")[2] for line in printed.splitlines()] == ["1099", r"\x1b[2J\u202e"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("events", "subscribe", "-n", "hook", "--endpoint", "ftp://x"), "must be an http or https URL"),
        (("events", "subscribe", "-n", "hook", *HOOK, "--secret-env", "NO_SUCH"), "--secret-env 'NO_SUCH'"),
        (("events", "unsubscribe", "-n", "hook"), "Subscription not found: 'hook'"),
        (("service", "follow", "-n", "svc", "-m", "net"), "Service not found: 'svc'"),
        (("service", "unfollow", "-n", "svc"), "Service not found: 'svc'"),
    ],
)
def test_bad_lines_are_refused(folder: Path, words: tuple[str, ...], told: str) -> None:
    done = run(*words)
    assert (done.exit_code, done.stdout) == (exit_code_for(told), "")
    assert told in done.stderr
