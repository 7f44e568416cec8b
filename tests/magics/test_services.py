"""`%deploy` and what follows, on the fake target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.events import EventKind, service_subject
from mlmagic.core.webservice import Observation, Phase, State
from mlmagic.errors import (
    AlreadyExists,
    CaptureError,
    Interrupted,
    InvalidConfig,
    LaunchFailed,
    NotFound,
    ScriptError,
    UsageError,
    WaitTimeout,
    WrongState,
)
from mlmagic.magics.session import MLMagic
from mlmagic.sdk.webservice import Webservice
from mlmagic.targets.fake import FakeTarget
from mlmagic.workspace import events
from tests.support.shells import SCRIPT, TestingShell

pytestmark = pytest.mark.together

TRACEBACK = (
    'Traceback (most recent call last):\n  File "score.py", line 2, in init\nZeroDivisionError: by zero\n'
)
DIED = {"phase": "init", "type": "ZeroDivisionError", "message": "by zero", "traceback": TRACEBACK}


@pytest.fixture
def sent(session: MLMagic, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was sent to services, instead of sending it."""
    bodies: list[Any] = []

    def score(name: str, uri: str, data: Any, caller: Any) -> Any:
        bodies.append(data)
        return {"answer": len(bodies)}

    monkeypatch.setattr(session.engine.client, "score", score)
    return bodies


def test_deploy_waits_shows_the_card_and_returns_the_service(captured: TestingShell) -> None:
    captured.run_cell("limit = 0.25\nsettings = {'MODE': 'fast'}\nwho = 'a b'")
    service = captured.run_cell(
        "svc = %deploy wine-svc -m {m} --cpu {limit} --memory=2 --env {settings} --env WHO={who} "
        '--tag {"team": "x"} --description "for {who}" -o again\nsvc'
    )
    assert isinstance(service, Webservice)
    assert captured.user_ns["again"].name == service.name == "wine-svc"
    assert (service.state, [each.id for each in service.models]) == ("Healthy", ["wine:1"])
    assert (service.tags, service.description) == ({"team": "x"}, "for a b")
    config = service._engine.services.revision(service.record).config
    assert (config.cpu, config.memory_gb, config.target) == (0.25, 2.0, "fake")
    assert config.environment_variables == {"MODE": "fast", "WHO": "a b"}
    assert "Serving script wine (named like the model)." in captured.shown()
    assert "wine-svc: Healthy at http://127.0.0.1" in captured.shown()
    assert (
        repr(service) == f"Webservice(name='wine-svc', state='Healthy', scoring_uri={service.scoring_uri!r})"
    )


def test_a_file_is_served_with_its_folder(session: MLMagic, shell: TestingShell, tmp_path: Path) -> None:
    (tmp_path / "my src").mkdir()
    (tmp_path / "my src" / "score.py").write_text(SCRIPT)
    shell.run_cell("%deploy svc-a --entry-script score.py --source-directory 'my src'")
    assert "Serving score.py in my src." in shell.shown()
    assert session.engine.services.get("svc-a").state is State.HEALTHY


def test_who_may_ask_is_a_setting(captured: TestingShell, session: MLMagic, sent: list[Any]) -> None:
    captured.run_cell(
        '%deploy svc-a --script wine --auth --cors-origins "https://a.example, https://b.example"'
    )
    engine = session.engine
    config = engine.services.revision(engine.services.get("svc-a")).config
    assert (config.auth_enabled, config.cors_origins) == (True, "https://a.example, https://b.example")
    assert captured.run_cell("%score svc-a 1") == {"answer": 1}
    (key, _) = engine.keys.get("svc-a")
    assert key not in captured.shown()
    captured.run_cell('%update svc-a --no-auth --token-auth --cors-origins ""')
    config = engine.services.revision(engine.services.get("svc-a")).config
    assert (config.auth_enabled, config.token_auth_enabled, config.cors_origins) == (False, True, "")
    captured.refuses("%update svc-a --auth", InvalidConfig, "excludes auth_enabled")
    captured.refuses("%deploy svc-b --script wine --ssl-cert a.pem", InvalidConfig, "needs the other file")


