"""Rollbacks on the fake target: what is chosen, what is refused, and what keeps serving meanwhile."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest

import mlmagic.core.revisions
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.events import EventKind
from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import Observation, Phase, State, Webservice
from mlmagic.engine.engine import Engine
from mlmagic.errors import (
    Interrupted,
    InvalidConfig,
    LaunchFailed,
    NotFound,
    TargetUnavailable,
    UsageError,
)
from mlmagic.targets.fake import FakeTarget
from mlmagic.workspace import services
from tests.support.answering import Answering
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together

STARTING = Observation(Phase.STARTING)
FAILS = Observation(Phase.EXITED, error={"type": "E", "message": "no"})


class ElsewhereTarget(FakeTarget):
    """Another fake target."""

    name: ClassVar[str] = "there"


def register(engine: Engine, folder: Path, text: str) -> str:
    (folder / "model.bin").write_text(text)
    return engine.models.register(folder / "model.bin", ModelDescription("m")).id


def settled(engine: Engine) -> Webservice:
    """The service, when what it replaced has ended."""
    wait_for(lambda: not engine.services.get("svc").retiring, "the end of what was replaced")
    return engine.services.get("svc")


def update(engine: Engine, **changes: Any) -> Webservice:
    engine.services.wait(engine.services.update("svc", **changes), 20)
    return settled(engine)


def stored_files(engine: Engine) -> set[str]:
    return {path.name for path in (engine.memory.folder / "files").glob("*/*")}


@pytest.fixture
def two(fake_engine: Engine, tmp_path: Path) -> Engine:
    """A service at its second revision, with another model, script and setting than its first."""
    for text in ("one", "two"):
        register(fake_engine, tmp_path, text)
    config = DeploymentConfig("fake", cpu=0.5, environment_variables={"A": "1"}, description="d")
    fake_engine.services.wait(fake_engine.services.deploy("svc", ["m:1"], script(), config), 20)
    update(
        fake_engine,
        model_names=["m:2"],
        inference=script("other"),
        config_changes={"cpu": 2.0, "environment_variables": {}, "tags": {"stage": "prod"}},
    )
    return fake_engine


def test_a_rollback_is_a_new_revision_with_the_content_of_the_earlier_one(two: Engine) -> None:
    two.services.label("svc", tags={"stage": "test"})
    lines: list[str] = []
    done = two.services.rollback("svc", notify=lines.append)
    assert (done.revision, done.cancels, done.service.state) == (1, False, State.TRANSITIONING)
    assert lines == ["Rolling back to revision 1. The new revision is 3."]
    assert done.service.words == "rollback to revision 1 requested"
    now = two.services.wait(done.service, 20)
    assert (now.serving, now.models, now.description, now.tags) == (3, ("m:1",), "d", {"stage": "test"})
    revision = two.services.revision(now)
    assert revision.inference.entry_script == "echo.py"
    assert (revision.config.cpu, revision.config.environment_variables) == (0.5, {"A": "1"})
    requested = [
        each.message for each in two.events.list(service="svc") if each.kind is EventKind.UPDATE_REQUESTED
    ]
    assert "rollback to revision 1 as revision 3 with m:1 requested" in requested


def test_the_revisions_are_listed_with_what_changed(two: Engine) -> None:
    two.services.wait(two.services.rollback("svc", 1).service, 20)
    two.services.wait(two.services.restart("svc"), 20)
    settled(two)
    found = two.services.revisions("svc")
    assert [(each.number, each.status, each.models, each.script) for each in found] == [
        (4, "Serving", ("m:1",), "echo.py"),
        (3, "Was Healthy", ("m:1",), "echo.py"),
        (2, "Was Healthy", ("m:2",), "other.py"),
        (1, "Was Healthy", ("m:1",), "echo.py"),
    ]
    assert [each.change for each in found] == [
        "restart",
        "rollback to revision 1: models m:1; script; cpu, env",
        "models m:2; script; cpu, env, tag",
        "deployed",
    ]
    assert [each.rollback_of for each in found] == [None, 1, None, None]
    assert [each.created_time for each in found] == sorted(
        (each.created_time or 0 for each in found), reverse=True
    )
    # The restart has copied revision 3, so going back means revision 2.
    assert two.services.rollback("svc").revision == 2


def test_former_revisions_have_neither_a_folder_nor_a_process(two: Engine, fake: FakeTarget) -> None:
    service = settled(two)
    folder = two.memory.services_folder / service.id
    assert [path.name for path in folder.iterdir()] == ["r2"]
    assert fake.only().spec.revision == 2
    assert len(stored_files(two)) == 4
    two.services.delete("svc")
    assert stored_files(two) == {file.digest for model in two.models.list() for file in model.files}


def test_the_last_former_revisions_are_kept(two: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlmagic.core.revisions.to_forget, "__defaults__", (2,))
    for cpu in (3.0, 4.0, 5.0):
        update(two, config_changes={"cpu": cpu})
    assert two.services.revision_numbers("svc") == [5, 4, 3]
    with pytest.raises(NotFound, match=r"Revision of 'svc' not found: '1'. It has: 3, 4, 5\. List"):
        two.services.rollback("svc", 1)


@pytest.mark.parametrize(
    ("revision", "error", "words"),
    [
        (7, NotFound, r"Revision of 'svc' not found: '7'\. It has: 1, 2\. List them with: %revisions svc"),
        (
            2,
            UsageError,
            r"cannot roll back 'svc' to revision 2: it is the present revision, and it serves\. List",
        ),
        (0, InvalidConfig, "revision 0 must be a whole number above 0"),
        ("1", InvalidConfig, "revision '1' must be"),
    ],
)
def test_what_is_refused(two: Engine, revision: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        two.services.rollback("svc", revision)
    assert settled(two).revision == 2


def test_a_service_without_an_earlier_revision_is_refused(fake_engine: Engine) -> None:
    with pytest.raises(NotFound, match="Service not found: 'svc'"):
        fake_engine.services.rollback("svc")
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    with pytest.raises(
        UsageError,
        match=r"revision 1 has no earlier revision that was Healthy and differs from it\. List its",
    ):
        fake_engine.services.rollback("svc")
    fake_engine.services.delete("svc")
    with pytest.raises(NotFound):
        fake_engine.services.rollback("svc", 1)


def test_a_model_that_was_deleted_is_named(two: Engine) -> None:
    two.models.delete("m:1")  # no revision that may run uses it
    with pytest.raises(UsageError, match=r"to revision 1: model 'm:1' was deleted. Deploy other models with"):
        two.services.rollback("svc")


def test_a_file_that_is_missing_is_named(two: Engine) -> None:
    with two.memory.reading() as tx:
        first = services.get_revision(tx, two.services.get("svc").id, 1)
    two.memory.files.path(first.files[0].digest).unlink()
    with pytest.raises(UsageError, match=r"its file 'echo.py' is missing from the workspace"):
        two.services.rollback("svc")


def test_a_target_that_is_unavailable_is_reported_before_anything_is_recorded(
    two: Engine, fake: FakeTarget
) -> None:
    fake.available = False
    with pytest.raises(TargetUnavailable):
        two.services.rollback("svc")
    fake.available = True
    assert two.services.get("svc").revision == 2


def test_a_rollback_that_fails_keeps_the_present_revision(two: Engine, fake: FakeTarget) -> None:
    fake.next_observations = [FAILS]
    with pytest.raises(LaunchFailed, match="revision 3 of 'svc' failed, and revision 2 keeps serving"):
        two.services.wait(two.services.rollback("svc").service, 20)
    now = settled(two)
    assert (now.state, now.serving, now.models) == (State.HEALTHY, 2, ("m:2",))
    assert [each.status for each in two.services.revisions("svc")][:2] == ["Never Healthy", "Serving"]


def test_a_rollback_cancels_an_update_that_does_not_serve_yet(two: Engine, fake: FakeTarget) -> None:
    fake.next_observations = [STARTING]
    two.services.update("svc", config_changes={"cpu": 3.0})
    wait_for(lambda: two.services.get("svc").candidate == 3, "the launch")
    launched = len(fake.services)
    lines: list[str] = []
    done = two.services.rollback("svc", notify=lines.append)
    assert (done.revision, done.cancels) == (2, True)
    assert lines == ["Cancelled the update: revision 2 keeps serving."]
    assert two.services.wait(done.service, 20).serving == 2
    settled(two)
    wait_for(lambda: not two.services.get("svc").candidate, "the end of the update")
    assert len(fake.services) == launched
    # An interrupt after that undoes nothing.
    assert "was complete before the interrupt: revision 2 serves" in two.services.withdraw(done.service)
    assert two.services.get("svc").serving == 2


def test_a_rollback_past_the_serving_revision_replaces_an_update(two: Engine, fake: FakeTarget) -> None:
    fake.next_observations = [STARTING]
    two.services.update("svc", config_changes={"cpu": 3.0})
    wait_for(lambda: two.services.get("svc").candidate == 3, "the launch")
    with pytest.raises(UsageError, match="to revision 3: it is the present revision, and it is starting"):
        two.services.rollback("svc", 3)
    now = two.services.wait(two.services.rollback("svc", 1).service, 20)
    assert (now.serving, now.models) == (4, ("m:1",))


def test_a_stopped_service_is_started_with_the_earlier_revision(two: Engine) -> None:
    two.services.stop("svc")
    with pytest.raises(
        UsageError, match=r"it is the present revision, and it is stopped\. Start it with: service\.start\(\)"
    ):
        two.services.rollback("svc", 2)
    now = two.services.wait(two.services.rollback("svc").service, 20)
    assert (now.state, now.serving, now.models) == (State.HEALTHY, 3, ("m:1",))


def test_a_failed_service_goes_back_to_a_revision_that_was_healthy(two: Engine, fake: FakeTarget) -> None:
    two.services.stop("svc")
    fake.next_observations = [FAILS]
    with pytest.raises(LaunchFailed):
        two.services.wait(two.services.start("svc"), 20)
    with pytest.raises(UsageError, match=r"it is the present revision, and it failed\. Start it with"):
        two.services.rollback("svc", 2)
    assert two.services.wait(two.services.rollback("svc").service, 20).models == ("m:1",)


def test_an_interrupt_leaves_what_served(two: Engine, fake: FakeTarget) -> None:
    fake.next_observations = [STARTING]
    done = two.services.rollback("svc")

    def press_ctrl_c(service: Webservice) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="revision 2 keeps serving"):
        two.services.wait_or_withdraw(done.service, 20, watching=press_ctrl_c)
    assert settled(two).serving == 2


def test_what_the_user_may_not_expect_is_reported(two: Engine, fake: FakeTarget) -> None:
    fake.next_observations = [FAILS]
    failing = two.services.update("svc", config_changes={"cpu": 3.0})
    with pytest.raises(LaunchFailed):
        two.services.wait(failing, 20)
    update(two, config_changes={"auth_enabled": True})
    lines: list[str] = []
    two.services.rollback("svc", 3, notify=lines.append)
    assert lines[:2] == [
        "Revision 3 was never Healthy.",
        "Revision 3 has no authentication, unlike revision 4.",
    ]


def test_a_rollback_that_cancels_an_update_needs_no_target(two: Engine, fake: FakeTarget) -> None:
    fake.next_observations = [STARTING]
    two.services.update("svc", config_changes={"cpu": 3.0})
    fake.available = False
    assert two.services.rollback("svc").cancels
    fake.available = True
    assert settled(two).serving == 2


def test_an_update_that_fails_meanwhile_needs_no_rollback(two: Engine, fake: FakeTarget) -> None:
    """The revision that was chosen serves again by itself: an older one must not replace it."""
    fake.next_observations = [STARTING]
    updating = two.services.update("svc", config_changes={"cpu": 3.0})
    wait_for(lambda: two.services.get("svc").candidate == 3, "the launch")
    plan = two.services._rollbacks.plan

    def fail_and_plan(*words: Any) -> Any:
        planned = plan(*words)
        fake.services[max(fake.services)].observation = FAILS
        with suppress(LaunchFailed):
            two.services.wait(updating, 20)
        return planned

    two.services._rollbacks.plan = fail_and_plan  # type: ignore[method-assign]
    assert two.services.rollback("svc").service.serving == 2
    assert settled(two).revision == 2


def test_a_service_that_is_replaced_meanwhile_is_not_rolled_back(two: Engine) -> None:
    choose = two.services._rollbacks.choose

    def choose_and_be_late(*words: Any) -> Any:
        chosen = choose(*words)
        two.services.delete("svc")
        two.services.wait(two.services.deploy("svc", [], script(), ON_FAKE), 20)
        return chosen

    two.services._rollbacks.choose = choose_and_be_late  # type: ignore[method-assign]
    with pytest.raises(NotFound, match="It was replaced meanwhile"):
        two.services.rollback("svc", 1)


def test_a_rollback_goes_back_to_the_target_of_the_earlier_revision(
    make_engine: MakeEngine, fake: FakeTarget, answering: Answering
) -> None:
    there = ElsewhereTarget()
    there.url = answering.url
    engine = make_engine(targets={"fake": fake, "there": there}.__getitem__)
    engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    moving = engine.services.deploy("svc", [], script(), DeploymentConfig("there"), overwrite=True)
    engine.services.wait(moving, 20)
    assert engine.services.wait(engine.services.rollback("svc").service, 20).target == "fake"
    assert [each.change for each in engine.services.revisions("svc")][:2] == [
        "rollback to revision 1: target fake",
        "target there",
    ]
    wait_for(lambda: all(each.stopped for each in there.services.values()), "the end of the other one")
    engine.services.delete("svc")


def test_an_update_of_another_process_is_built_upon(two: Engine) -> None:
    """The plan is made again for what is true then; the revision that was chosen stays."""
    plan = two.services._rollbacks.plan
    other: list[Webservice] = []

    def plan_and_be_late(*words: Any) -> Any:
        planned = plan(*words)
        if not other:
            other.append(two.services.update("svc", config_changes={"description": "newer"}))
        return planned

    two.services._rollbacks.plan = plan_and_be_late  # type: ignore[method-assign]
    now = two.services.wait(two.services.rollback("svc").service, 20)
    assert (now.serving, now.models, now.description) == (4, ("m:1",), "newer")
