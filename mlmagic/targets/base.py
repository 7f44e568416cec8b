"""The contract of a compute target: a place that runs scoring servers.

What you provide: a name, a handle class, and six methods. What you get for it: `%deploy --target NAME`,
health, restarts, updates, logs, cards and the command line, all from the engine.

Register yours under the entry point group ``mlmagic.targets``; `tests/targets/contract.py` is the suite that
every target passes.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.usage import Usage
from mlmagic.core.webservice import Observation, ServiceSpec

Report = Callable[[str], None]
"""Takes one line of progress, for people."""

H = TypeVar("H")


class ComputeTarget(ABC, Generic[H]):
    """A place that runs scoring servers; ``H`` is its own frozen dataclass of plain values.

    All that a target must remember of a service is in its handle, so any process that holds the handle
    may call any method. Methods may block, may be called from any thread, and may be called again.
    """

    name: ClassVar[str]
    handle_type: type[H]
    on_this_machine: ClassVar[bool] = False
    """Whether its services are processes of the machine that deploys them: no other may touch them."""

    runs_interpreter: ClassVar[bool] = False
    """Whether it runs ``spec.python``, an interpreter of this machine, with what is installed in it."""

    @abstractmethod
    def check(self) -> None:
        """Raise `TargetUnavailable` with the fix if services cannot be run here now.

        Called before anything of a deploy is recorded, and by completion and `%deploy --help`.
        """

    @abstractmethod
    def validate(self, config: DeploymentConfig, *, current_port: int | None = None) -> None:
        """Raise a `UsageError` for what can be known to be wrong with ``config`` before it is recorded.

        Called in the front's process, after `check`. ``current_port`` is the one this service has already,
        when it is an update.
        """

    @abstractmethod
    def launch(self, spec: ServiceSpec, report: Report) -> H:
        """Ask for the service to run; returns when it is asked for, not when it is up.

        Called by the supervisor for a new revision, and again after it ended. What `find` finds is taken
        over, not started twice. Raises `LaunchFailed` or `Unschedulable`.
        """

    @abstractmethod
    def find(self, spec: ServiceSpec) -> H | None:
        """The handle of what a launch of ``spec`` has started and that still runs; None if there is none.

        Called when a launcher may have been killed between the start and the saving of the handle.
        """

    @abstractmethod
    def observe(self, handle: H) -> Observation:
        """Look at it, without waiting. Never raises for what is gone; UNKNOWN when it cannot look.

        Called by the supervisor at each turn, before, during and after the service's life.
        """

    @abstractmethod
    def stop(self, handle: H, *, grace: float = 10.0) -> None:
        """End it, letting requests in flight finish for ``grace`` seconds; returns when it is gone.

        Silent for what is gone already.
        """

    @abstractmethod
    def logs(self, handle: H, *, tail: int = 200, follow: bool = False) -> Iterator[str]:
        """The last ``tail`` lines of what it wrote, without line ends; then, with ``follow``, those to come.

        Nothing for what is gone.
        """

    def pack(self, handle: H) -> Mapping[str, Any]:
        """The handle as JSON has it, to be kept in a row."""
        return asdict(handle)  # type: ignore[call-overload, no-any-return]

    def unpack(self, record: Mapping[str, Any]) -> H:
        """The inverse of `pack`."""
        return self.handle_type(**record)


@runtime_checkable
class Reloads(Protocol):
    """A target whose services can take on a changed script while they serve."""

    def reload(self, handle: Any) -> Mapping[str, Any]:
        """Have the script read anew from the service's folder; returns when it serves, or goes on as it was.

        ``{"init": whether init() ran again, "ms": milliseconds}``, or ``{"error": record}`` of a script that
        failed, or ``{"refused": why}``. Raises `LaunchFailed` if it cannot be asked.
        """


@runtime_checkable
class Measures(Protocol):
    """A target that can hold a service to its size and tell what it uses: profiling needs it."""

    def usage(self, handle: Any) -> Usage:
        """What the service has used since its start; nothing for what is gone."""

    def holds_by(self, config: DeploymentConfig) -> str:
        """How a trial is held to its cores and its memory, for people."""


@runtime_checkable
class BuildsImages(Protocol):
    """A target that builds an image before it launches; `launch` would, too, and keep its caller waiting."""

    def image_wanted(self, spec: ServiceSpec) -> str | None:
        """What identifies the image of ``spec``; None where it is there already.

        Raises a `UsageError` for what no image can be, and `TargetUnavailable`.
        """

    def build(self, spec: ServiceSpec, report: Report, cancelled: threading.Event) -> None:
        """Build it, telling each line; give up soon after ``cancelled``. Raises `BuildFailed`."""

    def halt(self, handle: Any) -> None:
        """End it as `stop` does, but keep its image: it is to be started again."""


@runtime_checkable
class TakesKeys(Protocol):
    """A target whose services do not see the keys file of this machine."""

    def deliver_keys(self, handle: Any, keys_file: str) -> None:
        """Have the service take the keys in ``keys_file``; silent for what is gone."""


@runtime_checkable
class TellsPackages(Protocol):
    """A target that can say what is installed where a service runs."""

    def packages(self, handle: Any) -> Mapping[str, str]:
        """Version by `package_name`, with Python's own under ``python``; empty for what is gone."""


@runtime_checkable
class KeepsTraffic(Protocol):
    """A target whose services can be read what they were asked: see `mlmagic.scoring.recorder`."""

    def traffic(self, handle: Any) -> Sequence[bytes]:
        """The contents of a recorder's files, the older one first; nothing for what is gone."""


@runtime_checkable
class Watchable(Protocol):
    """A target whose services can be waited for, rather than asked again and again."""

    def watch(self, handle: Any) -> int | None:
        """A file descriptor that becomes readable when the service ends; the caller closes it.

        None where there is none to give.
        """
