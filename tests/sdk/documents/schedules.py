"""Schedules of published pipelines: by the clock, with a daemon that outlives the process."""

import datetime
import os
import subprocess
import sys
import time

import mlmagic.azureml
from azureml.core import Experiment, Workspace
from azureml.exceptions import UserErrorException
from azureml.pipeline.core import Pipeline, PipelineEndpoint, PipelineParameter, PublishedPipeline
from azureml.pipeline.core.schedule import Schedule, ScheduleRecurrence, TimeZone
from azureml.pipeline.steps import PythonScriptStep
from azureml.widgets import RunDetails

ws = Workspace.create("schedules")
os.makedirs("steps")
with open("steps/greet.py", "w") as f:
    f.write("""
import sys
from azureml.core import Run
run = Run.get_context()
run.parent.log("greeting", sys.argv[1])
if sys.argv[1] == "fail":
    raise ValueError("no such greeting")
""")
greeting = PipelineParameter(name="greeting", default_value="hello")
greet = PythonScriptStep("greet.py", arguments=[greeting], source_directory="steps")
published = Pipeline(ws, [greet]).publish("greet", description="says hello")


def wait_for(found, what):
    end = time.monotonic() + 60
    while not (value := found()):
        assert time.monotonic() < end, what
        time.sleep(0.1)
    return value


def ended(schedule):
    run = schedule.get_last_pipeline_run()
    return run if run is not None and run.get_status() in ("Finished", "Failed", "Canceled") else None


# Without a start time the first run is at once, in a process of its own.
recurrence = ScheduleRecurrence(frequency="Hour", interval=12)
schedule = Schedule.create(
    ws,
    name="twice-a-day",
    pipeline_id=published.id,
    experiment_name="greetings",
    recurrence=recurrence,
    description="two greetings",
    pipeline_parameters={"greeting": "hi"},
    wait_for_provisioning=True,
)
assert (schedule.name, schedule.status, schedule.description) == ("twice-a-day", "Active", "two greetings")
assert (schedule.pipeline_id, schedule.pipeline_endpoint_id) == (published.id, None)
assert schedule.recurrence == recurrence and schedule.datastore_name is None
run = wait_for(lambda: ended(schedule), "the first run")
assert (run.get_status(), run.get_metrics()) == ("Finished", {"greeting": "hi"}), run.get_details()
assert [each.id for each in Experiment(ws, "greetings").get_runs()] == [run.id]
assert [step.get_status() for step in run.get_steps()] == ["Completed"]
RunDetails(run).show()
assert [each.id for each in schedule.get_pipeline_runs()] == [run.id]
assert schedule.error is None

# A schedule outlives the process that created it, even one that is killed.
script = f"""
import os, signal
import mlmagic.azureml
from azureml.core import Workspace
from azureml.pipeline.core import Schedule, ScheduleRecurrence
ws = Workspace.get("schedules")
schedule = Schedule.create(ws, "short-lived", "{published.id}", "survivors", ScheduleRecurrence("Day", 1))
print(schedule.id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=False)
survivor = Schedule.get(ws, done.stdout.strip())
run = wait_for(lambda: ended(survivor), "the run of the process that was killed")
assert (run.get_status(), run.get_metrics()) == ("Finished", {"greeting": "hello"})
assert [each.id for each in Schedule.list(ws)] == [schedule.id, survivor.id]

# A disabled schedule starts nothing; enabled, it starts at the next time of its recurrence.
survivor.disable()
assert survivor.status == "Disabled"
assert [each.id for each in Schedule.list(ws)] == [schedule.id]
assert len(Schedule.list(ws, active_only=False)) == 2
assert len(Schedule.get_schedules_for_pipeline_id(ws, published.id)) == 2
survivor.enable(wait_for_provisioning=True)
assert [each.id for each in survivor.get_pipeline_runs()] == [run.id]
survivor.update(status="Disabled", name="ended", description="ended")
assert (survivor.status, survivor.name, survivor.description) == ("Disabled", "ended", "ended")

# A run that fails: the run, the schedule and an event report it.
failing = Schedule.create(
    ws, "failing", published.id, "failures", recurrence, pipeline_parameters={"greeting": "fail"}
)
run = wait_for(lambda: ended(failing), "the run that fails")
assert run.get_status() == "Failed"
wait_for(lambda: failing.error, "its report")
assert "ValueError: no such greeting" in failing.error, failing.error

# A schedule of an endpoint runs its default version.
endpoint = PipelineEndpoint.publish(ws, "greet", pipeline=published)
later = datetime.datetime.now() + datetime.timedelta(days=400)
of_endpoint = Schedule.create_for_pipeline_endpoint(
    ws,
    name="by-endpoint",
    pipeline_endpoint_id=endpoint.id,
    experiment_name="greetings",
    recurrence=ScheduleRecurrence(
        "Week", 2, start_time=later, time_zone=TimeZone.PacificStandardTime, week_days=["Monday", "Friday"]
    ),
)
assert of_endpoint.pipeline_endpoint_id == endpoint.id
assert [each.id for each in Schedule.list(ws, pipeline_endpoint_id=endpoint.id)] == [of_endpoint.id]
of_endpoint.update(recurrence=ScheduleRecurrence("Day", 1, start_time="2030-01-31T08:00:00"))
assert of_endpoint.recurrence.start_time == "2030-01-31T08:00:00"

# A pipeline that is disabled cannot be scheduled.
disabled = Pipeline(ws, [greet]).publish("disabled")
disabled.disable()

with open("schedule.yml", "w") as f:
    f.write("""
