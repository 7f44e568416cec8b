"""The Dask cluster of a batch job: one in this process, or one whose scheduler has an address."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.engine.batch import runner
from mlmagic.errors import TargetUnavailable, UsageError

if TYPE_CHECKING:
    from distributed import Client, SpecCluster

SCHEDULER = "MLMAGIC_BATCH_SCHEDULER"
"""The variable with the address of the scheduler, if none is given."""
_CONNECT_SECONDS = 15
_HERE = "127.0.0.1:0"
"""Where the HTTP servers of our own cluster listen: Dask's default is every address of the machine."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A connection to a cluster."""

    client: Client
    is_local: bool
    slots: int
    """How many spans it scores at once."""

    dashboard: str
    """The address of the dashboard; empty if it has none."""


def check_installed() -> None:
    """Raises `UsageError` if Dask is missing."""
    if importlib.util.find_spec("distributed") is None:  # importing it takes long
        raise UsageError(
            "batch scoring needs the package distributed, which is not installed",
            hint="Install it with: pip install 'mlmagic[batch]'.",
        )


@contextmanager
def connected(address: str | None, processes: int, folder: Path) -> Iterator[Cluster]:
    """Connect to the scheduler at ``address``; None: a cluster of this process with so many threads.

    Such a cluster has its files in ``folder``. Each thread of a Dask worker drives one process of the script.
    Raises `TargetUnavailable` if the scheduler does not answer or its workers cannot run the job.
    """
    from distributed import Client

    if address is not None:
        with _client_of(address) as client:
            yield Cluster(client, False, _check(client, address), str(client.dashboard_link or ""))
        return
    from mlmagic.engine.batch import dashboard

    with (
        _own_cluster(processes, folder) as cluster,
        Client(cluster, set_as_default=False) as client,  # type: ignore[no-untyped-call]
    ):
        yield Cluster(client, True, processes, dashboard.offer(cluster.scheduler))


def _own_cluster(threads: int, folder: Path) -> SpecCluster:
    """As `LocalCluster`, which loads its dashboards in any case."""
    import dask
    from distributed import Scheduler, SpecCluster, Worker

    options = {"protocol": "inproc://", "dashboard": False, "dashboard_address": _HERE}
    # The memory is the script's processes', which Dask does not see.
    worker = {"cls": Worker, "options": {**options, "nthreads": threads, "memory_limit": 0}}
    # Scheduler and worker each make a folder when they are created, and leave it after a kill. There is no
    # argument for the scheduler's.
    with dask.config.set({"temporary-directory": str(folder)}):
        return SpecCluster(  # type: ignore[no-untyped-call]
            workers={0: worker},
            scheduler={"cls": Scheduler, "options": options},
            silence_logs=logging.ERROR,
        )


@contextmanager
def _client_of(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError) as error:
        raise TargetUnavailable(
            "batch",
            f"no Dask scheduler answers at {address!r}: {error}",
            fix="Start one with: dask scheduler. Or leave the address out, to run the job on this machine.",
        ) from None
    with client:
        yield client


def _check(client: Client, address: str) -> int:
    """The threads of all workers. Raises `TargetUnavailable` for workers that cannot run the job."""
    from mlmagic._version import __version__

    threads = sum(client.nthreads().values())  # type: ignore[no-untyped-call]
    if not threads:
        raise TargetUnavailable(
            "batch",
            f"the Dask scheduler at {address} has no workers",
            fix=f"Start one on each machine with: dask worker {address}",
        )
    try:
        versions: dict[str, Any] = client.run(runner.begin, on_error="return")
    except Exception as error:
        versions = {address: error}
    for worker, found in versions.items():
        if found != __version__:
            what = f"has mlmagic {found}" if isinstance(found, str) else f"cannot import mlmagic: {found}"
            raise TargetUnavailable(
                "batch",
                f"the Dask worker {worker} {what}; this is mlmagic {__version__}",
                fix=f"Install it there with: pip install 'mlmagic[batch]=={__version__}'",
            )
    return threads
