"""The profile section of a form: what it measures, and what becomes of the recommendation."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mlmagic.core.model import ModelDescription
from mlmagic.core.profile import Goal, Profile, ProfilePlan, ProfileState, Recommendation
from mlmagic.engine.engine import Engine
from mlmagic.engine.profiles.profiles import Progress
from mlmagic.sdk.profile import default_cpus
from mlmagic.targets.fake import FakeTarget
from mlmagic.widgets.form import jobs
from mlmagic.widgets.form.form import FormPanel
from tests.support.engines import ON_FAKE, script
from tests.support.form_notebooks import FormNotebook, press, set_in, type_in, wait_idle
from tests.support.waiting import wait_for

PLAN = ProfilePlan("wine", (1.0,), (1.0,))


@pytest.fixture
def form(fake_engine: Engine) -> Iterator[FormPanel]:
    fake_engine.models.register({}, ModelDescription("wine"))
    fake_engine.models.register({}, ModelDescription("wine"))
    form = FormPanel(fake_engine, FormNotebook(fake_engine))
    type_in(form, dataset="rows")
    yield form
    form.close_form()


def profile(state: ProfileState, **more: Any) -> Profile:
    return Profile(PLAN, state, ("wine:2",), 0.0, **more)


def profiles_asked(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[tuple[ProfilePlan, Any]]:
    """The plans and rows of profiles from now on; they are not really made."""
    found: list[tuple[ProfilePlan, Any]] = []

    def measured(plan: ProfilePlan, _models: Any, _inference: Any, rows: Any, **_more: Any) -> Profile:
        found.append((plan, rows))
        return profile(ProfileState.SUCCEEDED)

    monkeypatch.setattr(engine.profiles, "measure", measured)
    return found


def test_a_profile_shows_its_progress_and_offers_its_size(
    form: FormPanel, fake_engine: Engine, monkeypatch: pytest.MonkeyPatch
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
    type_in(form, service="")  # a service without a name can be measured
    set_in(form, batch=True)
    press(form, "profile")
    wait_for(lambda: form.profile.get("percent") == 40, "the progress")
    assert (form.job, form.busy) == ("profile", "Profiling")
    assert form.profile["words"] == "0.5 cores: loading"
    go_on.set()
    wait_idle(form)
    assert asked == [("wine", "fake", ("wine:2",), [b"[1]"], True)]
    assert form.profile["headline"] == "0.7 cores and 0.3 GB recommended: it is enough."
    assert (form.advice["cpu_cores"], form.advice["memory_gb"]) == ("0.7", "0.3")
    assert form.choices["sizes"][0] == [
        "0.7 cores, 0.3 GB (recommended by profile wine)",
        ["0.7", "0.3"],
    ]


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"dataset": "unknown"}, "dataset", "'unknown' is not defined in the notebook"),
        ({"dataset": ""}, "dataset", "These models have no sample."),
        ({"p99": "soon"}, "p99", "p99 'soon' must be a time, such as 50ms or 0.2s"),
        ({"p99": "0"}, "p99", "p99 0.0 must be above 0 ms"),
        ({"rps": "<b>"}, "rps", "rps '<b>' must be a number above 0, such as 200"),
        ({"recorded_by": "gone"}, "recorded_by", "The recording of 'gone' does not exist any more."),
    ],
)
def test_what_cannot_be_measured_is_told_before_and_stops_no_deploy(
    form: FormPanel, typed: dict[str, str], field: str, words: str
) -> None:
    type_in(form, **typed)
    assert words in form.problems[field]
    assert form.blocking == []


def test_a_profile_that_cannot_begin_says_so(form: FormPanel) -> None:
    type_in(form, dataset="nothing")
    press(form, "profile")
    assert "'nothing' is not defined in the notebook" in form.profile["error"]
    assert not form.busy


def test_a_profile_asks_what_a_service_was_asked(
    form: FormPanel, fake_engine: Engine, fake: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert form.choices["requests"] == [["Dataset below", ""]]
    keeping = replace(ON_FAKE, recorded_requests=5)
    fake_engine.services.wait(fake_engine.services.deploy("asked", [], script(), keeping), 20)
    wait_for(lambda: ["Recorded requests of asked", "asked"] in form.choices["requests"], "the recording")
    type_in(form, recorded_by="asked")
    press(form, "profile")
    wait_idle(form)
    assert "target 'fake' does not record requests" in form.profile["error"]

    line = {"time": 1.0, "body": "[7]", "status": 200, "ms": 1.0}
    monkeypatch.setattr(fake, "capabilities", replace(fake.capabilities, records_traffic=True))
    monkeypatch.setattr(fake, "traffic", lambda handle: [json.dumps(line).encode()])
    asked = profiles_asked(fake_engine, monkeypatch)
    press(form, "profile")
    wait_idle(form)
    assert [rows for _, rows in asked] == [[b"[7]"]]


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
    set_in(form, cpu_cores=cpu, memory_gb=memory)
    press(form, "profile")
    wait_idle(form)
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
    type_in(form, p99=p99, rps=rps)
    press(form, "profile")
    wait_idle(form)
    assert [plan.goal for plan, _ in asked] == [goal]


def test_the_size_of_the_last_profile_of_these_models_is_offered(
    form: FormPanel, fake_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = (
        profile(ProfileState.SUCCEEDED, recommendation=Recommendation(cpu, 1.0, "why")) for cpu in (1.0, 2.0)
    )
    monkeypatch.setattr(fake_engine.profiles, "list", lambda: [newer, older])
    assert form.advice == {}
    type_in(form, models=["wine:2", "wine:1"])
    assert form.advice == {}
    type_in(form, models=["wine:2"])
    assert form.state.advice is newer
    assert form.advice["words"] == "Profile wine: 2 cores and 1 GB recommended: why."


@pytest.mark.processes
def test_a_profile_of_a_real_service(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "SECONDS", 0.1)
    notebook = FormNotebook(engine)
    notebook.target = "local"
    engine.models.register({}, ModelDescription("wine"))
    form = FormPanel(engine, notebook)
    set_in(form, cpu_cores="5000")
    assert form.remarks["cpu_cores"].startswith("This machine has ")
    set_in(form, cpu_cores="0.1")
    press(form, "profile")
    wait_idle(form)
    assert form.state.profile_error == ""
    assert "recommended" in form.profile["headline"]
    assert form.profile["latency"]["bars"]
    assert form.state.advice.models == ("wine:1",)
    again = FormPanel(engine, notebook)
    assert again.state.advice == form.state.advice
    assert "recommended by profile wine" in again.choices["sizes"][0][0]
    form.close_form()
    again.close_form()