Schedule:
    description: "from a file"
    recurrence:
        frequency: Week
        interval: 1
        start_time: 2019-06-07T10:50:00
        time_zone: UTC
        time_of_day: 18:30
        week_days:
        - Friday
    pipeline_parameters: {'greeting': 'hey'}
    wait_for_provisioning: True
    wait_timeout: 3600
    datastore_name: ~
    polling_interval: ~
    continue_on_step_failure: None
    path_on_datastore: ~
""")
info = Schedule.load_yaml(workspace=ws, filename="schedule.yml")
assert (info["recurrence"].hours, info["recurrence"].minutes) == ([18], [30])
of_file = Schedule.create(
    ws,
    name="of-file",
    pipeline_id=published.id,
    experiment_name="greetings",
    recurrence=info.get("recurrence"),
    description=info.get("description"),
    pipeline_parameters=info.get("pipeline_parameters"),
    wait_for_provisioning=info.get("wait_for_provisioning"),
    wait_timeout=info.get("wait_timeout"),
    datastore=info.get("datastore_name"),
    polling_interval=info.get("polling_interval"),
    data_path_parameter_name=info.get("data_path_parameter_name"),
    continue_on_step_failure=info.get("continue_on_step_failure"),
    path_on_datastore=info.get("path_on_datastore"),
)
assert of_file.get_last_pipeline_run() is None

store = ws.get_default_datastore()
for wrong, words in (
    (lambda: ScheduleRecurrence("Year", 1), "must be one of Minute"),
    (lambda: ScheduleRecurrence("Day", 0), "interval 0 must be a whole number from 1 to 500"),
    (lambda: ScheduleRecurrence("Day", 1, time_zone="W. Europ Standard Time"), "'W. Europe Standard Time'"),
    (lambda: Schedule.create(ws, "x", "y", "z", recurrence), "Published pipeline not found: 'y'"),
    (lambda: Schedule.create(ws, "x", disabled.id, "z", recurrence), "is disabled"),
    (lambda: Schedule.create(ws, "x", published.id, "z"), "neither a recurrence nor a datastore"),
    (lambda: Schedule.create(ws, "x", published.id, "z", recurrence, datastore=store), "both a recurrence"),
    (
        lambda: Schedule.create(ws, "x", published.id, "z", recurrence, path_on_datastore="in"),
        "is for schedules of a datastore",
    ),
    (
        lambda: Schedule.create(
            ws, "x", published.id, "z", datastore=store, data_path_parameter_name="greetings"
        ),
        "must be a parameter of the pipeline 'greet'. It has greeting.",
    ),
    (lambda: Schedule.create(ws, "x", published.id, "", recurrence), "experiment_name '' must be text"),
    (lambda: Schedule.create(ws, "x", published.id, "z", datastore=store, polling_interval=0), "polling"),
    (lambda: schedule.update(polling_interval=3), "is one of a recurrence"),
    (lambda: schedule.update(status="Off"), "must be Active or Disabled"),
    (lambda: Schedule.get(ws, "x"), "Schedule not found: 'x'"),
):
    try:
        wrong()
    except UserErrorException as error:
        assert words in str(error), error
    else:
        raise AssertionError(words)

for each in Schedule.list(ws):
    each.disable()
assert Schedule.list(ws) == []
