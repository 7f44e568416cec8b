"""The scoring server: it runs in the user's environment and is all that a serving image contains.

    __main__      the command line; takes the run directory's lock before anything heavy is imported
    server        the life cycle: load, init, bind, serve, drain
    http/         bytes to requests and back, in order, within bounds
    access        who may ask: keys and tokens
    service       what each route answers
    runner        run() in turn: a short one on the event loop, a long one in a worker thread
    script        the user's script: load, init, run; whose traceback is whose
    inputs/       from a request to the arguments of run(): plain, by schema, raw
    answers       what run() returned, as JSON
    shims/        stand-ins for the packages that scripts for Azure ML import

Nothing here imports another room; `report` and `bell` are for the launcher to import.
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
