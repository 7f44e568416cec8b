"""``python -m mlmagic.sdk.requested_run``: starts the run that a request asks for, and waits for its end.

The server of published pipelines starts it with the request as JSON on standard input. It writes the answer,
``[status, body]``, to a pipe: when the run has begun, or cannot begin.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlmagic.core.pipeline_request import PipelineRequest, check_parameters, read_request
from mlmagic.core.pipeline_urls import PipelineAddress, address_of
from mlmagic.engine.engine import Engine
from mlmagic.engine.pipeline_endpoints.submissions import (
    ANSWER_VARIABLE,
    LOCATION_VARIABLE,
    Answer,
    refusal,
)
from mlmagic.errors import Front, InvalidConfig, MLMagicError, UsageError, WorkspaceUnavailable
from mlmagic.sdk.aliases import install
from mlmagic.sdk.data_reference import DataPath
from mlmagic.sdk.datastore import Datastore
from mlmagic.sdk.pipeline_endpoint import PipelineEndpoint
from mlmagic.sdk.pipeline_run import PipelineRun
from mlmagic.sdk.published_pipeline import STARTER, PublishedPipeline
from mlmagic.sdk.run import Experiment
from mlmagic.sdk.workspace import Workspace
from mlmagic.workspace.location import Location

_IS_CHOSEN = "--interpreter-is-chosen"


def main() -> None:
    """Start the run of the request on standard input."""
    answers = int(os.environ[ANSWER_VARIABLE])
    os.set_inheritable(answers, False)
    given = json.load(sys.stdin)
    run = None
    try:
        workspace = _open(Location.from_json(os.environ[LOCATION_VARIABLE]))
        pipeline = pipeline_at(workspace, address_of(given["target"]))
        _continue_in(pipeline.python, answers, workspace)
        del os.environ[ANSWER_VARIABLE], os.environ[LOCATION_VARIABLE]
        install()
        request = read_request(given["body"].encode("utf-8"))
        run = begin(workspace, pipeline, request, given["run_id"])
        answer = Answer(200, _description(run, pipeline))
    except MLMagicError as error:
        error.write_for(Front.SDK)
        answer = refusal(_status_of(error), str(error))
    except Exception as error:
        answer = refusal(500, f"the run was not started: {type(error).__name__}: {error}")
    _send(answers, answer)
    if run is not None:
        run.wait_here()


class _Missing(UsageError):
    """What the URL names does not exist."""


class _Unusable(UsageError):
    """What the URL names is disabled, or its interpreter is gone."""


def pipeline_at(workspace: Workspace, address: PipelineAddress) -> PublishedPipeline:
    """The pipeline that a URL names. Raises `UsageError` if there is none, or if it is disabled."""
    try:
        if address.endpoint_id is not None:
            endpoint = PipelineEndpoint.get(workspace, address.endpoint_id)
            pipeline = endpoint.get_pipeline(address.version)
        else:
            endpoint, pipeline = None, PublishedPipeline.get(workspace, str(address.pipeline_id))
    except UsageError as error:
        raise _Missing(error.message, hint=error.hint) from None
    try:
        for each in (endpoint, pipeline):
            if each is not None:
                each.check_active()
    except UsageError as error:
        raise _Unusable(error.message, hint=error.hint) from None
    return pipeline


def begin(
    workspace: Workspace, pipeline: PublishedPipeline, request: PipelineRequest, run_id: str
) -> PipelineRun:
    """Begin the run. Raises `MLMagicError` for what can be checked beforehand."""
    properties = {"azureml.pipelineid": pipeline.id, "runSource": request.run_source, "runType": "HTTP"}
    if request.description:
        properties["description"] = request.description
    return pipeline.begin(
        Experiment(workspace, request.experiment_name),
        parameters_of(workspace, request, pipeline.parameters()),
        continue_on_step_failure=request.continue_on_step_failure,
        run_id=run_id,
        properties=properties,
        tags=request.tags,
    )


def parameters_of(
    workspace: Workspace, request: PipelineRequest, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """The values of a request's parameters. Raises `UsageError` for one that the pipeline cannot take."""
    for name, value in request.parameters.items():
        if isinstance(parameters.get(name), DataPath):
            raise InvalidConfig(
                f"pipeline parameter {name!r}",
                value,
                "is a path in a datastore: set it in DataPathAssignments",
                hint=f'For example {{"{name}": {{"DataStoreName": "...", "RelativePath": "..."}}}}.',
            )
    paths = {
        name: DataPath(Datastore.get(workspace, store), path)
        for name, (store, path) in request.data_paths.items()
    }
    return check_parameters(request, parameters) | paths


def _open(location: Location) -> Workspace:
    """The workspace, for a process that supervises nothing: the daemon does."""
    engine = Engine(location, supervise=False)
    atexit.register(engine.close)
    return Workspace.over(engine)


def _continue_in(python: str, answers: int, workspace: Workspace) -> None:
    """Continue in the interpreter that published the pipeline: it has the packages of the scripts."""
    if not python or Path(python) == Path(sys.executable) or _IS_CHOSEN in sys.argv:
        return
    if not Path(python).is_file():
        raise _Unusable(
            f"the interpreter that published the pipeline does not exist any more: {python!r}",
            hint="Publish the pipeline again, from another environment.",
        )
    workspace.engine.close()
    os.lseek(sys.stdin.fileno(), 0, os.SEEK_SET)
    os.set_inheritable(answers, True)
    os.execv(python, [python, "-m", STARTER, _IS_CHOSEN])


def _description(run: PipelineRun, pipeline: PublishedPipeline) -> dict[str, Any]:
    return {
        "Id": run.id,
        "ExperimentName": run.experiment.name,
        "PipelineId": pipeline.id,
        "Status": run.get_status(),
    }


def _status_of(error: MLMagicError) -> int:
    match error:
        case _Missing():
            return 404
        case _Unusable():
            return 409
        case UsageError():
            return 400
        case WorkspaceUnavailable():
            return 503
    return 500


def _send(answers: int, answer: Answer) -> None:
    """Write the answer. A server that was killed meanwhile does not read it: the run goes on."""
    with open(answers, "wb") as pipe:
        try:
            pipe.write(json.dumps([answer.status, answer.body]).encode())
            pipe.flush()
        except BrokenPipeError:
            pass


if __name__ == "__main__":
    main()
