"""The target Docker: each revision a container, behind a port that outlives it.

A service's port is held by a container of its own that does nothing else, its *front*. The revisions live in
the front's network, share a volume with it, and hand the listening socket over from one to the next: as
processes of one machine do. So an update keeps the port, and loses no request; and no proxy is in between.

Nothing of this machine is mounted: files go in and out by the engine's API, which may be anywhere.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import mlmagic.scoring.recorder as recorder
import mlmagic.scoring.report as run_report
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.usage import Usage
from mlmagic.core.webservice import Observation, Phase, ServiceSpec
from mlmagic.errors import LaunchFailed, TargetUnavailable
from mlmagic.targets.base import ComputeTarget, Report
from mlmagic.targets.checks import check_certificate, check_port
from mlmagic.targets.docker import engine, observation, settings
from mlmagic.targets.docker.container import Containers, Inspected
from mlmagic.targets.docker.engine import Address
from mlmagic.targets.docker.front import Fronts
from mlmagic.targets.docker.image import Images, foundation_name, service_name
from mlmagic.targets.images.blueprint import Blueprint, blueprint
from mlmagic.targets.images.context import Context, below
from mlmagic.targets.images.dockerfile import APP, PYTHON
from mlmagic.targets.packages import ASK, by_package_name

if TYPE_CHECKING:
    from docker import APIClient

_KNOCK = (
    "import json; from mlmagic.scoring.control import RELOAD, send_command; "
    "print(json.dumps(send_command({folder!r}, {{'do': RELOAD}}, timeout=600.0)[0]))"
)


@dataclass(frozen=True, slots=True)
class DockerHandle:
    """A container, the front that holds its port, and the engine that has both."""

    container: str
    front: str
    run_dir: str
    host: str
    context: str = ""
    tls: bool = False

    @property
    def address(self) -> Address:
        return Address(self.host, self.context)


@dataclass(frozen=True, slots=True)
class _Engine:
    """What an engine is asked through."""

    address: Address
    api: APIClient

    @classmethod
    def at(cls, address: Address) -> _Engine:
        return cls(address, engine.connect(address))

    @property
    def containers(self) -> Containers:
        return Containers(self.api)

    @property
    def fronts(self) -> Fronts:
        return Fronts(self.api, self.address)

    @property
    def images(self) -> Images:
        return Images(self.api)


class DockerTarget(ComputeTarget[DockerHandle]):
    """Runs each service as a container of the Docker engine that is meant here."""

    name: ClassVar[str] = engine.TARGET
    handle_type = DockerHandle

    def __init__(self) -> None:
        self._serving: set[tuple[str, str]] = set()
        """Starts of containers whose servers were seen serving: they need not be asked again."""

    @property
    def on_this_machine(self) -> bool:  # type: ignore[override]
        """Whether the engine is this machine's own."""
        return engine.current().is_local

    def check(self) -> None:
        _here()

    def validate(self, config: DeploymentConfig, *, current_port: int | None = None) -> None:
        address = engine.current()
        if address.is_local:
            check_port(config, address.machine, current_port)
        check_certificate(config)

    # -- images: see `mlmagic.targets.base.BuildsImages` ----------------------------------------------

    def image_wanted(self, spec: ServiceSpec) -> str | None:
        plan = blueprint(spec)
        return None if _is_built(_here(), spec, plan) else _image_name(spec, plan)

    def build(self, spec: ServiceSpec, report: Report, cancelled: threading.Event) -> None:
        plan = blueprint(spec)
        start = plan.start(labels=settings.labels_of(spec))
        _here().images.make(plan, _image_name(spec, plan), report, cancelled, start=start)

    # -- services -------------------------------------------------------------------------------------

    def launch(self, spec: ServiceSpec, report: Report) -> DockerHandle:
        there = _here()
        running = self._running(there, spec)
        if running is not None:
            return running
        plan = blueprint(spec)
        image = _image_name(spec, plan)
        if not _is_built(there, spec, plan):
            self.build(spec, report, threading.Event())
        with _told_as_failed_launch():
            try:
                return self._start(there, spec, plan, image, report)
            except Exception:
                self._clear(there, settings.container_name(spec), settings.front_name(spec))
                there.images.forget(settings.key_of(spec.run_dir))
                raise

    def _start(
        self, there: _Engine, spec: ServiceSpec, plan: Blueprint, image: str, report: Report
    ) -> DockerHandle:
        name = settings.container_name(spec)
        front, beside = there.fronts.have(spec, foundation_name(plan))
        there.containers.remove(name)  # one that has ended, or was never started
        host = there.api.create_host_config(**settings.host_settings(spec, plan, front))
        there.api.create_container(**settings.service_container(spec, plan, image, beside), host_config=host)
        there.containers.write(name, settings.RUNS, _run_files(spec))
        there.api.start(name)
        report(f"started container {name}")
        return self._handle(there, spec, front)

    def _running(self, there: _Engine, spec: ServiceSpec) -> DockerHandle | None:
        """One that lives and can be reached."""
        seen = there.containers.look(settings.container_name(spec))
        front = there.fronts.name_behind(seen)
        if seen is None or front is None or not seen["State"]["Running"]:
            return None
        reached = observation.port_of(there.containers.look(front)) is not None
        return self._handle(there, spec, front) if reached else None

    def _handle(self, there: _Engine, spec: ServiceSpec, front: str) -> DockerHandle:
        name, address = settings.container_name(spec), there.address
        secret = settings.uses_tls(spec.config)
        return DockerHandle(name, front, spec.run_dir, address.host, address.context, secret)

    def find(self, spec: ServiceSpec) -> DockerHandle | None:
        """Also what a launch has left that was killed in between: it is there to be stopped."""
        there = _here()
        running = self._running(there, spec)
        if running is not None:
            return running
        seen, front = there.containers.look(settings.container_name(spec)), settings.front_name(spec)
        if seen is not None and seen["State"]["Status"] == "created":
            return self._handle(there, spec, there.fronts.name_behind(seen) or front)
        if there.containers.look(front) is None or not there.fronts.stands_alone(front):
            return None
        return self._handle(there, spec, front)

    def observe(self, handle: DockerHandle) -> Observation:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        try:
            there = _Engine.at(handle.address)
            return self._observe(there.containers, handle, there.address)
        except (TargetUnavailable, DockerException, RequestException) as error:
            return Observation(Phase.UNKNOWN, words=f"the Docker engine cannot be asked: {error}")

    def _observe(self, containers: Containers, handle: DockerHandle, address: Address) -> Observation:
        seen = containers.look(handle.container)
        if seen is None:
            return Observation(Phase.GONE, words="its container is gone")
        state = seen["State"]
        if state["Status"] == "created":
            return Observation(Phase.STARTING, words="starting")
        if not state["Running"] or state.get("Restarting"):
            return observation.ended(seen, self._report(containers, handle))
        port = observation.port_of(containers.look(handle.front))
        scheme = "https" if handle.tls else "http"
        url = f"{scheme}://{address.machine}:{port}" if port else None
        return observation.running(seen, serves=self._serves(containers, handle, seen), url=url)

    def _serves(self, containers: Containers, handle: DockerHandle, seen: Inspected) -> bool:
        start = (str(seen["Id"]), str(seen["State"]["StartedAt"]))
        if start in self._serving:
            return True
        if self._report(containers, handle).get("phase") != run_report.SERVING:
            return False
        self._serving.add(start)
        return True

    def _report(self, containers: Containers, handle: DockerHandle) -> Mapping[str, Any]:
        path = f"{_run_folder(handle)}/{run_report.REPORT}"
        return observation.record_of(containers.read(handle.container, path))

    def stop(self, handle: DockerHandle, *, grace: float = 10.0) -> None:
        self.halt(handle, grace=grace)
        with _told_as_failed_launch():
            _Engine.at(handle.address).images.forget(settings.key_of(handle.run_dir))

    def halt(self, handle: DockerHandle, *, grace: float = 10.0) -> None:
        """See `mlmagic.targets.base.BuildsImages`."""
        with _told_as_failed_launch():
            there = _Engine.at(handle.address)
            there.containers.end(handle.container, math.ceil(grace))
            self._clear(there, handle.container, handle.front)

    def _clear(self, there: _Engine, container: str, front: str) -> None:
        """Remove a container, and the front if nobody else stands behind it."""
        there.containers.remove(container)
        if there.fronts.stands_alone(front):
            there.fronts.forget(front)

    def logs(self, handle: DockerHandle, *, tail: int = 200, follow: bool = False) -> Iterator[str]:
        return _Engine.at(handle.address).containers.lines(handle.container, tail=tail, follow=follow)

    def usage(self, handle: DockerHandle) -> Usage:
        """See `mlmagic.targets.base.Measures`."""
        return observation.usage(_Engine.at(handle.address).containers.stats(handle.container))

    def holds_by(self, config: DeploymentConfig) -> str:
        """See `mlmagic.targets.base.Measures`."""
        return "Docker"

    def traffic(self, handle: DockerHandle) -> Sequence[bytes]:
        """See `mlmagic.targets.base.KeepsTraffic`."""
        containers = _Engine.at(handle.address).containers
        folder = _run_folder(handle)
        found = [
            containers.read(handle.container, f"{folder}/{name}") for name in (recorder.OLD, recorder.NEW)
        ]
        return [content for content in found if content is not None]

    def packages(self, handle: DockerHandle) -> Mapping[str, str]:
        """See `mlmagic.targets.base.TellsPackages`."""
        code, answer, _ = _Engine.at(handle.address).containers.run(handle.container, [PYTHON, "-c", ASK])
        return by_package_name(json.loads(answer)) if code == 0 else {}

    def reload(self, handle: DockerHandle) -> Mapping[str, Any]:
        """Put the script's folder, as it is here, into the container. See `mlmagic.targets.base.Reloads`."""
        containers = _Engine.at(handle.address).containers
        with _told_as_failed_launch():
            files = below(Path(handle.run_dir) / "app", "", honours_ignore=True)
            containers.write_context(handle.container, APP, Context(files))
            command = [PYTHON, "-c", _KNOCK.format(folder=_run_folder(handle))]
            code, answer, complaint = containers.run(handle.container, command)
        if code:
            last = complaint.strip().splitlines()[-1:] or ["no reason was given"]
            raise LaunchFailed(self.name, f"the service does not take on its script: {last[0]}")
        return dict(json.loads(answer))

    def deliver_keys(self, handle: DockerHandle, keys_file: str) -> None:
        """See `mlmagic.targets.base.TakesKeys`."""
        containers = _Engine.at(handle.address).containers
        if containers.look(handle.container) is not None:
            files = {"keys.json": Path(keys_file).read_bytes()}
            containers.write(handle.container, _run_folder(handle), files)


