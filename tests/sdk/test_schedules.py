"""Schedules as a notebook uses them; a clock that is ahead starts what a daemon would start later."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmagic.core.events import EventKind
from mlmagic.engine.engine import Engine
from mlmagic.engine.schedules.starter import ScheduleStarter
from mlmagic.sdk.data_reference import DataPath
from mlmagic.sdk.datastore import Datastore
from mlmagic.sdk.exceptions import UserErrorException
from mlmagic.sdk.pipeline import Pipeline
from mlmagic.sdk.pipeline_data import PipelineParameter
from mlmagic.sdk.pipeline_run import PipelineRun
from mlmagic.sdk.python_script_step import PythonScriptStep
from mlmagic.sdk.run import Experiment
from mlmagic.sdk.schedule import Schedule
from mlmagic.sdk.schedule_recurrence import ScheduleRecurrence
from mlmagic.sdk.workspace import Workspace
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.location import Location
from tests.support.engines import MakeEngine
from tests.support.processes import daemons_of
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes
ENDED = ("Finished", "Failed", "Canceled")
IN_2100 = "2100-01-01T00:00:00"
CENTURY = 100 * 366 * 24 * 60
SCRIPTS = {
    "show.py": (
        "import sys\nfrom azureml.core import Run\n"
        "Run.get_context().parent.log('text', open(sys.argv[1]).read())\n"
    ),
    "sleep.py": (
        "import time\nfrom azureml.core import Run\n"
        "Run.get_context().parent.log('begun', 1)\ntime.sleep(600)\n"
    ),
    "broken.py": "raise ValueError('no such column')\n",
    "other.py": "from azureml.core import Run\nRun.get_context().parent.log('other', 1)\n",
}


@pytest.fixture
def workspace(
    make_engine: MakeEngine, location: Location, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    """With a daemon, which ends with the test."""
    engine = make_engine(supervise=False, use_daemon=True)
    monkeypatch.setattr(Engine, "of", classmethod(lambda cls, location: engine))
    workspace = Workspace(location)
    yield workspace
    for schedule in Schedule.list(workspace):
        schedule.disable()
    wait_for(lambda: not daemons_of(location.folder), "the end of the daemon")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The folder of the scripts."""
    folder = tmp_path / "source"
    folder.mkdir()
    for name, text in SCRIPTS.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def store(workspace: Workspace, request: pytest.FixtureRequest) -> Datastore:
    """The default datastore, or one of other storage."""
    if getattr(request, "param", "folder") == "folder":
        return Datastore.get_default(workspace)
    path = workspace.folder / "elsewhere"
    path.mkdir()
    return Datastore.register_url(workspace, "elsewhere", path.as_uri())


def put(store: Datastore, path: str, text: str) -> None:
    """Write a file into a datastore."""
    folder, _, name = path.rpartition("/")
    file = store.workspace.folder / name
    file.write_text(text)
    store.upload_files([str(file)], target_path=folder, overwrite=True, show_progress=False)


def look(workspace: Workspace, minutes: float) -> None:
    """Start what is due in so many minutes, and wait until it has begun."""
    mark = ProcessIdentity.current().mark()
    starter = ScheduleStarter(workspace.engine.memory, mark, clock=lambda: time.time() + minutes * 60)
    try:
        assert starter.start_due() == 1
    finally:
        starter.close()
    wait_for(
        lambda: not any(each.start for each in workspace.engine.schedules.list()), "the end of the start"
    )


def ended(schedule: Schedule, count: int) -> list[PipelineRun]:
    """The runs of a schedule when ``count`` have ended, the oldest first."""

    def runs() -> list[PipelineRun]:
        return [run for run in schedule.get_pipeline_runs() if run.get_status() in ENDED]

    wait_for(lambda: len(runs()) == count, f"{count} runs that have ended")
    return runs()[::-1]


