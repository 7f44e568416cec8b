"""The scoring server: it runs in the user's environment and is all that a serving image contains.

    __main__           the command line; takes the run directory's lock before anything heavy is imported
    server             the life cycle: load, init, bind, serve, drain
    report             the run directory: lock and report, for the launcher
    wakeup, control    signals to the processes that wait for a report; commands from the owner
    event_loop, signals, process_exit
                       the loop, stop signals and the end of the process
    http/              bytes to requests and back, in order, within bounds
    authentication     keys and tokens of callers
    service            the routes
    script             the user's script: loading, init, run; its tracebacks
    environment        the script's working directory, import path and variables
    inputs/            from a request to the arguments of run(): plain, typed, by schema, raw
    calls/             calls of run(): on the script's thread, within limits, batched, streamed
    outputs/           from what run() returned to the body of a response
    openapi/           OpenAPI, and the page for people
    openinference/     the same service in the Open Inference Protocol
    frameworks/        models without a script: one entry script for each framework
    reload/            live reload of a changed script
    shims/             stand-ins for the packages that scripts for Azure ML import
    metrics, recorder, logs
                       counters, recorded requests, lines with request ids
    observation, observed_request
                       what is kept of each request that is answered, for these two:
    telemetry/         spans and lines for an OpenTelemetry collector
    collection/        data collection: what was sent and predicted
    delivery/          the process beside the server that writes and sends both
    process_title      what lists of processes show
    limits, start_errors, watched_files
                       settings, errors of a start, files that are replaced while the server runs
    rehearsal          init() and run() once, without a server
    workers/           several processes behind one address, and none while nobody calls
    batch/             the process of a batch job that runs the script
    preload, zygote    libraries that forked processes share; the process that forks others
    healthcheck        the health check of an image

Nothing here imports another room; `report`, `wakeup`, `control` and `limits` are for the launcher to import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

Run = TypeVar("Run", bound=Callable[..., Any])


@overload
def batched(run: Run) -> Run: ...
@overload
def batched(*, max_rows: int = ...) -> Callable[[Run], Run]: ...
def batched(run: Any = None, *, max_rows: int | None = None) -> Any:
    """Turn dynamic batching on: run() may be called once for several requests.

    Its arrays, tables or (if it has none) its first list are then stacked along the first axis, ``max_rows``
    at most, and what it returns must have a row for each. The same as ``run.batch = True`` (or a number).
    """

    def declare(run: Any) -> Any:
        run.batch = max_rows or True
        return run

    return declare if run is None else declare(run)
