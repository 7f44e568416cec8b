"""REST endpoints of published pipelines, with the daemon, its server and the processes of the runs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from mlmagic.engine.engine import Engine
from mlmagic.errors import UsageError
from mlmagic.sdk.authentication import InteractiveLoginAuthentication
from mlmagic.sdk.data_reference import DataPath, DataPathComputeBinding
from mlmagic.sdk.datastore import Datastore
from mlmagic.sdk.exceptions import UserErrorException
from mlmagic.sdk.pipeline import Pipeline
from mlmagic.sdk.pipeline_data import PipelineParameter
from mlmagic.sdk.pipeline_endpoint import PipelineEndpoint
from mlmagic.sdk.pipeline_run import PipelineRun
from mlmagic.sdk.published_pipeline import RECORD, PublishedPipeline
from mlmagic.sdk.python_script_step import PythonScriptStep
from mlmagic.sdk.run import Experiment
from mlmagic.sdk.schedule import Schedule
from mlmagic.sdk.schedule_recurrence import ScheduleRecurrence
from mlmagic.sdk.workspace import Workspace
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.location import Location
from mlmagic.workspace.login import login_file
from mlmagic.workspace.pipeline_server import PipelineServerFiles
from tests.support.engines import MakeEngine
from tests.support.processes import daemons_of, kill_daemon_of
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes
NOBODY = 65534
SCRIPTS = {
    "log.py": (
        "import sys\nfrom azureml.core import Run\n"
        "Run.get_context().parent.log('text', ' '.join(sys.argv[1:]))\n"
    ),
    "read.py": (
        "import sys\nfrom azureml.core import Run\n"
        "Run.get_context().parent.log('text', open(sys.argv[1]).read())\n"
    ),
    "wait.py": (
        "import os, sys, time\nfrom azureml.core import Run\n"
        "Run.get_context().parent.log('begun', os.getpid())\n"
        "while not os.path.exists(sys.argv[1]):\n    time.sleep(0.01)\n"
    ),
    "trace.py": (
        "import os\nfrom azureml.core import Run\n"
        "Run.get_context().parent.log('text', os.environ['TRACEPARENT'])\n"
    ),
    "broken.py": "raise ValueError('no such column')\n",
}


@pytest.fixture
def workspace(
    make_engine: MakeEngine, location: Location, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    """With a daemon and its server, which end with the test."""
    engine = make_engine(supervise=False, use_daemon=True)
    monkeypatch.setattr(Engine, "of", classmethod(lambda cls, location: engine))
    yield Workspace(location)
    for each in Schedule.list(Workspace(location)):
        each.disable()
    engine.pipeline_endpoints.stop()
    wait_for(lambda: not daemons_of(location.folder), "the end of the daemon")
    wait_for(lambda: server_of(location) is None, "the end of the server")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The folder of the scripts."""
    folder = tmp_path / "source"
    folder.mkdir()
    for name, text in SCRIPTS.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def published(workspace: Workspace, source: Path) -> PublishedPipeline:
    """It logs the parameters ``word``, ``count`` and ``loud``."""
    parameters = [PipelineParameter("word", "hello"), PipelineParameter("count", 2)]
    step = PythonScriptStep(
        "log.py", arguments=[*parameters, PipelineParameter("loud", False)], source_directory=str(source)
    )
    return Pipeline(workspace, [step]).publish("log")


def server_of(location: Location) -> ProcessIdentity | None:
    """The process of the server; None if it does not run."""
    address = PipelineServerFiles(location.folder).address()
    return ProcessIdentity.parse(address.owner) if address is not None and address.is_served else None


def post(url: str, body: Any, **headers: str) -> requests.Response:
    own = InteractiveLoginAuthentication().get_authentication_header()
    return requests.post(url, json=body, headers={**own, **headers}, timeout=60)


def ended(workspace: Workspace, answer: requests.Response) -> PipelineRun:
    """The run of an answer, when it has ended."""
    assert answer.status_code == 200, answer.text
    run = PipelineRun(workspace.experiments[answer.json()["ExperimentName"]], answer.json()["Id"])
    run.wait_for_completion(raise_on_error=False)
    return run


def runs(workspace: Workspace, name: str = "batch_scoring") -> list[str]:
    return [run.id for run in Experiment(workspace, name).get_runs()]