@pytest.mark.parametrize("store", ["folder", "elsewhere"], indirect=True)
@pytest.mark.timeout(180)
def test_changed_files_start_runs(workspace: Workspace, source: Path, store: Datastore) -> None:
    put(store, "in/old.txt", "old")
    data = PipelineParameter("data", default_value=DataPath(store, "in/old.txt"))
    binding = DataPath(store, "in").create_compute_binding("mount")
    step = PythonScriptStep(
        "show.py", arguments=[(data, binding)], inputs=[(data, binding)], source_directory=str(source)
    )
    published = Pipeline(workspace, [step]).publish("show")
    schedule = Schedule.create(
        workspace,
        "files",
        published.id,
        "files",
        datastore=store,
        polling_interval=10,
        data_path_parameter_name="data",
        path_on_datastore="in",
    )
    assert (schedule.datastore_name, schedule.polling_interval) == (store.name, 10)
    assert (schedule.path_on_datastore, schedule.data_path_parameter_name) == ("in", "data")
    assert schedule.recurrence is None
    look(workspace, 11)
    assert schedule.get_last_pipeline_run() is None, "files that were there before start no run"

    put(store, "in/b.txt", "second")
    put(store, "in/a.txt", "first")
    put(store, "in/deeper/c.txt", "in a subfolder")
    put(store, "d.txt", "elsewhere")
    look(workspace, 22)
    assert [run.get_metrics() for run in ended(schedule, 2)] == [{"text": "first"}, {"text": "second"}]

    put(store, "in/old.txt", "changed!")
    look(workspace, 33)
    assert ended(schedule, 3)[-1].get_metrics() == {"text": "changed!"}
    look(workspace, 44)
    assert len(schedule.get_pipeline_runs()) == 3
    assert len(list(Experiment(workspace, "files").get_runs())) == 3

    # Changes while it is disabled start no run, and those of another folder do when it is watched.
    schedule.disable()
    put(store, "in/e.txt", "while disabled")
    schedule.enable()
    look(workspace, 55)
    schedule.update(path_on_datastore="more", polling_interval=20)
    put(store, "more/f.txt", "more")
    look(workspace, 90)
    assert ended(schedule, 4)[-1].get_metrics() == {"text": "more"}


def test_files_without_a_parameter_start_one_run(
    workspace: Workspace, source: Path, store: Datastore
) -> None:
    step = PythonScriptStep("other.py", source_directory=str(source))
    published = Pipeline(workspace, [step]).publish("other")
    schedule = Schedule.create(workspace, "files", published.id, "files", datastore=store)
    assert (schedule.polling_interval, schedule.path_on_datastore) == (5, None)
    for name in ("a.txt", "b.txt"):
        put(store, name, name)
    look(workspace, 5.1)
    assert ended(schedule, 1)[0].get_metrics() == {"other": 1}


def test_a_disabled_pipeline_is_reported(workspace: Workspace, source: Path) -> None:
    step = PythonScriptStep("other.py", source_directory=str(source))
    published = Pipeline(workspace, [step]).publish("other")
    schedule = Schedule.create(
        workspace,
        "later",
        published.id,
        "x",
        ScheduleRecurrence("Day", 1, start_time=IN_2100),
    )
    published.disable()
    look(workspace, CENTURY)
    assert schedule.error == "published pipeline 'other' is disabled. Call enable() first."
    events = [each for each in workspace.engine.events.list() if each.kind is EventKind.SCHEDULE_FAILED]
    assert [each.message for each in events] == [f"schedule 'later' could not start a run: {schedule.error}"]
    assert schedule.status == "Active"
    assert list(Experiment(workspace, "x").get_runs()) == []
    schedule.disable()
    with pytest.raises(UserErrorException, match="published pipeline 'other' is disabled"):
        schedule.enable()
    published.enable()
    schedule.enable()
    look(workspace, CENTURY)
    assert ended(schedule, 1)[0].get_status() == "Finished"
    assert schedule.error is None


