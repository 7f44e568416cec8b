"""The target ``docker``: each revision of a service is a container, behind a port that outlives it.

A service's port belongs to its proxy container, which runs nothing else and forwards nothing. The containers
of the revisions join its network, share its volume, and hand the listening socket over from one to the next.
So an update keeps the port and loses no request.

Nothing of this machine is mounted: files are copied through the engine's API, and the engine may be on
another machine.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import mlmagic.scoring.recorder as recorder
import mlmagic.scoring.report as run_report
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.usage import Usage
from mlmagic.core.webservice import Observation, Phase, ServiceSpec
from mlmagic.errors import LaunchFailed, TargetUnavailable
from mlmagic.targets.base import ComputeTarget, Report
from mlmagic.targets.capabilities import Capabilities
from mlmagic.targets.docker import connection, observation, settings
from mlmagic.targets.docker.connection import Address
from mlmagic.targets.docker.container import Containers, Inspected
from mlmagic.targets.docker.engine import Engine, engine_errors
from mlmagic.targets.docker.image import foundation_name, service_name
from mlmagic.targets.images.build_plan import BuildPlan, build_plan
from mlmagic.targets.images.context import Context, below
from mlmagic.targets.images.dockerfile import APP, PYTHON
from mlmagic.targets.installed_packages import LIST_PACKAGES, by_package_name
from mlmagic.targets.validation import check_allowed_hosts, check_certificate, check_port

_RELOAD = (
    "import json; from mlmagic.scoring.control import RELOAD, send_command; "
    "print(json.dumps(send_command({folder!r}, {{'do': RELOAD}}, timeout=600.0)[0]))"
)


@dataclass(frozen=True, slots=True)
class DockerHandle:
    """A service's container, the proxy container with its port, and the address of their engine."""

    container: str
    proxy: str
    run_dir: str
    host: str
    context: str = ""
    tls: bool = False

    @property
    def address(self) -> Address:
        return Address(self.host, self.context)


