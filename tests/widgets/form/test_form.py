"""The form itself, at the level of its widgets and traits, over the fake target."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import unescape
from typing import Any

import ipywidgets as widgets
import pytest

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.core.notify import Notify
from mlmagic.core.profile import Goal, Profile, ProfilePlan, ProfileState, Recommendation
from mlmagic.core.webservice import Observation, Phase, Webservice
from mlmagic.engine.engine import Engine
from mlmagic.engine.profiles.profiles import Progress
from mlmagic.errors import NotFound, UsageError
from mlmagic.sdk.profile import default_cpus
from mlmagic.targets.fake import FakeTarget
from mlmagic.widgets.form import jobs
from mlmagic.widgets.form.form import FormPanel
from mlmagic.widgets.form.values import FormValues, Script, ScriptKind
from mlmagic.widgets.service_card.card import ServiceCard
from tests.support.engines import ON_FAKE, script
from tests.support.waiting import wait_for


class Notes:
    """A notebook with one captured script."""

    target: str = "fake"
    timeout = 20.0

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.script_names: Sequence[str] = ["wine"]
        self.inserted: list[str] = []
        self.dataset: Any = [[1]]

    def inference(self, values: FormValues) -> InferenceConfig | None:
        return script()

    def requests(self, dataset: str, models: Sequence[str], notify: Notify) -> Any:
        if dataset == "nothing":
            raise UsageError("'nothing' is not defined in the notebook")
        return self.dataset

    def live_card(self, service: Webservice) -> ServiceCard:
        return ServiceCard(self._engine, service)

    def insert_below(self, text: str) -> None:
        self.inserted.append(text)


@pytest.fixture
def form(fake_engine: Engine) -> FormPanel:
    for name in ("wine", "wine", "net"):
        fake_engine.models.register({}, ModelDescription(name))
    return FormPanel(fake_engine, Notes(fake_engine))


def inside(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child)


def is_shown(widget: widgets.Widget) -> bool:
    return widget.layout.display != "none"


def idle(form: FormPanel) -> bool:
    return not form.state.busy


def test_it_begins_with_the_last_script_and_its_model(form: FormPanel) -> None:
    values = form.state.values
    assert (values.service, values.models, values.target) == ("wine-svc", ("wine:2",), "fake")
    assert values.script == Script(ScriptKind.CAPTURED, "wine")
    assert "%deploy wine-svc -m wine:2 --script wine --target fake" in form.equivalents.text.value
    assert not form.deploy.deploy.disabled


def test_every_input_has_a_name_and_a_keyboard_reaches_it(form: FormPanel) -> None:
    found = list(inside(form))
    assert {type(each) for each in found if isinstance(each, widgets.DOMWidget)}.isdisjoint(
        {widgets.IntSlider, widgets.ToggleButtons, widgets.IntProgress, widgets.SelectMultiple}
    )
    named = [each for each in found if hasattr(each, "description")]
    assert len(named) > 30
    for each in named:
        if not isinstance(each, widgets.HTML):
            assert each.description, each


def test_a_problem_stands_beside_its_field_and_turns_deploy_off(form: FormPanel) -> None:
    form.service.value = "<b>Wine"
    field = form.fields["service"]
    assert "service name &#x27;&lt;b&gt;Wine&#x27; must be" in field.problem
    assert "<b>" not in field.problem
    assert form.deploy.deploy.disabled
    assert "To deploy, correct: Service." in form.deploy.status.value
    assert "Shown when all fields are valid" in form.equivalents.text.value
    form.settings.inputs["port"].value = "80x"
    assert "port &#x27;80x&#x27; must be a whole number" in form.settings.fields["port"].problem
    assert form.settings.more.value  # it was out of sight
    assert "correct: Service, Port." in form.deploy.status.value
    form.service.value, form.settings.inputs["port"].value = "wine-svc", "8080"
    assert (field.problem, form.deploy.status.value) == ("", "")
    assert "--port 8080" in form.equivalents.text.value


def test_fields_are_there_where_the_target_has_them(form: FormPanel) -> None:
    fields = form.settings.fields
    assert is_shown(fields["port"])
    assert not is_shown(fields["num_replicas"])
    form.target.value = "kubernetes"
    assert is_shown(fields["num_replicas"])
    assert is_shown(fields["autoscale_max_replicas"])
    assert not is_shown(fields["port"])
    form.target.value = "docker"
    assert is_shown(fields["ssl_cname"])
    assert not is_shown(fields["num_replicas"])


def test_a_target_that_cannot_be_used_says_why(
    fake_engine: Engine,
    fake: FakeTarget,
) -> None:
    fake.available = False
    form = FormPanel(fake_engine, Notes(fake_engine))
    assert "fake (not available: the fake target is off. Set available = True.)" in form.target.label
    assert "Set available = True." in form.fields["target"].problem
    fake.available = True
    form.deploy.refresh.click()
    assert form.target.label == "fake"
    assert form.fields["target"].problem == ""


def test_models_are_added_and_taken_out(form: FormPanel) -> None:
    picker: Any = form.fields["models"]
    picker.name.value = "wine"
    assert [label for label, _ in picker.version.options] == ["2 (newest)", "1"]
    picker.version.value = "1"
    picker.add.click()
    picker.add.click()
    assert form.state.models == ["wine:2", "wine:1"]
    assert "-m wine:2 -m wine:1" in form.equivalents.text.value
    _, first, _ = picker.chosen.children
    assert first.description == "Remove wine:2"
    first.click()
    assert form.state.models == ["wine:1"]


def test_a_file_is_named_where_it_is_chosen(form: FormPanel) -> None:
    picker: Any = form.fields["script"]
    assert not is_shown(picker._of_file)
    picker.kind.value = Script(ScriptKind.FILE)
    assert is_shown(picker._of_file)
    assert "Name the file" in picker.problem
    picker.file.value = "gone.py"
    assert "File not found: &#x27;gone.py&#x27;" in picker.problem
    picker.kind.value = Script()
    assert picker.problem == ""
    assert "--no-code" in form.equivalents.text.value


def test_access_is_one_choice(form: FormPanel) -> None:
    form.settings.authentication.value = "auth_enabled"
    assert "--auth" in form.state.texts["line"]
    form.settings.authentication.value = "token_auth_enabled"
    assert form.state.texts["line"].endswith("--token-auth")
    form.settings.authentication.value = ""
    assert "auth" not in form.state.texts["line"]


def test_presets_and_what_is_typed_are_the_same_size(form: FormPanel) -> None:
    size = form.settings.size
    size.size.value = (1.0, 2.0)
    assert form.state.texts["line"].endswith("--cpu 1.0 --memory 2.0")
    assert (size.cpu.value, size.memory.value) == ("1", "2")
    size.cpu.value = "0.7"
    assert size.size.label == "Other"
    assert "--cpu 0.7" in form.state.texts["line"]
    size.cpu.value, size.memory.value = "0.1", "0.50"
    assert size.size.label == "0.1 cores, 0.5 GB (default)"
    assert "--cpu" not in form.state.texts["line"]
    size.cpu.value = ""  # the default
    assert "--cpu" not in form.state.texts["line"]


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("0,5", "memory_gb '0,5' must be a number. Write 0.5, with a point"),
        ("0.", ""),
        (".5", ""),
        ("half", "memory_gb 'half' must be a number"),
        ("inf", "memory_gb inf must be a finite number"),
        ("0", "memory_gb 0.0 must be above 0"),
    ],
)
def test_what_is_typed_as_a_decimal_number_is_read_or_refused(
    form: FormPanel, typed: str, problem: str
) -> None:
    form.settings.size.memory.value = typed
    shown = unescape(form.settings.size.fields["memory_gb"].problem)
    if problem or typed == "0.":
        assert (problem or "memory_gb 0.0 must be above 0") in shown
        assert form.profile.start.disabled
    else:
        assert shown == ""
        assert form.state.values.config.memory_gb == float(typed)


def test_a_whole_number_takes_no_decimals(form: FormPanel) -> None:
    form.settings.inputs["scoring_timeout_ms"].value = "1.5"
    assert "must be a whole number" in form.settings.fields["scoring_timeout_ms"].problem


def test_it_becomes_the_live_card(
    form: FormPanel,
    fake_engine: Engine,
    capfd: pytest.CaptureFixture[str],
) -> None:
    card = form._card()
    assert "%deploy wine-svc -m wine:2" in card.text
    form.settings.inputs["tags"].value = "team=<x>"
    form.deploy.deploy.click()
    wait_for(lambda: idle(form), "the deploy")
    (card,) = form.children
    assert isinstance(card, ServiceCard)
    card.close_card()
    service = fake_engine.services.get("wine-svc")
    assert (service.state, service.models, service.tags) == ("Healthy", ("wine:2",), {"team": "<x>"})
    assert form._card().text.startswith("wine-svc: Healthy at http://127.0.0.1")
    assert repr(form) == "deploy form (it needs a running kernel)"
    assert capfd.readouterr() == ("", "")


def test_a_failure_is_told_and_the_form_stays_as_it_is(
    form: FormPanel,
    fake: FakeTarget,
) -> None:
    error = {"phase": "init", "type": "KeyError", "message": "'<i>'", "traceback": "line 2, in init"}
    fake.next_observations = [Observation(Phase.EXITED, words="failed", error=error)]
    form.settings.inputs["description"].value = "what it is"
    before = form.state.values
    form.deploy.deploy.click()
    wait_for(lambda: idle(form), "the end")
    assert "KeyError: &#x27;&lt;i&gt;&#x27;" in form.deploy.status.value
    assert "line 2, in init" in form.deploy.status.value
    assert form.state.values == before
    assert not form.deploy.deploy.disabled
    form.deploy.deploy.click()
    wait_for(lambda: idle(form), "the second")
    assert form.state.deployed
    form.children[0].close_card()


def test_a_name_that_is_taken_is_replaced_where_that_is_ticked(
    form: FormPanel,
    fake_engine: Engine,
) -> None:
    assert not is_shown(form.overwrite)
    fake_engine.services.wait(fake_engine.services.deploy("wine-svc", [], script(), ON_FAKE), 20)
    form.deploy.refresh.click()
    assert "exists and is Healthy" in form.fields["service"].problem
    assert is_shown(form.overwrite)
    form.overwrite.value = True
    assert form.fields["service"].problem == ""
    form.deploy.deploy.click()
    wait_for(lambda: idle(form), "the update")
    assert form.state.deployed
    assert fake_engine.services.get("wine-svc").revision == 2
    form.children[0].close_card()


def test_what_happened_since_is_told_by_the_deploy(
    form: FormPanel,
    fake_engine: Engine,
) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("wine-svc", [], script(), ON_FAKE), 20)
    form.deploy.deploy.click()  # the form was not refreshed
    refusal = "Service &#x27;wine-svc&#x27; already exists"
    wait_for(lambda: refusal in form.deploy.status.value, "the refusal")
    wait_for(lambda: idle(form), "the end of the job")
    assert "exists and is Healthy" in form.fields["service"].problem


def test_a_deploy_is_taken_back(
    form: FormPanel,
    fake: FakeTarget,
    fake_engine: Engine,
) -> None:
    fake.next_observations = [Observation(Phase.STARTING, words="still pulling")]
    form.deploy.deploy.click()
    wait_for(lambda: form.state.record is not None, "the record")
    assert form.deploy.deploy.disabled
    assert is_shown(form.deploy.cancel)
    form.deploy.cancel.click()
    wait_for(lambda: idle(form), "the end")
    assert "the service was deleted" in form.deploy.status.value
    assert fake_engine.services.list() == []
    assert not is_shown(form.deploy.cancel)


PLAN = ProfilePlan("wine", (1.0,), (1.0,))


def profile(state: ProfileState, **more: Any) -> Profile:
    return Profile(PLAN, state, ("wine:2",), 0.0, **more)


def test_a_profile_shows_its_progress_and_offers_its_size(
    form: FormPanel,
    fake_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = threading.Event()
    asked: list[Any] = []

    def measured(plan: ProfilePlan, models: Any, inference: Any, rows: Any, **more: Any) -> Profile:
        asked.append((plan.name, plan.target, models, rows, more["config"].batch))
        more["watching"](Progress("0.5 cores: loading", 0.4, 3.0), profile(ProfileState.RUNNING))
        go_on.wait(20)
        made = profile(ProfileState.SUCCEEDED, recommendation=Recommendation(0.7, 0.3, "it is enough"))
        more["watching"](Progress("Succeeded", 1.0, 0.0), made)
        return made

    monkeypatch.setattr(fake_engine.profiles, "measure", measured)
    form.service.value = ""  # a service without a name can be measured
    form.settings.inputs["batch"].value = True
    form.profile.start.click()
    wait_for(lambda: "40 %" in form.profile.card.value, "the progress")
    assert form.profile.start.disabled
    assert form.deploy.deploy.disabled
    go_on.set()
    wait_for(lambda: idle(form), "the end")
    assert asked == [("wine", "fake", ("wine:2",), [b"[1]"], True)]
    assert "0.7 cores and 0.3 GB recommended: it is enough" in form.profile.card.value
    form.profile.accept.click()
    assert form.state.values.given["cpu_cores"] == 0.7
    assert form.settings.size.size.label == "0.7 cores, 0.3 GB (recommended by profile wine)"


def test_a_profile_that_cannot_begin_says_so(form: FormPanel) -> None:
    form.profile.dataset.value = "nothing"
    form.profile.start.click()
    assert "&#x27;nothing&#x27; is not defined in the notebook" in form.profile.card.value
    assert idle(form)


def test_a_profile_asks_what_a_service_was_asked(
    form: FormPanel,
    fake_engine: Engine,
    fake: FakeTarget,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pane = form.profile
    assert not is_shown(pane.requests)
    keeping = replace(ON_FAKE, recorded_requests=5)
    fake_engine.services.wait(fake_engine.services.deploy("asked", [], script(), keeping), 20)
    form.deploy.refresh.click()
    assert is_shown(pane.requests)
    assert [label for label, _ in pane.requests.options] == ["Dataset below", "Recorded requests of asked"]
    pane.requests.value = "asked"
    assert not is_shown(pane.dataset)
    pane.start.click()
    wait_for(lambda: idle(form), "the refusal")
    assert "target &#x27;fake&#x27; does not record requests" in pane.card.value

    line = {"time": 1.0, "body": "[7]", "status": 200, "ms": 1.0}
    monkeypatch.setattr(fake, "capabilities", replace(fake.capabilities, records_traffic=True))
    monkeypatch.setattr(fake, "traffic", lambda handle: [json.dumps(line).encode()])
    asked = profiles_asked(fake_engine, monkeypatch)
    pane.start.click()
    wait_for(lambda: idle(form), "the profile")
    assert [rows for _, rows in asked] == [[b"[7]"]]

    fake_engine.services.delete("asked")
    form.deploy.refresh.click()
    assert not is_shown(pane.requests)
    assert is_shown(pane.dataset)
    assert pane.requests.value == ""


def profiles_asked(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[tuple[ProfilePlan, Any]]:
    """The plans and rows of profiles from now on; they are not really made."""
    found: list[tuple[ProfilePlan, Any]] = []

    def measured(plan: ProfilePlan, _models: Any, _inference: Any, rows: Any, **_more: Any) -> Profile:
        found.append((plan, rows))
        return profile(ProfileState.SUCCEEDED)

    monkeypatch.setattr(engine.profiles, "measure", measured)
    return found


@pytest.mark.parametrize(
    ("cpu", "memory", "cpus", "gigabytes"),
    [
        ("0.1", "0.5", None, 0.5),
        ("0.1", "0.25", None, 0.25),
        ("1.5", "2", (1.5,), 2.0),
    ],
)
def test_a_profile_measures_the_memory_that_the_form_shows(
    form: FormPanel,
    fake_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    cpu: str,
    memory: str,
    cpus: tuple[float, ...] | None,
    gigabytes: float,
) -> None:
    asked = profiles_asked(fake_engine, monkeypatch)
    form.settings.size.cpu.value, form.settings.size.memory.value = cpu, memory
    form.profile.start.click()
    wait_for(lambda: idle(form), "the profile")
    ((plan, _),) = asked
    assert plan.memories_gb == (gigabytes,)
    assert plan.cpus == (cpus or default_cpus())


@pytest.mark.parametrize(
    ("p99", "rps", "goal"),
    [
        ("", "", Goal()),
        (" 20 ", "", Goal(20.0)),
        ("0.2s", "200", Goal(200.0, requests_per_second=200.0)),
        ("", "0.5", Goal(requests_per_second=0.5)),
    ],
)
def test_a_goal_is_passed_to_the_profile(
    form: FormPanel, fake_engine: Engine, monkeypatch: pytest.MonkeyPatch, p99: str, rps: str, goal: Goal
) -> None:
    asked = profiles_asked(fake_engine, monkeypatch)
    form.profile.p99.value, form.profile.rps.value = p99, rps
    form.profile.start.click()
    wait_for(lambda: idle(form), "the profile")
    assert [plan.goal for plan, _ in asked] == [goal]


@pytest.mark.parametrize(
    ("p99", "rps", "words"),
    [
        ("soon", "", "p99 &#x27;soon&#x27; must be a time, such as 50ms or 0.2s"),
        ("0", "", "p99 0.0 must be above 0 ms"),
        ("", "<b>", "rps &#x27;&lt;b&gt;&#x27; must be a number above 0, such as 200"),
    ],
)
def test_a_goal_that_cannot_be_is_told(form: FormPanel, p99: str, rps: str, words: str) -> None:
    form.profile.p99.value, form.profile.rps.value = p99, rps
    form.profile.start.click()
    assert words in form.profile.card.value
    assert idle(form)


def test_the_size_of_the_last_profile_of_these_models_is_offered(
    form: FormPanel,
    fake_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    older, newer = (
        profile(ProfileState.SUCCEEDED, recommendation=Recommendation(cpu, 1.0, "why")) for cpu in (1.0, 2.0)
    )
    monkeypatch.setattr(fake_engine.profiles, "list", lambda: [newer, older])
    assert not is_shown(form.profile.accept)
    form.state.models = ["wine:2", "net:1"]
    assert form.state.advice is None
    form.state.models = ["wine:2"]
    assert form.state.advice is newer
    assert is_shown(form.profile.accept)


def test_any_error_of_a_thread_is_told(form: FormPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(values: FormValues) -> None:
        raise NotFound("captured script", "wine")

    monkeypatch.setattr(form.jobs._notebook, "inference", broken)
    form.deploy.deploy.click()
    assert "Captured script not found: &#x27;wine&#x27;" in form.deploy.status.value
    assert idle(form)


@pytest.mark.processes
def test_a_profile_of_a_real_service(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "SECONDS", 0.1)
    notes = Notes(engine)
    notes.target = "local"
    engine.models.register({}, ModelDescription("wine"))
    form = FormPanel(engine, notes)
    form.profile.start.click()
    wait_for(lambda: idle(form), "the profile")
    assert form.state.profile_error == ""
    assert "recommended" in form.profile.card.value
    assert form.state.advice.models == ("wine:1",)
    form.profile.accept.click()
    advice = form.state.advice.recommendation
    assert form.state.values.config.cpu == advice.cpu
    again = FormPanel(engine, notes)
    assert again.state.advice == form.state.advice
    assert "recommended by profile wine" in again.settings.size.size.options[0][0]