class _told_as_failed_launch:
    """What the engine refuses, in its own words, as an error of ours."""

    def __enter__(self) -> None:
        """Nothing to begin."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or kind.__module__.startswith("mlmagic"):
            return
        from docker.errors import APIError, DockerException
        from requests.exceptions import RequestException

        if isinstance(error, APIError):
            raise LaunchFailed(
                engine.TARGET, f"the Docker engine refused: {error.explanation or error}"
            ) from None
        if isinstance(error, DockerException | RequestException):
            raise LaunchFailed(engine.TARGET, f"the Docker engine cannot be asked: {error}") from None


def _here() -> _Engine:
    return _Engine.at(engine.current())


def _image_name(spec: ServiceSpec, plan: Blueprint) -> str:
    return service_name(plan, spec.name, settings.labels_of(spec))


def _is_built(there: _Engine, spec: ServiceSpec, plan: Blueprint) -> bool:
    """Its image and the foundation, of which its front is made."""
    return all(map(there.images.has, (_image_name(spec, plan), foundation_name(plan))))


def _run_folder(handle: DockerHandle) -> str:
    return f"{settings.RUNS}/{settings.key_of(handle.run_dir)}"


def _run_files(spec: ServiceSpec) -> dict[str, bytes]:
    """What the server finds in its run folder; an old report is no longer true."""
    key = settings.key_of(spec.run_dir)
    files = {f"{key}/{run_report.LOCK}": b"", f"{key}/{run_report.REPORT}": b"{}"}
    if spec.keys_file is not None:
        files[f"{key}/keys.json"] = Path(spec.keys_file).read_bytes()
    if spec.config.ssl_cert_pem_file and spec.config.ssl_key_pem_file:
        files[f"{key}/certificate.pem"] = Path(spec.config.ssl_cert_pem_file).read_bytes()
        files[f"{key}/key.pem"] = Path(spec.config.ssl_key_pem_file).read_bytes()
    return files