def test_a_request_starts_a_run_with_its_parameters(
    workspace: Workspace, published: PublishedPipeline
) -> None:
    answer = post(
        published.endpoint,
        {
            "ExperimentName": "batch_scoring",
            "RunSource": "SDK",
            "Description": "from a test",
            "Tags": {"team": "a"},
            "ParameterAssignments": {"word": "hi", "count": "6"},
        },
    )
    assert answer.json() == {
        "Id": answer.json()["Id"],
        "ExperimentName": "batch_scoring",
        "PipelineId": published.id,
        "Status": "Running",
    }
    run = ended(workspace, answer)
    assert (run.get_status(), run.get_metrics()) == ("Finished", {"text": "hi 6 False"})
    assert run.get_tags() == {"team": "a"}
    properties = run.get_properties()
    assert properties["azureml.pipelineid"] == published.id
    assert (properties["runSource"], properties["runType"]) == ("SDK", "HTTP")
    assert properties["description"] == "from a test"
    assert PipelineRun.get(workspace, run.id).get_status() == "Finished"
    assert runs(workspace) == [run.id]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"ParameterAssignments": {"cuont": 1}}, 400, "'cuont' is not a parameter of the pipeline. It has:"),
        ({"ParameterAssignments": {"count": "many"}}, 400, "'many' must be a whole number, as its default 2"),
        ({"DataPathAssignments": {"in": {"DataStoreName": "x", "RelativePath": "y"}}}, 400, "not found: 'x'"),
        ({"ExperimentName": "../x"}, 400, "must not contain '..'"),
    ],
)
def test_a_request_that_the_pipeline_cannot_take_starts_nothing(
    workspace: Workspace, published: PublishedPipeline, body: dict[str, Any], status: int, words: str
) -> None:
    answer = post(published.endpoint, {"ExperimentName": "batch_scoring", **body})
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]["message"]
    assert workspace.experiments == {}


def test_what_is_disabled_or_missing_is_refused(workspace: Workspace, published: PublishedPipeline) -> None:
    url = published.endpoint
    body = {"ExperimentName": "batch_scoring"}
    published.disable()
    answer = post(url, body)
    assert answer.status_code == 409
    assert answer.json()["error"]["message"] == ("published pipeline 'log' is disabled. Call enable() first.")
    missing = post(f"{url}0", body)
    assert missing.status_code == 404
    assert f"Published pipeline not found: '{published.id}0'" in missing.json()["error"]["message"]
    assert workspace.experiments == {}
    published.enable()
    assert ended(workspace, post(url, body)).get_status() == "Finished"


def test_an_interpreter_that_is_gone_is_reported(workspace: Workspace, published: PublishedPipeline) -> None:
    file = published.folder / RECORD
    file.write_text(json.dumps({**json.loads(file.read_text()), "python": "/gone/bin/python"}))
    answer = post(published.endpoint, {"ExperimentName": "batch_scoring"})
    assert answer.status_code == 409
    assert "does not exist any more: '/gone/bin/python'" in answer.json()["error"]["message"]