def test_steps_that_do_not_need_a_failed_one_run_too(workspace: Workspace, source: Path) -> None:
    broken = PythonScriptStep("broken.py", source_directory=str(source))
    after = PythonScriptStep("other.py", name="after", source_directory=str(source))
    after.run_after(broken)
    other = PythonScriptStep("other.py", source_directory=str(source))
    published = Pipeline(workspace, [broken, after, other]).publish("three")
    schedule = Schedule.create(
        workspace, "three", published.id, "x", ScheduleRecurrence("Day", 1), continue_on_step_failure=True
    )
    assert schedule.continue_on_step_failure
    (run,) = ended(schedule, 1)
    assert run.get_status() == "Failed"
    assert [(step.name, step.get_status()) for step in run.get_steps()] == [
        ("broken.py", "Failed"),
        ("other.py", "Completed"),
    ]
    wait_for(lambda: schedule.error, "the report")
    assert "ValueError: no such column" in str(schedule.error)
    without = published.submit(workspace, "x")
    without.wait_for_completion(raise_on_error=False)
    assert [step.name for step in without.get_steps()] == ["broken.py"]


def test_a_run_is_canceled_by_the_process_that_sees_it(workspace: Workspace, source: Path) -> None:
    step = PythonScriptStep("sleep.py", source_directory=str(source))
    published = Pipeline(workspace, [step]).publish("sleep")
    schedule = Schedule.create(workspace, "long", published.id, "x", ScheduleRecurrence("Day", 1))
    run = wait_for(schedule.get_last_pipeline_run, "the run")
    wait_for(run.get_metrics, "its script")
    run.cancel()
    (found,) = run.get_steps()
    wait_for(lambda: found.get_status() == "Canceled", "the end of the script")
    assert run.get_status() == "Canceled"


def test_a_parameter_that_cannot_be_stored_is_refused(workspace: Workspace, source: Path) -> None:
    step = PythonScriptStep("other.py", source_directory=str(source))
    published = Pipeline(workspace, [step]).publish("other")
    recurrence = ScheduleRecurrence("Day", 1, start_time=IN_2100)
    with pytest.raises(UserErrorException, match="must be text, a number or a DataPath"):
        Schedule.create(workspace, "s", published.id, "x", recurrence, pipeline_parameters={"x": object()})
    assert Schedule.list(workspace, active_only=False) == []


def test_a_path_as_a_parameter_is_read_when_the_run_starts(
    workspace: Workspace, source: Path, store: Datastore
) -> None:
    put(store, "in/a.txt", "before")
    data = PipelineParameter("data", default_value="nothing")
    step = PythonScriptStep("show.py", arguments=[data], source_directory=str(source))
    published = Pipeline(workspace, [step]).publish("show")
    schedule = Schedule.create(
        workspace,
        "path",
        published.id,
        "x",
        ScheduleRecurrence("Day", 1),
        pipeline_parameters={"data": DataPath(store, "in/a.txt")},
    )
    assert ended(schedule, 1)[0].get_metrics() == {"text": "before"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schedule: {}", "has no section 'Schedule:'"),
        ("Schedule: {recurence: 1}", "key 'recurence' must be one of"),
        ("Schedule: {recurrence: {frequency: Day, intervall: 1}}", "Did you mean 'interval'?"),
        ("Schedule: {recurrence: Day}", "recurrence 'Day' must have the keys frequency and interval"),
        ("Schedule: {datastore_name: nowhere}", "Datastore not found: 'nowhere'"),
        ("Schedule: [", "is not YAML"),
    ],
)
def test_a_wrong_yaml_file_is_refused(workspace: Workspace, tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "schedule.yml"
    file.write_text(text)
    with pytest.raises(UserErrorException) as caught:
        Schedule.load_yaml(workspace, str(file))
    assert message in str(caught.value)
    with pytest.raises(UserErrorException, match="File not found"):
        Schedule.load_yaml(workspace, "nowhere.yml")
