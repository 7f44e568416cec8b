"""The scoring server: it runs in the user's environment and is all that a serving image contains.

    __main__         the command line; takes the run directory's lock before anything heavy is imported
    server           the life cycle: load, init, bind, serve, drain
    report, bell,    what the server and those outside know of each other: the run directory, a wake-up call,
    door             orders
    http/            bytes to requests and back, in order, within bounds
    access           who may ask: keys and tokens
    service          what each route answers
    script           the user's script: load, init, run; whose traceback is whose
    inputs/          from a request to the arguments of run(): plain, typed, by schema, raw
    calls/           run() in turn, in time, together with others, or piece by piece
    answers          what run() returned, as JSON; `encoders`: as something else
    description/     OpenAPI, and the page for people
    openinference/   the same service in the Open Inference Protocol
    frameworks/      models without a script: one entry script for each framework
    live/            taking on a changed script
    shims/           stand-ins for the packages that scripts for Azure ML import
    zygote           forks servers from a process that has imported their libraries

Nothing here imports another room; `report`, `bell`, `door` and `limits` are for the launcher to import.
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
    """Declare that run() may be called once for several requests.

    Its arrays, tables or (if it has none) its first list are then stacked along the first axis, ``max_rows``
    at most, and what it returns must have a row for each. The same as ``run.batch = True`` (or a number).
    """

    def declare(run: Any) -> Any:
        run.batch = max_rows or True
        return run

    return declare if run is None else declare(run)