def test_a_pipeline_runs_in_the_interpreter_that_published_it(
    workspace: Workspace, published: PublishedPipeline, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ntouch {tmp_path}/used\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    file = published.folder / RECORD
    file.write_text(json.dumps({**json.loads(file.read_text()), "python": str(python)}))
    answer = post(published.endpoint, {"ExperimentName": "x", "ParameterAssignments": {"word": "Grüße"}})
    assert ended(workspace, answer).get_metrics() == {"text": "Grüße 2 False"}
    assert (tmp_path / "used").exists()


def test_versions_of_a_pipeline_endpoint(
    workspace: Workspace, published: PublishedPipeline, source: Path
) -> None:
    other = Pipeline(workspace, [PythonScriptStep("broken.py", source_directory=str(source))])
    endpoint = PipelineEndpoint.publish(workspace, "my endpoint", pipeline=published)
    endpoint.add_default(other)
    body = {"ExperimentName": "batch_scoring", "RunSource": "API"}
    run = ended(workspace, post(endpoint.endpoint, body))
    assert run.get_status() == "Failed"
    assert "no such column" in run.get_properties()["error"]
    by_name = endpoint.endpoint.split("Id", 1)[0] + "Name?name=" + endpoint.name
    for url in (f"{endpoint.endpoint}/0", f"{by_name}&pipelineVersion=0"):
        assert ended(workspace, post(url, body)).get_metrics() == {"text": "hello 2 False"}
    assert ended(workspace, post(by_name, body)).get_status() == "Failed"
    assert post(f"{endpoint.endpoint}/7", body).status_code == 404
    before = runs(workspace)

    endpoint.disable()
    assert PipelineEndpoint.get_all(workspace) == []
    refused = post(endpoint.endpoint, body)
    assert refused.status_code == 409
    assert refused.json()["error"]["message"].startswith("pipeline endpoint 'my endpoint' is disabled")
    with pytest.raises(UserErrorException, match="is disabled"):
        endpoint.submit("batch_scoring")
    with pytest.raises(UserErrorException, match="is disabled"):
        Schedule.create_for_pipeline_endpoint(workspace, "s", endpoint.id, "x", ScheduleRecurrence("Day", 1))
    assert runs(workspace) == before
    endpoint.enable()
    assert endpoint.status == "Active"
    assert ended(workspace, post(f"{endpoint.endpoint}/0", body)).get_status() == "Finished"


def test_the_default_is_a_version_of_the_endpoint(
    workspace: Workspace, published: PublishedPipeline, source: Path
) -> None:
    step = PythonScriptStep("log.py", source_directory=str(source))
    second, stranger = (Pipeline(workspace, [step]).publish(name) for name in ("second", "stranger"))
    endpoint = PipelineEndpoint.publish(workspace, "scoring", pipeline=published, description="first")
    endpoint.add(second)
    assert endpoint.list_versions() == ["0", "1"]
    endpoint.set_default(second)
    assert endpoint.get_default_version() == "1"
    with pytest.raises(UserErrorException, match="is not a version of pipeline endpoint 'scoring'"):
        endpoint.set_default(stranger)
    with pytest.raises(UserErrorException, match="cannot be renamed: its URL contains the name"):
        endpoint.set_name("other")
    endpoint.set_description("of every day")
    second.disable()

    found = PipelineEndpoint.get(workspace, name="scoring")
    assert (found.get_default_version(), found.description) == ("1", "of every day")
    assert [each.id for each in found.list_pipelines()] == [published.id]
    assert [each.id for each in found.list_pipelines(active_only=False)] == [published.id, second.id]


def test_a_path_of_a_datastore_as_a_parameter(workspace: Workspace, source: Path) -> None:
    store = Datastore.get_default(workspace)
    for name in ("one", "two"):
        (source / f"{name}.txt").write_text(name)
        store.upload_files([str(source / f"{name}.txt")], target_path="in", show_progress=False)
    parameter = PipelineParameter("input", default_value=DataPath(store, "in/one.txt"))
    step = PythonScriptStep(
        "read.py", arguments=[(parameter, DataPathComputeBinding())], source_directory=str(source)
    )
    url = Pipeline(workspace, [step]).publish("read").endpoint
    body = {"ExperimentName": "batch_scoring"}
    assert ended(workspace, post(url, body)).get_metrics() == {"text": "one"}
    other = {"input": {"DataStoreName": store.name, "RelativePath": "in/two.txt"}}
    answer = post(url, {**body, "DataPathAssignments": other})
    assert ended(workspace, answer).get_metrics() == {"text": "two"}
    refused = post(url, {**body, "ParameterAssignments": {"input": "in/two.txt"}})
    assert refused.status_code == 400
    assert "set it in DataPathAssignments" in refused.json()["error"]["message"]


def test_a_run_goes_on_when_server_and_daemon_are_killed(
    workspace: Workspace, source: Path, tmp_path: Path, location: Location
) -> None:
    """And the URL is valid again afterwards."""
    go = tmp_path / "go"
    step = PythonScriptStep("wait.py", arguments=[str(go)], source_directory=str(source))
    url = Pipeline(workspace, [step]).publish("wait").endpoint
    answer = post(url, {"ExperimentName": "batch_scoring"})
    run = PipelineRun(workspace.experiments["batch_scoring"], answer.json()["Id"])
    wait_for(run.get_metrics, "the script")

    # The daemon starts the server again, at its port.
    server = server_of(location)
    assert server is not None
    os.kill(server.pid, signal.SIGKILL)
    wait_for(lambda: server_of(location) not in (None, server), "another server")
    assert post(url, {"ExperimentName": ""}).status_code == 400

    # The server goes on without a daemon, and the next daemon lets it.
    server = server_of(location)
    kill_daemon_of(location.folder)
    assert post(url, {"ExperimentName": ""}).status_code == 400
    workspace.engine.supervision.ensure_for_pipelines()
    wait_for(lambda: daemons_of(location.folder), "another daemon")
    assert server_of(location) == server

    # Both at once, as when the machine is off: who opens the workspace starts them.
    kill_daemon_of(location.folder)
    assert server is not None
    os.kill(server.pid, signal.SIGKILL)
    Engine(location, supervise=False).close()
    wait_for(lambda: server_of(location) is not None, "another server")
    assert post(url, {"ExperimentName": ""}).status_code == 400

    assert run.get_status() == "Running"
    go.touch()
    run.wait_for_completion()
    assert run.get_status() == "Finished"
    assert runs(workspace) == [run.id]


def test_the_callers_trace_reaches_the_script(workspace: Workspace, source: Path) -> None:
    step = PythonScriptStep("trace.py", source_directory=str(source))
    published = Pipeline(workspace, [step]).publish("trace")
    caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    run = ended(workspace, post(published.endpoint, {"ExperimentName": "x"}, traceparent=caller))
    assert run.get_metrics() == {"text": caller}


def test_a_request_whose_server_is_killed_starts_one_run(
    workspace: Workspace, published: PublishedPipeline, location: Location
) -> None:
    """The server is killed when the process of the run has started, and cannot answer."""
    url = published.endpoint
    server = server_of(location)
    assert server is not None
    failures: list[Exception] = []

    def send() -> None:
        try:
            post(url, {"ExperimentName": "batch_scoring"})
        except requests.ConnectionError as error:
            failures.append(error)

    caller = threading.Thread(target=send)
    caller.start()
    wait_for(lambda: psutil.Process(server.pid).children(), "the process of the run")
    os.kill(server.pid, signal.SIGKILL)
    caller.join()
    assert len(failures) == 1
    wait_for(lambda: runs(workspace), "the run")
    (run_id,) = runs(workspace)
    run = PipelineRun.get(workspace, run_id)
    run.wait_for_completion()
    wait_for(lambda: server_of(location) not in (None, server), "another server")
    assert runs(workspace) == [run_id]


def test_a_request_that_has_arrived_is_answered_before_the_server_stops(
    workspace: Workspace, published: PublishedPipeline, location: Location
) -> None:
    url = published.endpoint
    server = server_of(location)
    assert server is not None
    answers: list[requests.Response] = []
    caller = threading.Thread(target=lambda: answers.append(post(url, {"ExperimentName": "batch_scoring"})))
    caller.start()
    wait_for(lambda: psutil.Process(server.pid).children(), "the process of the run")
    workspace.engine.pipeline_endpoints.stop()
    caller.join()
    assert ended(workspace, answers[0]).get_status() == "Finished"
    wait_for(lambda: server_of(location) is None, "the end of the server")


def test_without_a_daemon_there_is_no_url(make_engine: MakeEngine, location: Location) -> None:
    endpoints = make_engine().pipeline_endpoints
    with pytest.raises(UsageError, match="need the supervisor daemon"):
        endpoints.url("/x", "a.module")
    assert PipelineServerFiles(location.folder).module() is None
    assert endpoints.known_url("/x") == ""


def test_a_port_that_another_program_has_taken(
    workspace: Workspace, published: PublishedPipeline, location: Location
) -> None:
    """The server gets another one, which it keeps; and its first one if that is free again in time."""
    first = published.endpoint
    port = int(first.split(":")[2].split("/")[0])
    workspace.engine.pipeline_endpoints.stop()
    wait_for(lambda: server_of(location) is None, "the end of the server")
    with pytest.raises(requests.ConnectionError):
        post(first, {"ExperimentName": "x"})
    assert published.endpoint == first
    workspace.engine.pipeline_endpoints.stop()
    wait_for(lambda: server_of(location) is None, "the end of the server")
    with socket.create_server(("127.0.0.1", port)):
        second = published.endpoint
        assert second != first
        assert ended(workspace, post(second, {"ExperimentName": "x"})).get_status() == "Finished"
    assert published.endpoint == second
    assert "port" in PipelineServerFiles(location.folder).end_of_log()


def test_a_run_is_canceled_by_another_process(workspace: Workspace, source: Path, tmp_path: Path) -> None:
    step = PythonScriptStep("wait.py", arguments=[str(tmp_path / "go")], source_directory=str(source))
    url = Pipeline(workspace, [step]).publish("wait").endpoint
    answer = post(url, {"ExperimentName": "batch_scoring"})
    run = PipelineRun(workspace.experiments["batch_scoring"], answer.json()["Id"])
    script = int(wait_for(run.get_metrics, "the script")["begun"])
    run.cancel()
    assert run.wait_for_completion() == "Canceled"
    wait_for(lambda: not psutil.pid_exists(script), "the end of the script")


def test_another_user_starts_nothing(
    workspace: Workspace, published: PublishedPipeline, location: Location
) -> None:
    """They reach the port, and neither the secret of the tokens nor the files of the server."""
    if os.geteuid():
        pytest.skip("only root may act as another user")
    url = published.endpoint
    own = InteractiveLoginAuthentication().get_authentication_header()["Authorization"]
    code = (
        "import os, pathlib, requests, sys\n"
        f"os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "print(requests.post(sys.argv[1], json={'ExperimentName': 'x'}, timeout=10).status_code)\n"
        "for path in sys.argv[2:]:\n"
        "    try:\n"
        "        pathlib.Path(path).read_bytes()\n"
        "    except PermissionError:\n"
        "        print('denied')\n"
    )
    secret = login_file()
    files = [secret, *(location.folder / "pipeline-server").iterdir()]
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    done = subprocess.run(
        [sys.executable, "-c", code, url, *map(str, files)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["401", *["denied"] * len(files)]
    assert workspace.experiments == {}
    # Neither is the token in what they can see of the processes.
    shown = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert not any(own.split()[1] in text or secret.read_text() in text for text in shown)
