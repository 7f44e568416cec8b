"""The contract of a compute target: something that runs scoring servers.

You provide a name, a handle class and seven methods. The engine then provides `%deploy --target NAME`,
health checks, restarts, updates, logs, cards and the command line. What only some targets can do, such as
replicas or images, is said by a `Capabilities` value and done by the methods that belong to it.

Register a target under the entry point group ``mlmagic.targets``. Every target passes the test suite
`tests/targets/contract.py`.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Generic, TypeVar

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.log_lines import TimedLine
from mlmagic.core.usage import Usage
from mlmagic.core.webservice import Observation, ServiceSpec
from mlmagic.errors import NotSupported
from mlmagic.targets.capabilities import Capabilities

Report = Callable[[str], None]
"""Called with each line of progress, for people."""

H = TypeVar("H")


class ComputeTarget(ABC, Generic[H]):
    """Runs scoring servers; ``H`` is the target's own handle, a frozen dataclass of plain values.

    A handle holds all that a target must remember of a service, so any process that has the handle may call
    any method. Methods may block, may be called from any thread, and may be called again.
    """

    name: ClassVar[str]
    """What users call it: ``--target NAME``; also the name of its entry point."""

    handle_type: type[H]
    capabilities: ClassVar[Capabilities] = Capabilities()
    """What it can do beyond the abstract methods."""

    # -- what every target does -----------------------------------------------------------------------

    @abstractmethod
    def check(self) -> None:
        """Raise `TargetUnavailable`, with the fix, if the target cannot be used now.

        Called before a deployment is recorded, and for completion and `%deploy --help`.
        """

    @abstractmethod
    def validate(self, config: DeploymentConfig, *, current_port: int | None = None) -> None:
        """Raise a `UsageError` for a ``config`` that cannot work here, before it is recorded.

        Called after `check`, in the user's process. ``current_port`` is the port of the service that is
        updated.
        """

    @abstractmethod
    def launch(self, spec: ServiceSpec, report: Report) -> H:
        """Start the service; returns as soon as it is requested, before it is up.

        Called by the supervisor for each new revision, and to restart one that has ended. A service that
        `find` finds is not started twice. Raises `LaunchFailed` or `Unschedulable`.
        """

    @abstractmethod
    def find(self, spec: ServiceSpec) -> H | None:
        """The handle of a launch of ``spec`` that still runs; None if there is none.

        Called when the launching process may have been killed before it saved the handle.
        """

    @abstractmethod
    def observe(self, handle: H) -> Observation:
        """What is true of the service now, without waiting.

        Called by the supervisor throughout the life of the service. Never raises for a service that is gone:
        the phase is GONE then, and UNKNOWN if the target does not answer.
        """

    @abstractmethod
    def stop(self, handle: H, *, grace: float = 10.0) -> None:
        """Stop the service and remove what belongs to it; returns when it is gone.

        Requests in flight have ``grace`` seconds to finish. Does nothing if the service is gone already.
        """

    @abstractmethod
    def logs(self, handle: H, *, tail: int = 200, follow: bool = False) -> Iterator[str]:
        """The last ``tail`` lines of the service's log, without line ends; empty if the service is gone.

        With ``follow``, the lines that come later too, until the service ends.
        """

    # -- what has a default that suits most targets ---------------------------------------------------

    def halt(self, handle: H, *, grace: float = 10.0) -> None:
        """Stop the service, but keep what a later start needs, such as its image."""
        self.stop(handle, grace=grace)

    def runs_on_this_machine(self) -> bool:
        """Whether services deployed now run on this machine, so that no other can reach or stop them."""
        return False

    def pack(self, handle: H) -> Mapping[str, Any]:
        """The handle as JSON values, to be stored in the workspace."""
        return asdict(handle)  # type: ignore[call-overload, no-any-return]

    def unpack(self, record: Mapping[str, Any]) -> H:
        """The handle from what `pack` returned."""
        return self.handle_type(**record)

    # -- what belongs to a capability -----------------------------------------------------------------

    # builds_images

    def missing_image(self, spec: ServiceSpec) -> str | None:
        """The name of the image of ``spec`` if it must be built first; None if it exists.

        Raises a `UsageError` for an environment that no image can provide, and `TargetUnavailable`.
        """
        raise NotSupported(self.name, "build images")

    def build_image(self, spec: ServiceSpec, report: Report, cancelled: threading.Event) -> None:
        """Build the image of ``spec`` and report each step.

        Raises `BuildFailed`, also soon after ``cancelled`` is set.
        """
        raise NotSupported(self.name, "build images")

    # measures

    def usage(self, handle: H) -> Usage:
        """What the service has used since its start; an empty `Usage` if it is gone."""
        raise NotSupported(self.name, "measure what a service uses")

    def limited_by(self, config: DeploymentConfig) -> str:
        """What limits the CPU and memory of a trial, such as "cgroups", for people."""
        raise NotSupported(self.name, "measure what a service uses")

    # scales

    def scales_in_place(self, handle: H) -> bool:
        """Whether replicas can be added to this launch; otherwise the service is launched again."""
        return self.capabilities.scales

    def scale(self, handle: H, replicas: int) -> None:
        """Run ``replicas`` replicas from now on; returns as soon as it is requested, and may be called again.

        A launch starts with ``spec.config.replicas``. `Observation.ready` is the number of replicas that
        answer. Does nothing if the service is gone, or cannot be scaled in place. Raises `Unschedulable`.
        """
        raise NotSupported(self.name, "run several replicas of a service")

    # pauses

    def pause(self, handle: H) -> None:
        """Replace no more replicas of the revision before by those of this launch, until `resume`.

        What runs keeps answering. Does nothing if the service is gone. May be called again.
        """
        raise NotSupported(self.name, "hold an update")

    def resume(self, handle: H) -> None:
        """Go on with what `pause` holds; nothing if it holds nothing."""
        raise NotSupported(self.name, "hold an update")

    # reloads

    def reload(self, handle: H) -> Mapping[str, Any]:
        """Load the script in the service's folder into the running service; returns when that is done.

        Returns ``{"init": whether init() ran again, "ms": milliseconds}``; ``{"error": record}`` if the
        script failed and the old one still serves; or ``{"refused": why}``. Raises `LaunchFailed` if the
        service cannot be reached.
        """
        raise NotSupported(self.name, "reload a script while it serves")

    # watches

    def watch(self, handle: H) -> int | None:
        """A file descriptor that becomes readable when the service ends; the caller closes it.

        None if there is no descriptor for this service.
        """
        raise NotSupported(self.name, "signal the end of a service")

    # delivers_keys

    def deliver_keys(self, handle: H, keys_file: str) -> None:
        """Copy ``keys_file`` to the service, which uses its keys from then on. Silent for what is gone."""
        raise NotSupported(self.name, "copy keys to a service")

    # delivers_routes

    def deliver_routes(self, handle: H, routes_file: str) -> None:
        """Copy ``routes_file`` to the router of an endpoint, which uses it from then on.

        Silent for what is gone.
        """
        raise NotSupported(self.name, "copy routes to a router")

    def routes_at(self, handle: H, routes: str) -> str:
        """The content of a routes file as `deliver_routes` gives it to the router: others than ``routes``
        where the router reaches versions at other addresses than callers do.
        """
        return routes

    def network_of(self, handle: H | None) -> str:
        """The network that a launch runs in, or without a handle the next launch, such as "tcp://10.0.0.5".

        A router reaches the versions in its own network. Raises `TargetUnavailable`.
        """
        raise NotSupported(self.name, "run a router of its own")

    # records_traffic

    def traffic(self, handle: H) -> Sequence[bytes]:
        """The contents of the recorder's files, of each replica; empty if the service is gone.

        Their format is described in `mlmagic.scoring.recorder`.
        """
        raise NotSupported(self.name, "read recorded requests")

    # lists_packages

    def packages(self, handle: H) -> Mapping[str, str]:
        """The version of each installed package, and of ``python``; empty if the service is gone.

        Names are normalized with `mlmagic.core.environment.package_name`.
        """
        raise NotSupported(self.name, "list the packages of a service")

    # sizes_logs

    def log_size(self, handle: H) -> int:
        """The length of the service's log, in bytes or lines; 0 if the service is gone."""
        raise NotSupported(self.name, "tell the size of a log")

    # times_logs

    def timed_logs(self, handle: H, *, tail: int = 200, follow: bool = False) -> Iterator[TimedLine]:
        """The lines of `logs`, each with its time; a line of which that is not known has None.

        Without ``follow``, the lines of several replicas are in the order of their times.
        """
        raise NotSupported(self.name, "tell when the lines of a log were written")