class DockerTarget(ComputeTarget[DockerHandle]):
    """Runs each service as a container of the current Docker engine."""

    name: ClassVar[str] = connection.TARGET
    handle_type = DockerHandle
    capabilities: ClassVar[Capabilities] = Capabilities(
        builds_images=True,
        measures=True,
        reloads=True,
        delivers_keys=True,
        records_traffic=True,
        lists_packages=True,
    )

    def __init__(self) -> None:
        self._serving: set[tuple[str, str]] = set()
        """Containers seen serving, with their start times: their reports need not be read again."""

    def runs_on_this_machine(self) -> bool:
        """Whether the engine runs on this machine."""
        return connection.current().is_local

    def check(self) -> None:
        Engine.current()

    def validate(self, config: DeploymentConfig, *, current_port: int | None = None) -> None:
        address = connection.current()
        if address.is_local:
            check_port(config, address.machine, current_port)
        check_certificate(config)
        check_allowed_hosts(config)
        settings.check_exposure(config, address)

    def unpack(self, record: Mapping[str, Any]) -> DockerHandle:
        """The handle from a stored record; in older ones the proxy container is called ``front``."""
        known = dict(record)
        if "front" in known:
            known["proxy"] = known.pop("front")
        return DockerHandle(**known)

    # -- images ---------------------------------------------------------------------------------------

    @engine_errors()
    def missing_image(self, spec: ServiceSpec) -> str | None:
        plan = build_plan(spec)
        return None if _is_built(Engine.current(), spec, plan) else _image_name(spec, plan)

    @engine_errors()
    def build_image(self, spec: ServiceSpec, report: Report, cancelled: threading.Event) -> None:
        plan = build_plan(spec)
        start = plan.start(labels=settings.labels_of(spec))
        Engine.current().images.build(plan, _image_name(spec, plan), report, cancelled, start=start)

    # -- services -------------------------------------------------------------------------------------

    @engine_errors()
    def launch(self, spec: ServiceSpec, report: Report) -> DockerHandle:
        engine = Engine.current()
        running = self._running(engine, spec)
        if running is not None:
            return running
        plan = build_plan(spec)
        image = _image_name(spec, plan)
        if not _is_built(engine, spec, plan):
            self.build_image(spec, report, threading.Event())
        try:
            return self._start(engine, spec, plan, image, report)
        except Exception:
            self._clear(engine, settings.container_name(spec), settings.proxy_name(spec))
            engine.images.remove(settings.key_of(spec.run_dir))
            raise

    def _start(
        self, engine: Engine, spec: ServiceSpec, plan: BuildPlan, image: str, report: Report
    ) -> DockerHandle:
        name = settings.container_name(spec)
        proxy, predecessor = engine.proxies.ensure(spec, foundation_name(plan))
        engine.containers.remove(name)  # one that has ended, or was never started
        host = engine.api.create_host_config(**settings.host_settings(spec, plan, proxy))
        engine.api.create_container(
            **settings.service_container(spec, plan, image, predecessor, is_local=engine.address.is_local),
            host_config=host,
        )
        engine.containers.write(name, settings.RUNS, _run_files(spec))
        engine.api.start(name)
        report(f"started container {name}")
        return self._handle(engine, spec, proxy)

    def _running(self, engine: Engine, spec: ServiceSpec) -> DockerHandle | None:
        """The handle of a running container that can be reached."""
        seen = engine.containers.inspect(settings.container_name(spec))
        proxy = engine.proxies.of_container(seen)
        if seen is None or proxy is None or not seen["State"]["Running"]:
            return None
        reached = observation.port_of(engine.containers.inspect(proxy)) is not None
        return self._handle(engine, spec, proxy) if reached else None

    def _handle(self, engine: Engine, spec: ServiceSpec, proxy: str) -> DockerHandle:
        name, address = settings.container_name(spec), engine.address
        tls = settings.uses_tls(spec.config)
        return DockerHandle(name, proxy, spec.run_dir, address.host, address.context, tls)

    @engine_errors()
    def find(self, spec: ServiceSpec) -> DockerHandle | None:
        """Also what an interrupted launch has left, so that it can be stopped."""
        engine = Engine.current()
        running = self._running(engine, spec)
        if running is not None:
            return running
        seen, proxy = engine.containers.inspect(settings.container_name(spec)), settings.proxy_name(spec)
        if seen is not None and seen["State"]["Status"] == "created":
            return self._handle(engine, spec, engine.proxies.of_container(seen) or proxy)
        if engine.containers.inspect(proxy) is None or not engine.proxies.is_unused(proxy):
            return None
        return self._handle(engine, spec, proxy)

    def observe(self, handle: DockerHandle) -> Observation:
        try:
            with engine_errors():
                return self._observe(self._containers(handle), handle)
        except (TargetUnavailable, LaunchFailed) as error:
            return Observation(Phase.UNKNOWN, words=str(error))

    def _observe(self, containers: Containers, handle: DockerHandle) -> Observation:
        seen = containers.inspect(handle.container)
        if seen is None:
            return Observation(Phase.GONE, words="the container was removed")
        state = seen["State"]
        if state["Status"] == "created":
            return Observation(Phase.STARTING, words="starting the container")
        if not state["Running"] or state.get("Restarting"):
            return observation.ended(seen, self._report(containers, handle))
        port = observation.port_of(containers.inspect(handle.proxy))
        scheme = "https" if handle.tls else "http"
        url = f"{scheme}://{handle.address.machine}:{port}" if port else None
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
        path = f"{settings.run_folder(handle.run_dir)}/{run_report.REPORT}"
        return observation.record_of(containers.read(handle.container, path))

    @engine_errors()
    def stop(self, handle: DockerHandle, *, grace: float = 10.0) -> None:
        self.halt(handle, grace=grace)
        Engine.at(handle.address).images.remove(settings.key_of(handle.run_dir))

    @engine_errors()
    def halt(self, handle: DockerHandle, *, grace: float = 10.0) -> None:
        engine = Engine.at(handle.address)
        engine.containers.stop(handle.container, math.ceil(grace))
        self._clear(engine, handle.container, handle.proxy)

    def _containers(self, handle: DockerHandle) -> Containers:
        return Engine.at(handle.address).containers

    def _clear(self, engine: Engine, container: str, proxy: str) -> None:
        """Remove a container, and the proxy container if no other container uses it."""
        engine.containers.remove(container)
        if engine.proxies.is_unused(proxy):
            engine.proxies.remove(proxy)

    def logs(self, handle: DockerHandle, *, tail: int = 200, follow: bool = False) -> Iterator[str]:
        with engine_errors():
            yield from self._containers(handle).lines(handle.container, tail=tail, follow=follow)

    @engine_errors()
    def usage(self, handle: DockerHandle) -> Usage:
        return observation.usage(self._containers(handle).stats(handle.container))

    def limited_by(self, config: DeploymentConfig) -> str:
        return "Docker"

    @engine_errors()
    def traffic(self, handle: DockerHandle) -> Sequence[bytes]:
        containers = self._containers(handle)
        folder = settings.run_folder(handle.run_dir)
        found = [
            containers.read(handle.container, f"{folder}/{name}") for name in (recorder.OLD, recorder.NEW)
        ]
        return [content for content in found if content is not None]

    @engine_errors()
    def packages(self, handle: DockerHandle) -> Mapping[str, str]:
        from docker.errors import APIError

        try:
            code, answer, _ = self._containers(handle).run(handle.container, [PYTHON, "-c", LIST_PACKAGES])
        except APIError:  # it is gone, or has ended
            return {}
        return by_package_name(json.loads(answer)) if code == 0 else {}

    @engine_errors()
    def reload(self, handle: DockerHandle) -> Mapping[str, Any]:
        """Copy the script's folder into the container and reload it there."""
        containers = self._containers(handle)
        files = below(Path(handle.run_dir) / "app", "", honours_ignore=True)
        containers.write_context(handle.container, APP, Context(files))
        command = [PYTHON, "-c", _RELOAD.format(folder=settings.run_folder(handle.run_dir))]
        code, answer, errors = containers.run(handle.container, command)
        if code:
            last = errors.strip().splitlines()[-1:] or [f"exit code {code}"]
            raise LaunchFailed(self.name, f"the service did not reload its script: {last[0]}")
        return dict(json.loads(answer))

    @engine_errors()
    def deliver_keys(self, handle: DockerHandle, keys_file: str) -> None:
        containers = self._containers(handle)
        if containers.inspect(handle.container) is not None:
            files = {"keys.json": Path(keys_file).read_bytes()}
            containers.write(handle.container, settings.run_folder(handle.run_dir), files)


def _image_name(spec: ServiceSpec, plan: BuildPlan) -> str:
    return service_name(plan, spec.name, settings.labels_of(spec))


def _is_built(engine: Engine, spec: ServiceSpec, plan: BuildPlan) -> bool:
    """Whether its image exists, and the foundation, from which its proxy container is started."""
    return all(map(engine.images.has, (_image_name(spec, plan), foundation_name(plan))))


def _run_files(spec: ServiceSpec) -> dict[str, bytes]:
    """The files that the server finds in its run folder, with an empty report in place of an old one."""
    key = settings.key_of(spec.run_dir)
    files = {f"{key}/{run_report.LOCK}": b"", f"{key}/{run_report.REPORT}": b"{}"}
    if spec.keys_file is not None:
        files[f"{key}/keys.json"] = Path(spec.keys_file).read_bytes()
    if spec.config.ssl_cert_pem_file and spec.config.ssl_key_pem_file:
        files[f"{key}/certificate.pem"] = Path(spec.config.ssl_cert_pem_file).read_bytes()
        files[f"{key}/key.pem"] = Path(spec.config.ssl_key_pem_file).read_bytes()
    return files
