"""Deploying on the fake target: every path of record-then-supervise, without a process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.events import EventKind
from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import Desired, Observation, Phase, State
from mlmagic.engine.engine import Engine
from mlmagic.errors import (
    AlreadyExists,
    CaptureError,
    Interrupted,
    InvalidConfig,
    LaunchFailed,
    NotFound,
    ScriptError,
    TargetUnavailable,
    UsageError,
    WaitTimeout,
    WrongState,
)
from mlmagic.targets.fake import FakeTarget
from mlmagic.targets.faulty_fakes import HeldTarget
from tests.support.answering import Answering
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together

STARTING = Observation(Phase.STARTING)


def kinds(engine: Engine) -> list[EventKind]:
    return [event.kind for event in engine.events.list(service="svc")]


def test_a_deploy_is_recorded_at_once_and_becomes_healthy(fake_engine: Engine, answering: Answering) -> None:
    service = fake_engine.services.deploy("svc", [], script(), ON_FAKE)
    assert service.state is State.TRANSITIONING
    healthy = fake_engine.services.wait(service, 20)
    assert (healthy.state, healthy.serving, healthy.url) == (State.HEALTHY, 1, answering.url)
    assert kinds(fake_engine) == [EventKind.DEPLOY_REQUESTED, EventKind.LAUNCHED, EventKind.STATE_CHANGED]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        ({"name": "Bad Name"}, InvalidConfig, "service name 'Bad Name' must be 3 to 32"),
        ({"models": ["nothing"]}, NotFound, "Model not found: 'nothing'"),
        ({"models": ["m:9"]}, NotFound, "m has versions 1"),
        ({"inference": InferenceConfig("nowhere.py")}, NotFound, "Entry script not found: 'nowhere.py'"),
        ({"inference": InferenceConfig("score.py", script_text="def run(x): 1")}, CaptureError, "init"),
        ({"inference": InferenceConfig("score.py", script_text="def init(): 1")}, CaptureError, "run"),
        ({"inference": InferenceConfig("score.py", script_text="def run(:")}, CaptureError, "line 1"),
        ({"inference": InferenceConfig("score.py", source_directory="/no/where")}, NotFound, "/no/where"),
        ({"config": DeploymentConfig("nowhere")}, NotFound, "Target not found: 'nowhere'"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(
    make_engine: MakeEngine, fake: FakeTarget, call: dict[str, object], error: type[Exception], words: str
) -> None:
    from mlmagic.targets import registry

    engine = make_engine(targets=lambda name: fake if name == "fake" else registry.load(name))
    model = engine.location.folder / "model.bin"
    model.write_bytes(b"x")
    engine.models.register(model, ModelDescription("m"))
    before = engine.events.list()
    values = {"name": "svc", "models": ["m"], "inference": script(), "config": ON_FAKE, **call}
    with pytest.raises(error, match=words):
        engine.services.deploy(values["name"], values["models"], values["inference"], values["config"])  # type: ignore[arg-type]
    assert engine.services.list() == []
    assert engine.events.list() == before
    assert not engine.memory.files.has_intakes
    assert fake.services == {}


def test_a_target_that_is_not_there_is_told_before_anything_is_recorded(
    fake_engine: Engine, fake: FakeTarget
) -> None:
    fake.available = False
    with pytest.raises(TargetUnavailable, match="is off"):
        fake_engine.services.deploy("svc", [], script(), ON_FAKE)
    assert fake_engine.services.list() == []


def test_a_name_in_use_is_refused_and_overwritten_when_told(fake_engine: Engine) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    with pytest.raises(AlreadyExists, match="It is Healthy"):
        fake_engine.services.deploy("svc", [], script(), ON_FAKE)
    second = fake_engine.services.wait(
        fake_engine.services.deploy("svc", [], script("other"), ON_FAKE, overwrite=True)
    )
    assert (second.revision, second.serving) == (2, 2)


def test_the_scripts_error_is_the_deploys_error(fake_engine: Engine, fake: FakeTarget) -> None:
    record = {
        "phase": "init",
        "type": "KeyError",
        "message": "'w1'",
        "traceback": "score.py, line 5, in init",
    }
    fake.next_observations = [Observation(Phase.EXITED, words="'w1'", error=record)]
    with pytest.raises(ScriptError, match="KeyError: 'w1'") as caught:
        fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    assert "score.py, line 5, in init" in str(caught.value)
    assert fake_engine.services.get("svc").state is State.FAILED


def test_a_service_that_never_came_up_is_replaced_without_asking(
    fake_engine: Engine, fake: FakeTarget
) -> None:
    fake.next_observations = [Observation(Phase.EXITED, words="no")]
    with pytest.raises(LaunchFailed):
        fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    again = fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    assert again.state is State.HEALTHY


def test_a_refused_launch_fails_the_deploy_with_the_targets_words(
    fake_engine: Engine, fake: FakeTarget
) -> None:
    fake.refuses = "the floor is wet"
    with pytest.raises(LaunchFailed, match="the floor is wet"):
        fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))


def test_an_update_serves_the_new_and_retires_the_old(fake_engine: Engine, fake: FakeTarget) -> None:
    service = fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    updated = fake_engine.services.wait(fake_engine.services.update("svc", inference=script("other")))
    assert (updated.revision, updated.serving) == (2, 2)
    wait_for(lambda: [s.stopped for s in fake.services.values()] == [True, False], "the old one's end")
    wait_for(lambda: not fake_engine.services.get("svc").retiring, "the old one's retirement")
    folder = fake_engine.memory.services_folder / service.id
    assert [path.name for path in folder.iterdir()] == ["r2"]


def test_an_update_that_fails_goes_back(fake_engine: Engine, fake: FakeTarget) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    record = {"phase": "import", "type": "ImportError", "message": "no x", "traceback": "t"}
    fake.next_observations = [Observation(Phase.EXITED, error=record)]
    with pytest.raises(ScriptError, match="revision 1 keeps serving: the script failed during import"):
        fake_engine.services.wait(fake_engine.services.update("svc", inference=script("other")))
    now = fake_engine.services.get("svc")
    assert (now.state, now.revision, now.serving) == (State.HEALTHY, 1, 1)
    assert EventKind.ROLLED_BACK in kinds(fake_engine)
    # and the next update is none the worse for it
    assert (
        fake_engine.services.wait(fake_engine.services.update("svc", inference=script("other"))).serving == 3
    )


def test_a_newer_wish_replaces_a_deploy_that_is_starting(fake_engine: Engine, fake: FakeTarget) -> None:
    fake.next_observations = [STARTING]
    first = fake_engine.services.deploy("svc", [], script(), ON_FAKE)
    wait_for(lambda: fake_engine.services.get("svc").candidate == 1, "the launch")
    fake_engine.services.update("svc", inference=script("other"))
    # Who waits for the first waits for what replaced it.
    assert fake_engine.services.wait(first, 20).serving == 2
    wait_for(lambda: [each.stopped for each in fake.services.values()] == [True, False], "the first's end")
    with pytest.raises(UsageError, match="nothing to update"):
        fake_engine.services.update("svc")


def test_a_newer_wish_ends_what_was_launched_and_not_recorded(
    make_engine: MakeEngine, answering: Answering
) -> None:
    held = HeldTarget()
    held.url = answering.url
    engine = make_engine(targets=lambda name: held)
    engine.services.deploy("svc", [], script(), ON_FAKE)
    wait_for(lambda: len(held.services) == 1, "the launch")
    updated = engine.services.update("svc", config_changes={"description": "newer"})
    again = engine.services.update("svc", inference=script("other"))
    held.release()
    assert engine.services.wait(updated, 20).serving == again.revision == 3
    assert engine.services.get("svc").description == "newer"
    wait_for(lambda: [each.stopped for each in held.services.values()] == [True, False], "the first's end")
    folder = engine.memory.services_folder / again.id
    wait_for(lambda: [path.name for path in folder.iterdir()] == ["r3"], "the folders of the others to go")


def test_a_newer_wish_that_fails_goes_back_to_what_serves(fake_engine: Engine, fake: FakeTarget) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    fake.next_observations = [STARTING, Observation(Phase.EXITED, error={"type": "E", "message": "no"})]
    second = fake_engine.services.update("svc", inference=script("other"))
    wait_for(lambda: fake_engine.services.get("svc").candidate == 2, "the launch")
    fake_engine.services.update("svc", config_changes={"description": "third"})
    with pytest.raises(LaunchFailed, match="revision 3 of 'svc' failed, and revision 1 keeps serving"):
        fake_engine.services.wait(second, 20)
    now = fake_engine.services.get("svc")
    assert (now.state, now.serving, now.revision) == (State.HEALTHY, 1, 1)


def test_updates_at_the_same_time_keep_each_others_changes(make_engine: MakeEngine, fake: FakeTarget) -> None:
    engine = make_engine(targets=lambda name: fake)
    engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE))
    changes = {"description": "d", "tags": {"a": "b"}, "cpu": 0.5, "memory_gb": 0.25, "live": True}
    with ThreadPoolExecutor(len(changes)) as pool:
        wishes = [
            pool.submit(engine.services.update, "svc", config_changes={name: value})
            for name, value in changes.items()
        ]
        newest = max((wish.result() for wish in wishes), key=lambda service: service.revision)
    config = engine.services.revision(engine.services.wait(newest, 20)).config
    assert {name: getattr(config, name) for name in changes} == changes


def test_a_start_replaces_a_stop_that_is_under_way(make_engine: MakeEngine, fake: FakeTarget) -> None:
    engine = make_engine(targets=lambda name: fake)
    service = engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE))
    with pytest.raises(WrongState, match="cannot start 'svc' while it is Healthy"):
        engine.services.start("svc")
    with pytest.raises(WaitTimeout):
        engine.services.stop("svc", timeout=0)
    assert engine.services.wait(engine.services.start("svc"), 20).serving == service.serving


def test_a_wait_ends_when_the_service_is_stopped(fake_engine: Engine, fake: FakeTarget) -> None:
    fake.next_observations = [STARTING]
    service = fake_engine.services.deploy("svc", [], script(), ON_FAKE)
    fake_engine.services.stop("svc")
    with pytest.raises(WrongState, match="cannot wait for 'svc' while it is Stopped"):
        fake_engine.services.wait(service, 20)


def test_a_wait_that_is_too_short_says_what_was_seen(fake_engine: Engine, fake: FakeTarget) -> None:
    fake.next_observations = [Observation(Phase.STARTING, words="pulling the image")]
    service = fake_engine.services.deploy("svc", [], script(), ON_FAKE)
    wait_for(lambda: fake_engine.services.get("svc").words == "pulling the image", "the target's words")
    with pytest.raises(
        WaitTimeout, match=r"still Transitioning after 0\.01 s \(last seen: pulling the image"
    ):
        fake_engine.services.wait(service, 0.01)


def test_what_ends_by_itself_is_brought_back(fake_engine: Engine, fake: FakeTarget) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    for service in fake.services.values():
        service.stopped = True
        service.observation = Observation(Phase.EXITED, words="it was ended by signal SIGKILL")
    wait_for(lambda: fake_engine.services.get("svc").restarts == 1, "the restart")
    wait_for(lambda: fake_engine.services.get("svc").state is State.HEALTHY, "health")
    ended = [
        event.message for event in fake_engine.events.list(service="svc") if event.kind is EventKind.ENDED
    ]
    assert ended == ["revision 1 ended: it was ended by signal SIGKILL; restarting it (restart 1)"]


def test_what_does_not_answer_is_unhealthy_and_recovers(fake_engine: Engine, answering: Answering) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    answering.healthy = False
    wait_for(lambda: fake_engine.services.get("svc").state is State.UNHEALTHY, "illness")
    answering.healthy = True
    wait_for(lambda: fake_engine.services.get("svc").state is State.HEALTHY, "recovery")


def test_stop_and_start(fake_engine: Engine, fake: FakeTarget) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    assert fake_engine.services.stop("svc").state is State.STOPPED
    with pytest.raises(WrongState, match="while it is Stopped"):
        fake_engine.requests.score("svc", "x")
    assert fake_engine.services.wait(fake_engine.services.start("svc")).state is State.HEALTHY
    with pytest.raises(WrongState, match="cannot start"):
        fake_engine.services.start("svc")


def test_delete_leaves_nothing(fake_engine: Engine, fake: FakeTarget) -> None:
    service = fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    fake_engine.services.delete("svc")
    assert fake_engine.services.list() == []
    assert fake.services[1].stopped
    assert not (fake_engine.memory.services_folder / service.id).exists()
    assert [p for p in (fake_engine.memory.folder / "files").rglob("*") if p.is_file()] == []
    with pytest.raises(NotFound, match="Service not found: 'svc'"):
        fake_engine.services.delete("svc")


def test_a_model_in_use_is_not_deleted(fake_engine: Engine) -> None:
    path = fake_engine.location.folder / "model.bin"
    path.write_bytes(b"x")
    fake_engine.models.register(path, ModelDescription("m"))
    fake_engine.services.wait(fake_engine.services.deploy("svc", ["m"], script(), ON_FAKE))
    assert fake_engine.models.users("m:1") == ["svc"]
    with pytest.raises(UsageError, match="model m:1 is used by svc"):
        fake_engine.models.delete("m:1")
    fake_engine.services.delete("svc")
    fake_engine.models.delete("m:1")


def _press_ctrl_c(_service: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupted_deploy_leaves_nothing(fake_engine: Engine, fake: FakeTarget) -> None:
    fake.next_observations = [STARTING]
    service = fake_engine.services.deploy("svc", [], script(), ON_FAKE)
    with pytest.raises(Interrupted, match="the service was deleted"):
        fake_engine.services.wait_or_withdraw(service, watching=_press_ctrl_c)
    assert fake_engine.services.list() == []
    assert list(fake_engine.memory.services_folder.iterdir()) == []


def test_an_interrupted_update_leaves_the_old(fake_engine: Engine, fake: FakeTarget) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    fake.next_observations = [STARTING]
    updating = fake_engine.services.update("svc", inference=script("other"))
    with pytest.raises(Interrupted, match="revision 1 keeps serving"):
        fake_engine.services.wait_or_withdraw(updating, watching=_press_ctrl_c)
    wait_for(
        lambda: (
            not fake_engine.services.get("svc").retiring and not fake_engine.services.get("svc").candidate
        ),
        "rest",
    )
    now = fake_engine.services.get("svc")
    assert (now.state, now.revision, now.serving) == (State.HEALTHY, 1, 1)


def test_an_interrupt_after_the_update_takes_nothing_away(fake_engine: Engine) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    updated = fake_engine.services.wait(fake_engine.services.update("svc", inference=script("other")))
    with pytest.raises(Interrupted, match="was complete before the interrupt: revision 2 serves"):
        fake_engine.services.wait_or_withdraw(updated, watching=_press_ctrl_c)
    assert fake_engine.services.get("svc").state is State.HEALTHY


def test_an_interrupted_update_of_what_never_served_keeps_it(fake_engine: Engine, fake: FakeTarget) -> None:
    fake.next_observations = [Observation(Phase.EXITED, words="no"), STARTING]
    with pytest.raises(LaunchFailed):
        fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    updating = fake_engine.services.update("svc", inference=script("other"))
    with pytest.raises(Interrupted, match="it is stopped"):
        fake_engine.services.wait_or_withdraw(updating, watching=_press_ctrl_c)
    wait_for(lambda: fake_engine.services.get("svc").state is State.STOPPED, "the stop")


def test_another_process_sees_and_stops_it(make_engine: MakeEngine, fake: FakeTarget) -> None:
    # Two engines stand for two processes: the second has neither bus nor supervisor of the first.
    first = make_engine(targets=lambda name: fake)
    second = make_engine(targets=lambda name: fake, supervise=False)
    first.services.wait(first.services.deploy("svc", [], script(), ON_FAKE))
    assert second.services.get("svc").state is State.HEALTHY
    second.services.delete("svc")
    assert first.services.list() == []


def test_stats_of_the_server_are_kept(fake_engine: Engine) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    wait_for(lambda: fake_engine.services.get("svc").stats.get("requests") == 3.0, "the stats")


def test_each_target_says_whether_it_can_be_used_now(
    make_engine: MakeEngine, fake_engine: Engine, fake: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fake_engine.targets.availability("fake") == dict.fromkeys(
        ["fake", "docker", "kubernetes", "local"], ""
    )
    fake.available = False
    assert fake_engine.targets.availability("fake")["fake"] == "the fake target is off. Set available = True."
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    there = make_engine().targets.availability()
    assert there["local"] == ""
    assert there["kubernetes"].startswith("no Kubernetes cluster is configured: /nowhere/config does not")


@pytest.mark.parametrize("verb", ["update", "stop", "delete"])
@pytest.mark.parametrize("before", ["stopped", "ended"])
def test_a_launch_whose_handle_is_not_recorded_any_more_is_ended(
    make_engine: MakeEngine, answering: Answering, before: str, verb: str
) -> None:
    """The revision was launched once before, and that handle is the one that is recorded."""
    held = HeldTarget()
    held.url = answering.url
    held.release()
    engine = make_engine(targets=lambda name: held)
    engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE))
    if before == "stopped":
        engine.services.stop("svc")
    held.hold()
    if before == "stopped":
        engine.services.start("svc")
    else:
        held.crash()
    wait_for(lambda: len(held.services) == 2, "the second launch")
    with ThreadPoolExecutor(1) as pool:
        if verb == "update":
            engine.services.update("svc", inference=script("other"))
        else:
            wanted = Desired.STOPPED if verb == "stop" else Desired.DELETED
            ending = pool.submit(getattr(engine.services, verb), "svc")
            wait_for(lambda: engine.services.get("svc").desired is wanted, verb)
        held.release()
        if verb == "update":
            engine.services.wait(engine.services.get("svc"), 20)
            wait_for(lambda: held.only().spec.revision == 2, "the end of the first")
        else:
            ending.result(20)
            assert not [each for each in held.services.values() if not each.observation.ended]
