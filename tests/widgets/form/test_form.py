"""The form as its page sees it: what is typed comes as content, and what follows from it is shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlmagic.core.events import Event, EventKind
from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import Observation, Phase
from mlmagic.engine.engine import Engine
from mlmagic.errors import NotFound
from mlmagic.targets.fake import FakeTarget
from mlmagic.widgets.component import KERNEL_ONLY
from mlmagic.widgets.form import form as form_module
from mlmagic.widgets.form.form import FormPanel
from mlmagic.widgets.form.values import FormValues, Script, ScriptKind
from tests.support.engines import ON_FAKE, script
from tests.support.form_notebooks import FormNotebook, press, set_in, type_in, wait_idle
from tests.support.waiting import wait_for

EVENT = Event(1, 0.0, EventKind.MODEL_REGISTERED, "models/wine:1", "registered", {})


@pytest.fixture
def form(fake_engine: Engine) -> Iterator[FormPanel]:
    for name in ("wine", "wine", "net"):
        fake_engine.models.register({}, ModelDescription(name))
    form = FormPanel(fake_engine, FormNotebook(fake_engine))
    yield form
    form.close_form()


def section(form: FormPanel, name: str) -> str:
    return next(value for each, _, value in form.sections if each == name)


def test_it_begins_with_the_last_script_and_its_model(form: FormPanel) -> None:
    values = form.state.values
    assert (values.service, values.models, values.target) == ("wine-svc", ("wine:2",), "fake")
    assert values.script == Script(ScriptKind.CAPTURED, "wine")
    assert form.content["models"] == ["wine:2"]
    assert form.texts["line"] == "%deploy wine-svc -m wine:2 --script wine --target fake"
    assert form.blocking == []


def test_a_problem_is_told_by_field_and_stops_a_deploy(form: FormPanel) -> None:
    type_in(form, service="<b>Wine")
    assert "service name '<b>Wine' must be" in form.problems["service"]
    set_in(form, port="80x")
    assert "port '80x' must be a whole number" in form.problems["port"]
    assert form.blocking == ["service", "port"]
    assert "Shown when all fields are valid" in form.texts["line"]
    type_in(form, service="wine-svc")
    set_in(form, port="8080")
    assert form.blocking == []
    assert form.texts["line"].endswith("--port 8080")
    assert section(form, "resources") == "0.1 cores, 0.5 GB, Port: 8080"


def test_what_is_typed_is_not_sent_back_to_the_page(form: FormPanel) -> None:
    sent: list[object] = []
    form.observe(lambda change: sent.append(change["new"]), "content")
    type_in(form, service=" wine-svc ")
    assert len(sent) == 1
    form.state.service = "other"
    assert form.content["service"] == "other"


def test_settings_are_there_where_the_target_has_them(form: FormPanel) -> None:
    assert "port" in form.shown
    assert "autoscale_max_replicas" not in form.shown
    type_in(form, target="kubernetes")
    assert {"num_replicas", "autoscale_max_replicas"} <= set(form.shown)
    assert "port" not in form.shown
    assert section(form, "access") == "none"
    type_in(form, target="docker")
    assert "ssl_cname" in form.shown


def test_a_target_that_cannot_be_used_says_why(fake_engine: Engine, fake: FakeTarget) -> None:
    fake.available = False
    form = FormPanel(fake_engine, FormNotebook(fake_engine))
    assert ["fake (not available: the fake target is off. Set available = True.)", "fake"] in form.choices[
        "targets"
    ]
    assert "Set available = True." in form.problems["target"]
    form.close_form()


def test_what_others_register_and_deploy_can_be_chosen_at_once(form: FormPanel, fake_engine: Engine) -> None:
    fake_engine.models.register({}, ModelDescription("late"))
    wait_for(lambda: "late" in form.choices["models"], "the new model")
    fake_engine.services.wait(fake_engine.services.deploy("wine-svc", [], script(), ON_FAKE), 20)
    wait_for(lambda: form.taken, "the name to be taken")
    wait_for(lambda: "exists and is Healthy" in form.problems.get("service", ""), "its state")


def test_a_flood_of_events_is_read_together(form: FormPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    form._leave()
    now = [1000.0]
    monkeypatch.setattr(form_module.time, "monotonic", lambda: now[0])
    read: list[float] = []
    monkeypatch.setattr(form_module.reader, "soon", lambda key, job: read.append(now[0]))
    for _ in range(300):  # half a minute
        form._hear([EVENT])
        now[0] += 0.1
    assert len(read) == form_module.BURST + 30 / form_module.REFRESH_SECONDS - 1
    now[0] += 60
    form._hear([])  # the last events are not forgotten
    assert read[-1] == now[0]


def test_each_choice_has_a_label_and_a_value(form: FormPanel) -> None:
    assert form.choices["models"]["wine"] == [["2 (newest)", "2"], ["1", "1"]]
    assert form.choices["scripts"][0] == [
        "wine (captured in this notebook)",
        {"kind": "captured", "name": "wine"},
    ]
    assert form.choices["sizes"][0] == ["0.1 cores, 0.5 GB (default)", ["0.1", "0.5"]]
    assert {row["section"] for row in form.rows} <= {name for name, _, _ in form.sections}


def test_a_file_is_named_where_it_is_chosen(form: FormPanel) -> None:
    type_in(form, script={"kind": "file", "name": "", "folder": ""})
    assert "Name the file" in form.problems["script"]
    type_in(form, script={"kind": "file", "name": " gone.py ", "folder": ""})
    assert "File not found: 'gone.py'" in form.problems["script"]
    type_in(form, script={"kind": "none", "name": "", "folder": ""}, models=["wine:2", "wine:1"])
    assert "-m wine:2 -m wine:1 --no-code" in form.texts["line"]


@pytest.mark.parametrize(
    ("typed", "line", "words"),
    [
        ({"auth_enabled": True}, "--auth", "key"),
        ({"token_auth_enabled": True}, "--token-auth", "token"),
        ({}, "--target fake", "none"),
        ({"cors_origins": "*"}, '--cors-origins "*"', "none, Allowed origins (CORS): *"),
    ],
)
def test_a_section_says_its_value(form: FormPanel, typed: dict[str, object], line: str, words: str) -> None:
    set_in(form, **typed)
    assert form.texts["line"].endswith(line)
    assert section(form, "access") == words


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("0,5", "memory_gb '0,5' must be a number. Write 0.5, with a point"),
        ("0.", "memory_gb 0.0 must be above 0"),
        (".5", ""),
        ("half", "memory_gb 'half' must be a number"),
        ("inf", "memory_gb inf must be a finite number"),
        ("0", "memory_gb 0.0 must be above 0"),
        ("", ""),
    ],
)
def test_what_is_typed_as_a_decimal_number_is_read_or_refused(
    form: FormPanel, typed: str, problem: str
) -> None:
    set_in(form, memory_gb=typed)
    assert problem in form.problems.get("memory_gb", "")
    if not problem:
        assert form.state.values.config.memory_gb == 0.5


def test_a_whole_number_takes_no_decimals(form: FormPanel) -> None:
    set_in(form, scoring_timeout_ms="1.5")
    assert "must be a whole number" in form.problems["scoring_timeout_ms"]


def test_a_deploy_makes_the_service_that_the_form_describes(
    form: FormPanel, fake_engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "%deploy wine-svc -m wine:2" in form._card().text
    set_in(form, tags="team=<x>")
    press(form, "deploy")
    wait_idle(form)
    assert form.deployed
    service = fake_engine.services.get("wine-svc")
    assert (service.state, service.models, service.tags) == ("Healthy", ("wine:2",), {"team": "<x>"})
    assert form._card().text.startswith("wine-svc: Healthy at http://127.0.0.1")
    assert repr(form) == "deploy form (it needs a running kernel)"
    assert "Run the cell again" in form.reference()[KERNEL_ONLY]["words"]
    assert capfd.readouterr() == ("", "")


def test_a_failure_is_told_and_the_form_stays_as_it_is(form: FormPanel, fake: FakeTarget) -> None:
    error = {"phase": "init", "type": "KeyError", "message": "'<i>'", "traceback": "line 2, in init"}
    fake.next_observations = [Observation(Phase.EXITED, words="failed", error=error)]
    set_in(form, description="what it is")
    before = form.content
    press(form, "deploy")
    wait_idle(form)
    assert "KeyError: '<i>'" in form.error
    assert form.state.record is not None  # its card has the log, and a button to try again
    assert form.state.record.state == "Failed"
    assert not form.deployed
    assert form.content == before
    press(form, "deploy")
    wait_idle(form)
    assert form.deployed


def test_a_name_that_is_taken_is_replaced_where_that_is_ticked(form: FormPanel, fake_engine: Engine) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("wine-svc", [], script(), ON_FAKE), 20)
    wait_for(lambda: form.blocking == ["service"], "the problem")
    type_in(form, overwrite=True)
    assert form.blocking == []
    press(form, "deploy")
    wait_idle(form)
    assert form.deployed
    assert fake_engine.services.get("wine-svc").revision == 2


def test_what_happened_since_is_told_by_the_deploy(form: FormPanel, fake_engine: Engine) -> None:
    form._leave()  # it hears of nothing any more
    fake_engine.services.wait(fake_engine.services.deploy("wine-svc", [], script(), ON_FAKE), 20)
    press(form, "deploy")
    wait_for(lambda: "Service 'wine-svc' already exists" in form.error, "the refusal")
    wait_idle(form)
    assert "exists and is Healthy" in form.problems["service"]


def test_a_deploy_is_taken_back(form: FormPanel, fake: FakeTarget, fake_engine: Engine) -> None:
    fake.next_observations = [Observation(Phase.STARTING, words="still pulling")]
    press(form, "deploy")
    wait_for(lambda: form.state.record is not None, "the record")
    assert form.busy == "Deploying wine-svc"
    assert form.job == "deploy"
    assert form.began > 0
    press(form, "cancel")
    wait_idle(form)
    assert "the service was deleted" in form.error
    assert form.state.record is None
    assert fake_engine.services.list() == []


def test_any_error_of_a_job_is_told(form: FormPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(values: FormValues) -> None:
        raise NotFound("captured script", "wine")

    monkeypatch.setattr(form.jobs._notebook, "inference", broken)
    press(form, "deploy")
    assert "Captured script not found: 'wine'" in form.error
    assert not form.busy


def test_without_a_page_that_inserts_the_kernel_does(form: FormPanel) -> None:
    press(form, "insert", text="%deploy x")
    assert form.jobs._notebook.inserted == ["%deploy x"]  # type: ignore[attr-defined]