def test_names_count_up_in_a_loop(captured: TestingShell, session: MLMagic) -> None:
    captured.run_cell("for i in range(2):\n    %deploy svc-{i} --script wine")
    assert [service.name for service in session.engine.services.list()] == ["svc-0", "svc-1"]


def test_a_failed_deploy_shows_the_traceback_once(
    captured: TestingShell, session: MLMagic, fake: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.next_observations = [Observation(Phase.EXITED, words="init() failed", error=DIED)]
    with pytest.raises(ScriptError) as caught:
        captured.run_cell("%deploy svc-a --script wine")
    assert caught.value.traceback == TRACEBACK
    card = captured.outputs[-1].data
    assert "svc-a: Failed" in card["text/plain"]
    assert TRACEBACK.strip() in card["text/plain"]
    assert "ZeroDivisionError: by zero" in card["text/html"]
    captured.showtraceback((ScriptError, caught.value, caught.value.__traceback__))
    printed = capsys.readouterr().out.strip()
    assert printed == "ScriptError: the script failed in init(): ZeroDivisionError: by zero"
    assert session.engine.services.get("svc-a").state is State.FAILED


def test_a_target_that_refuses_is_told(captured: TestingShell, fake: FakeTarget) -> None:
    fake.refuses = "no more room"
    with pytest.raises(LaunchFailed, match="no more room"):
        captured.run_cell("%deploy svc-a --script wine")
    assert "svc-a: Failed" in captured.shown()


def test_no_wait_returns_at_once(captured: TestingShell, fake: FakeTarget) -> None:
    fake.next_observations = [Observation(Phase.STARTING)]
    service = captured.run_cell("%deploy svc-a --script wine --no-wait")
    assert service.state == "Transitioning"
    assert "svc-a: Transitioning" in captured.shown()


def test_a_wait_has_its_limit(captured: TestingShell, session: MLMagic, fake: FakeTarget) -> None:
    fake.next_observations = [Observation(Phase.STARTING, words="still pulling")]
    with pytest.raises(WaitTimeout, match=r"still Transitioning after 0.05 s \(last seen: .*It goes on"):
        captured.run_cell("%deploy svc-a --script wine --timeout 0.05")
    session.timeout = 0.01
    fake.next_observations = [Observation(Phase.STARTING)]
    with pytest.raises(WaitTimeout, match=r"after 0.01 s"):
        captured.run_cell("%deploy svc-b --script wine")


def test_an_interrupt_leaves_nothing(
    captured: TestingShell, session: MLMagic, fake: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    fake.next_observations = [Observation(Phase.STARTING)]
    monkeypatch.setattr(session.engine.services, "wait", interrupt)
    with pytest.raises(Interrupted, match="'svc-a' was interrupted, and the service was deleted"):
        captured.run_cell("%deploy svc-a --script wine")
    assert session.engine.services.list() == []
    assert "svc-a was deleted." in captured.shown()


def test_other_library_versions_are_told(captured: TestingShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlmagic.engine.environments.satisfaction.installed_here", lambda name: "0.0.1")
    captured.run_cell("%deploy svc-a -m wine")
    assert "wine:1: joblib is 0.0.1 here, and the model was stored with" in captured.shown()


BAD_INPUT: list[tuple[str, type[Exception], str]] = [
    ("--auth", UsageError, "NAME is missing. %deploy alone shows a form"),
    ("ab", InvalidConfig, "service name 'ab' must be 3 to 32"),
    ("Wine_SVC", InvalidConfig, "For example 'wine-svc'"),
    ("{m}", UsageError, "the service's name is a Model. To deploy an object, name the service"),
    ("svc-a -m nothing", NotFound, "Model not found: 'nothing'"),
    ("svc-a -m wine:7", NotFound, "7"),
    ("svc-a -m wine:x", InvalidConfig, "model version 'x'"),
    ("svc-a -m {mm}", UsageError, "'mm' is not defined in the notebook"),
    ("svc-a --script wien", NotFound, "Did you mean 'wine'?"),
    ("svc-a --entry-script nowhere.py", NotFound, "Entry script not found: 'nowhere.py'"),
    ("svc-a --entry-script notes.txt", InvalidConfig, "must be a .py file"),
    ("svc-a --entry-script half.py", CaptureError, "init"),
    ("svc-a --entry-script broken.py", CaptureError, "line 1"),
    ("svc-a --source-directory .", UsageError, "needs --entry-script"),
    ("svc-a --script wine --target nowhere", NotFound, "Target not found: 'nowhere'"),
    ("svc-a --script wine --cpu -1", InvalidConfig, "cpu -1.0 must be above 0"),
    ("svc-a --script wine --cpu abc", InvalidConfig, "cpu 'abc' must be a number"),
    ("svc-a --script wine --memory 0,5", InvalidConfig, "memory '0,5' must be a number. Write 0.5, with a"),
    ("svc-a --script wine --cpu nan", InvalidConfig, "cpu nan must be above 0"),
    ("svc-a --script wine --port 70000", InvalidConfig, "port 70000 must be between 1 and 65535"),
    ("svc-a --script wine --timeout 0", InvalidConfig, "timeout 0.0 must be above 0"),
    ("svc-a --script wine --env A", InvalidConfig, "--env 'A' must be KEY=VALUE"),
    ("svc-a --script wine --memory 5000", Exception, "Not enough resources"),
    ("svc-a --script wine -o 1", InvalidConfig, "--out '1' cannot be the name of a variable"),
    (
        "taken --script wine",
        AlreadyExists,
        "Service 'taken' already exists. It is Healthy. Change it with %update",
    ),
]


def test_bad_input_is_one_line_and_changes_nothing(
    captured: TestingShell, session: MLMagic, fake: FakeTarget, tmp_path: Path
) -> None:
    (tmp_path / "half.py").write_text("def run(data):\n    return data\n")
    (tmp_path / "broken.py").write_text("def init(:\n")
    captured.run_cell("%deploy taken --script wine")
    session.engine.targets.load = lambda name: fake if name == "fake" else _no_target(name)
    before = session.engine.events.list()
    for line, error, words in BAD_INPUT:
        captured.refuses(f"%deploy {line}", error, words)
    assert session.engine.events.list() == before


def _no_target(name: str) -> Any:
    raise NotFound("target", name, ["fake"])


def test_score_sends_what_stands_there(captured: TestingShell, sent: list[Any]) -> None:
    captured.run_cell("%deploy svc-a --script wine\nx = [1, 2]\nname = 'text'")
    for line, body in {
        'svc-a {"data": [[1, 2]], "on": true}': '{"data": [[1, 2]], "on": true}',
        "svc-a {'data': x}": {"data": [1, 2]},
        "svc-a x": [1, 2],
        "svc-a {x}": [1, 2],
        "svc-a $x": [1, 2],
        "svc-a name": "text",
        "svc-a {name: '{name}'}": {"text": "{name}"},
        "svc-a [k * 2 for k in x]": [2, 4],
    }.items():
        assert captured.run_cell(f"%score {line}") == {"answer": len(sent)}
        assert sent[-1] == body
    captured.run_cell('%%score svc-a -o kept\n{"data":\n [[1, 2]]}')
    assert sent[-1] == '{"data":\n [[1, 2]]}'
    assert captured.user_ns["kept"] == {"answer": len(sent)}
    assert captured.run_cell("y = %score svc-a x\ny") == {"answer": len(sent)}


BAD_SCORING: list[tuple[str, type[Exception], str]] = [
    ("nothing 1", NotFound, "Service not found: 'nothing'"),
    ("svc-a", UsageError, "no data to score. For example %score svc-a"),
    ("svc-a xx", UsageError, "'xx' is not defined in the notebook. Did you mean 'x'?"),
    ("svc-a {'a': }", UsageError, "is not a Python expression"),
    ("svc-a x[7]", UsageError, "'x[7]' raised IndexError"),
    ("stopped 1", WrongState, "cannot score 'stopped' while it is Stopped"),
    ("-o 1 svc-a x", InvalidConfig, "'1' cannot be the name of a variable"),
]


def test_bad_scoring_is_one_line(captured: TestingShell, session: MLMagic, sent: list[Any]) -> None:
    captured.run_cell("%deploy svc-a --script wine\nx = [1, 2]\ns = %deploy stopped --script wine\ns.stop()")
    for line, error, words in BAD_SCORING:
        captured.refuses(f"%score {line}", error, words)
    assert sent == []


def test_update_changes_what_is_named(captured: TestingShell) -> None:
    captured.run_cell("%deploy svc-a -m wine --tag a=1\n%register clf --name wine")
    service = captured.run_cell("%update svc-a -m wine:2 --cpu 3 --env {{'A': 1}} --tag b=2 -o kept")
    assert captured.user_ns["kept"] is service
    assert (service.state, [each.id for each in service.models], service.tags) == (
        "Healthy",
        ["wine:2"],
        {"b": "2"},
    )
    config = service._engine.services.revision(service.record).config
    assert (config.cpu, config.environment_variables) == (3.0, {"A": "1"})
    captured.run_cell(f"%%score_script other\n{SCRIPT}")
    captured.run_cell("%update svc-a --script other")
    assert "Serving script other (named with --script)." in captured.shown()
    assert [each.id for each in service.models] == ["wine:2"]


def test_a_failed_update_keeps_serving_and_says_why(captured: TestingShell, fake: FakeTarget) -> None:
    captured.run_cell("%deploy svc-a --script wine")
    fake.next_observations = [Observation(Phase.EXITED, words="init() failed", error=DIED)]
    with pytest.raises(ScriptError, match="revision 1 keeps serving"):
        captured.run_cell("%update svc-a --description new")
    assert "svc-a: Healthy" in captured.shown()
    assert "revision 2 failed; revision 1 keeps serving" in captured.shown()
    assert TRACEBACK.strip() in captured.shown()


BAD_UPDATES: list[tuple[str, type[Exception], str]] = [
    ("nothing --cpu 1", NotFound, "Service not found: 'nothing'"),
    ("svc-a", UsageError, "nothing to update in 'svc-a'"),
    ("svc-a --cpu 0", InvalidConfig, "cpu 0.0 must be above 0"),
    ("svc-a -m nothing", NotFound, "Model not found: 'nothing'"),
    ("svc-a --source-directory x", UsageError, "needs --entry-script"),
]


def test_bad_updates_are_one_line(captured: TestingShell, session: MLMagic) -> None:
    captured.run_cell("%deploy svc-a --script wine")
    for line, error, words in BAD_UPDATES:
        captured.refuses(f"%update {line}", error, words)
    assert session.engine.services.get("svc-a").revision == 1


def test_services_and_logs(captured: TestingShell) -> None:
    assert "No services" in repr(captured.run_cell("%services"))
    captured.run_cell("%deploy svc-a -m wine")
    listing = captured.run_cell("%services -o kept")
    assert captured.user_ns["kept"] is listing
    assert (len(listing), listing[0].name, listing[0].state) == (1, "svc-a", "Healthy")
    assert "wine:1" in repr(listing)
    captured.run_cell("%logs svc-a")
    assert captured.stdout == "launched svc-a r1\n"
    captured.run_cell("%logs svc-a --events --lines 1")
    assert "StateChanged: Healthy" in captured.stdout
    assert captured.stdout.count("\n") == 1
    captured.run_cell("%logs svc-a -o text")
    assert (captured.stdout, captured.user_ns["text"]) == ("", "launched svc-a r1")
    captured.run_cell("%deploy svc-bb -m wine")
    captured.run_cell("%logs --all --level info")
    assert captured.stdout == "svc-a  | launched svc-a r1\nsvc-bb | launched svc-bb r1\n"
    captured.run_cell("%logs svc-bb svc-a -n 1 --request-id r-1")
    assert captured.stdout == ""


@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        ("%logs", UsageError, "no service is named"),
        ("%logs svc-a --all", UsageError, "--all and names exclude each other"),
        ("%logs svc-a --level loud", InvalidConfig, "level 'loud' must be one of debug, info"),
        ("%logs svc-a --since soon", InvalidConfig, "since 'soon' must be a date, a time, or how long ago"),
        ("%logs svc-a --since 1m --until 1h", InvalidConfig, "until '1h' must not be before '1m'"),
        ("%logs svc-a --since 1m", UsageError, "does not say when its lines were written"),
        ("%logs svc-a --follow --until 1m", UsageError, "--follow and --until exclude each other"),
        ("%logs svc-a --events --level error", UsageError, "--events shows the events of one service"),
        ("%logs --all --events", UsageError, "--events shows the events of one service"),
        ("%logs svc-a svc-b", NotFound, "'svc-b'"),
    ],
)
def test_wrong_filters_of_logs_are_refused(
    captured: TestingShell, line: str, error: type[Exception], words: str
) -> None:
    captured.run_cell("%deploy svc-a -m wine")
    captured.refuses(line, error, words)


def test_the_events_of_a_service_are_its_newest(captured: TestingShell, session: MLMagic) -> None:
    captured.run_cell("%deploy svc-a -m wine")
    with session.engine.memory.writing() as tx:
        for number in range(1100):  # more than are read at once
            events.append(tx, EventKind.SCALED, service_subject("svc-a"), f"event {number}")
    captured.run_cell("%logs svc-a --events --lines 2")
    first, last = captured.stdout.splitlines()
    assert (first.endswith("event 1098"), last.endswith("event 1099")) == (True, True)


def test_what_a_log_or_an_event_holds_steers_no_terminal(
    captured: TestingShell, session: MLMagic, fake: FakeTarget
) -> None:
    captured.run_cell("%deploy svc-a -m wine")
    fake.only().log.append("a\x1b]0;title\x07 \u202eb")
    captured.run_cell("%logs svc-a -n 1")
    assert captured.stdout == "a\\x1b]0;title\\x07 \\u202eb\n"
    captured.run_cell("%logs svc-a -n 1 -o text")
    assert captured.user_ns["text"] == "a\x1b]0;title\x07 \u202eb"  # a value, as it is
    with session.engine.memory.writing() as tx:
        events.append(tx, EventKind.SCALED, service_subject("svc-a"), "b\x9b2J")
    captured.run_cell("%logs svc-a --events -n 1")
    assert captured.stdout.endswith("b\\x9b2J\n")
    assert "b\\x9b2J" in repr(captured.run_cell("%events"))


BAD_LOGS = {
    "nothing": "Service not found: 'nothing'",
    "nothing --events": "Service not found: 'nothing'",
    "svc-a -n 0": "lines 0 must be above 0",
    "svc-a -n x": "lines 'x' must be a whole number",
    "svc-a -f -o text": "exclude each other",
}


def test_bad_log_requests_are_one_line(captured: TestingShell) -> None:
    captured.run_cell("%deploy svc-a --script wine")
    for line, words in BAD_LOGS.items():
        captured.refuses(f"%logs {line}", UsageError, words)


def test_delete_checks_everything_first(captured: TestingShell, session: MLMagic) -> None:
    captured.run_cell("%deploy svc-a -m wine\n%deploy svc-b --script wine")
    for line, words in {
        "": "nothing to delete",
        "svc-a nothing": "Service not found: 'nothing'",
        "svc-a --model wine": "which version of 'wine'?",
        "svc-a --model wine:9": "9",
        "--model wine:1": "svc-a",
    }.items():
        captured.refuses(f"%delete {line}", UsageError, words)
        assert len(session.engine.services.list()) == 2
    assert captured.run_cell("%delete svc-a svc-a svc-b --model {m}") is None
    assert session.engine.services.list() == []
    assert session.engine.models.list() == []
    assert "Deleted service svc-b." in captured.shown()
    assert "Deleted model wine:1." in captured.shown()


def test_models_are_served_without_a_script(session: MLMagic, shell: TestingShell) -> None:
    shell.run_cell("from sklearn.linear_model import Ridge\nridge = Ridge().fit([[1], [2]], [1, 2])")
    shell.run_cell("m = %register ridge\n%deploy svc-a -m ridge")
    assert "Serving model ridge:1 without a script (ScikitLearn)." in shell.shown()
    assert session.engine.services.revision(session.engine.services.get("svc-a")).inference.no_code
    shell.run_cell(f"%%score_script other\n{SCRIPT}")
    # A script of another name is never served in silence.
    shell.run_cell("%deploy svc-b -m ridge")
    assert "Serving model ridge:1 without a script (ScikitLearn)." in shell.shown()
    assert session.engine.services.revision(session.engine.services.get("svc-b")).inference.no_code
    shell.run_cell("%deploy svc-c -m ridge --no-code")
    assert "without a script" in shell.shown()
    shell.refuses("%deploy svc-d -m ridge --no-code --script other", UsageError, "exclude each other")
    shell.refuses(
        "%deploy svc-d",
        UsageError,
        "no script is named like the service 'svc-d'. Captured scripts: 'other'. Name one, for example: "
        "--script other.",
    )
    shell.run_cell("thing = {}\n%register thing")
    shell.refuses("%deploy svc-d -m thing", UsageError, "Captured scripts: 'other'. Name one")
    shell.refuses("%deploy svc-d -m thing --no-code", UsageError, "cannot be served without a script")
    shell.run_cell("%deploy svc-d -m thing --script other")
    assert "Serving script other (named with --script)." in shell.shown()


def test_an_object_is_deployed_in_one_line(session: MLMagic, shell: TestingShell) -> None:
    shell.run_cell("from sklearn.linear_model import Ridge\nX = [[1.0], [2.0], [3.0]]")
    shell.run_cell(f"%%score_script other\n{SCRIPT}")
    for version in (1, 2):
        shell.run_cell("%deploy {Ridge().fit(X, X)} --name quick --sample X[:2] --overwrite")
        assert f"Serving model quick:{version} without a script (ScikitLearn)." in shell.shown()
    record = session.engine.models.get("quick")
    assert (record.version, record.details.sample_input) == (2, [[1.0], [2.0]])
    assert session.engine.services.get("quick").models == ("quick:2",)
    # What cannot be deployed is not registered either.
    shell.run_cell("ridge = Ridge()\nthing = {}")
    shell.refuses("%deploy ridge --name quick", AlreadyExists, "Service 'quick' already exists")
    shell.refuses("%deploy thing --name other-svc", UsageError, "cannot be served without a script")
    assert [model.id for model in session.engine.models.list()] == ["quick:2", "quick:1"]
    shell.refuses("%deploy ridgee --name quick", NotFound, "Did you mean 'ridge'")
    shell.refuses("%deploy ridge --name quick -m quick", UsageError, "not registered yet")
    shell.refuses("%deploy quick-b -m quick --sample X", UsageError, "--sample is of a model")


def test_a_script_named_like_the_service_serves_an_object(session: MLMagic, shell: TestingShell) -> None:
    shell.run_cell(f"%%score_script quick\n{SCRIPT}")
    shell.run_cell("thing = {}\n%deploy thing --name quick")
    assert "Serving script quick (named like the service)." in shell.shown()
