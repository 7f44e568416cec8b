"""The target ``docker``: each revision of a service is a container, behind a port that outlives it.

A service's port belongs to its proxy container, which runs nothing else and forwards nothing. The containers
of the revisions join its network, share its volume, and hand the listening socket over from one to the next.
So an update keeps the port and loses no request.

The router of an endpoint is such a container, too. It calls its versions at the addresses of their proxy
containers (`routes`), and reaches the versions in its own engine only.

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
from mlmagic.core.log_lines import TimedLine
from mlmagic.core.usage import Usage
from mlmagic.core.webservice import Observation, Phase, ServiceSpec
from mlmagic.errors import LaunchFailed, TargetUnavailable
from mlmagic.scoring.control import joined_answer
from mlmagic.targets.base import ComputeTarget, Report
from mlmagic.targets.capabilities import Capabilities
from mlmagic.targets.docker import connection, observation, settings
from mlmagic.targets.docker.connection import Address
from mlmagic.targets.docker.container import Containers, Inspected
from mlmagic.targets.docker.engine import Engine, engine_errors
from mlmagic.targets.docker.image import foundation_name, service_name
from mlmagic.targets.docker.replicas import replica_name, run_folder
from mlmagic.targets.docker.routes import routes_inside
from mlmagic.targets.images.build_plan import BuildPlan, build_plan
from mlmagic.targets.images.context import Context, below
from mlmagic.targets.images.dockerfile import APP, PYTHON
from mlmagic.targets.installed_packages import LIST_PACKAGES, by_package_name
from mlmagic.targets.revision_labels import key_of, labels_of
from mlmagic.targets.validation import check_allowed_hosts, check_certificate, check_port

_UP = "up"
"""The file in a run folder that says that all replicas have served at once."""
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
    idles: bool = False
    """Whether it has an idle timeout."""

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
        scales=True,
        idles=True,
        reloads=True,
        delivers_keys=True,
        routes=True,
        delivers_routes=True,
        records_traffic=True,
        lists_packages=True,
        times_logs=True,
    )

    def __init__(self) -> None:
        self._serving: set[tuple[str, str]] = set()
        """Containers seen serving, with their start times: their reports need not be read again."""
        self._up: set[DockerHandle] = set()
        """Launches of which all replicas were seen serving at once."""

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
        start = plan.start(labels=labels_of(spec))
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
            engine.images.remove(key_of(spec.run_dir))
            raise

    def _start(
        self, engine: Engine, spec: ServiceSpec, plan: BuildPlan, image: str, report: Report
    ) -> DockerHandle:
        name = settings.container_name(spec)
        proxy, predecessor = engine.proxies.ensure(spec, foundation_name(plan))
        engine.replicas.stop(engine.replicas.of(name, spec.run_dir).values(), 0)  # they have ended
        engine.containers.remove(name)  # it was never started
        host = engine.api.create_host_config(**settings.host_settings(spec, plan, proxy))
        engine.api.create_container(
            **settings.service_container(spec, plan, image, predecessor, is_local=engine.address.is_local),
            host_config=host,
        )
        routes = _routes_inside(engine, _text_of(spec.routes_file)) if spec.routes_file is not None else None
        engine.containers.write(name, settings.RUNS, _run_files(spec, routes))
        engine.api.start(name)
        report(f"started container {name}")
        if spec.config.replicas > 1:
            engine.replicas.ensure(name, spec.run_dir, spec.config.replicas)
            report(f"started {spec.config.replicas - 1} more replicas")
        return self._handle(engine, spec, proxy)

    def _running(self, engine: Engine, spec: ServiceSpec) -> DockerHandle | None:
        """The handle of a running container that can be reached."""
        present = engine.replicas.of(settings.container_name(spec), spec.run_dir).values()
        seen = next((each for each in present if each["State"]["Running"]), None)
        proxy = engine.proxies.of_container(seen)
        if seen is None or proxy is None:
            return None
        reached = observation.port_of(engine.containers.inspect(proxy)) is not None
        return self._handle(engine, spec, proxy) if reached else None

    def _handle(self, engine: Engine, spec: ServiceSpec, proxy: str) -> DockerHandle:
        name, address = settings.container_name(spec), engine.address
        tls = settings.uses_tls(spec.config)
        idles = spec.config.idle_timeout_seconds is not None
        return DockerHandle(name, proxy, spec.run_dir, address.host, address.context, tls, idles)

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
                return self._observe(Engine.at(handle.address), handle)
        except (TargetUnavailable, LaunchFailed) as error:
            return Observation(Phase.UNKNOWN, words=str(error))

    def _observe(self, engine: Engine, handle: DockerHandle) -> Observation:
        replicas = engine.replicas.of(handle.container, handle.run_dir)
        if not replicas:
            return Observation(Phase.GONE, words="the container was removed")
        if all(seen["State"]["Status"] == "created" for seen in replicas.values()):
            return Observation(Phase.STARTING, words="starting the container")
        running = {number: seen for number, seen in replicas.items() if observation.runs(seen)}
        failed = next((number for number, seen in replicas.items() if observation.has_ended(seen)), None)
        serving = [n for n, seen in running.items() if self._serves(engine.containers, handle, n, seen)]
        was_up = self._was_up(engine.containers, handle, all_serve=len(serving) == len(replicas))
        if failed is not None and not (running and was_up):
            return observation.ended(replicas[failed], self._report(engine.containers, handle, failed))
        port = observation.port_of(engine.containers.inspect(handle.proxy))
        scheme = "https" if handle.tls else "http"
        url = f"{scheme}://{handle.address.machine}:{port}" if port else None
        idle = handle.idles and all(
            self._report(engine.containers, handle, number).get("idle") for number in running
        )
        return observation.running(replicas, serving, url=url, was_up=was_up, idle=idle)

    def _was_up(self, containers: Containers, handle: DockerHandle, *, all_serve: bool) -> bool:
        """Whether all replicas have served at once. A file tells it to other processes."""
        if handle in self._up:
            return True
        folder = settings.run_folder(handle.run_dir)
        was_up = containers.read(handle.container, f"{folder}/{_UP}") is not None
        if all_serve and not was_up:
            containers.write(handle.container, folder, {_UP: b""})
        if all_serve or was_up:
            self._up.add(handle)
        return all_serve or was_up

    def _serves(self, containers: Containers, handle: DockerHandle, number: int, seen: Inspected) -> bool:
        start = (str(seen["Id"]), str(seen["State"]["StartedAt"]))
        if start in self._serving:
            return True
        if self._report(containers, handle, number).get("phase") != run_report.SERVING:
            return False
        self._serving.add(start)
        return True

    def _report(self, containers: Containers, handle: DockerHandle, number: int) -> Mapping[str, Any]:
        path = f"{run_folder(handle.run_dir, number)}/{run_report.REPORT}"
        return observation.record_of(containers.read(replica_name(handle.container, number), path))

    @engine_errors()
    def scale(self, handle: DockerHandle, replicas: int) -> None:
        Engine.at(handle.address).replicas.ensure(handle.container, handle.run_dir, replicas)

    @engine_errors()
    def stop(self, handle: DockerHandle, *, grace: float = 10.0) -> None:
        self.halt(handle, grace=grace)
        Engine.at(handle.address).images.remove(key_of(handle.run_dir))

    @engine_errors()
    def halt(self, handle: DockerHandle, *, grace: float = 10.0) -> None:
        engine = Engine.at(handle.address)
        replicas = engine.replicas.of(handle.container, handle.run_dir)
        engine.replicas.stop(replicas.values(), math.ceil(grace))
        self._clear(engine, handle.container, handle.proxy)

    def _clear(self, engine: Engine, container: str, proxy: str) -> None:
        """Remove a container, and the proxy container if no other container uses it."""
        engine.containers.remove(container)
        if engine.proxies.is_unused(proxy):
            engine.proxies.remove(proxy)

    def logs(self, handle: DockerHandle, *, tail: int = 200, follow: bool = False) -> Iterator[str]:
        return (line.text for line in self.timed_logs(handle, tail=tail, follow=follow))

    def timed_logs(
        self, handle: DockerHandle, *, tail: int = 200, follow: bool = False
    ) -> Iterator[TimedLine]:
        with engine_errors():
            replicas = self._engine(handle).replicas.of(handle.container, handle.run_dir)
            yield from self._engine(handle).replicas.lines(replicas, tail=tail, follow=follow)

    @engine_errors()
    def usage(self, handle: DockerHandle) -> Usage:
        """The sum over all replicas."""
        engine = self._engine(handle)
        replicas = engine.replicas.of(handle.container, handle.run_dir).values()
        return observation.usage_of_all([engine.containers.stats(seen["Id"]) for seen in replicas])

    def limited_by(self, config: DeploymentConfig) -> str:
        return "Docker"

    @engine_errors()
    def traffic(self, handle: DockerHandle) -> Sequence[bytes]:
        containers = self._engine(handle).containers
        found = [
            containers.read(replica_name(handle.container, number), f"{folder}/{name}")
            for name in (recorder.OLD, recorder.NEW)
            for number, folder in self._run_folders(handle).items()
        ]
        return [content for content in found if content is not None]

    @engine_errors()
    def packages(self, handle: DockerHandle) -> Mapping[str, str]:
        from docker.errors import APIError

        try:
            code, answer, _ = self._engine(handle).containers.run(
                handle.container, [PYTHON, "-c", LIST_PACKAGES]
            )
        except APIError:  # it is gone, or has ended
            return {}
        return by_package_name(json.loads(answer)) if code == 0 else {}

    @engine_errors()
    def reload(self, handle: DockerHandle) -> Mapping[str, Any]:
        """Copy the script's folder into each container and reload it there."""
        files = Context(below(Path(handle.run_dir) / "app", "", honours_ignore=True))
        return joined_answer(
            [
                self._reload(handle, replica_name(handle.container, number), folder, files)
                for number, folder in self._run_folders(handle).items()
            ]
        )

    def _reload(self, handle: DockerHandle, container: str, folder: str, files: Context) -> Mapping[str, Any]:
        containers = self._engine(handle).containers
        containers.write_context(container, APP, files)
        code, answer, errors = containers.run(container, [PYTHON, "-c", _RELOAD.format(folder=folder)])
        if code:
            last = errors.strip().splitlines()[-1:] or [f"exit code {code}"]
            raise LaunchFailed(self.name, f"the service did not reload its script: {last[0]}")
        return dict(json.loads(answer))

    @engine_errors()
    def deliver_keys(self, handle: DockerHandle, keys_file: str) -> None:
        self._write_to_all(handle, {settings.KEYS: Path(keys_file).read_bytes()})

    @engine_errors()
    def routes_at(self, handle: DockerHandle, routes: str) -> str:
        return _routes_inside(self._engine(handle), routes)

    @engine_errors()
    def deliver_routes(self, handle: DockerHandle, routes_file: str) -> None:
        routes = _routes_inside(self._engine(handle), _text_of(routes_file))
        self._write_to_all(handle, {settings.ROUTES: routes.encode()})

    def network_of(self, handle: DockerHandle | None) -> str:
        """The address of its engine."""
        return (connection.current() if handle is None else handle.address).host

    def _write_to_all(self, handle: DockerHandle, files: Mapping[str, bytes]) -> None:
        """Write files into the run folder of each replica."""
        for number, folder in self._run_folders(handle).items():
            self._engine(handle).containers.write(replica_name(handle.container, number), folder, files)

    def _engine(self, handle: DockerHandle) -> Engine:
        return Engine.at(handle.address)

    def _run_folders(self, handle: DockerHandle) -> dict[int, str]:
        """The run folder of each replica, inside the containers."""
        present = self._engine(handle).replicas.of(handle.container, handle.run_dir)
        return {number: run_folder(handle.run_dir, number) for number in present}


def _image_name(spec: ServiceSpec, plan: BuildPlan) -> str:
    return service_name(plan, spec.name, labels_of(spec))


def _is_built(engine: Engine, spec: ServiceSpec, plan: BuildPlan) -> bool:
    """Whether its image exists, and the foundation, from which its proxy container is started."""
    return all(map(engine.images.has, (_image_name(spec, plan), foundation_name(plan))))


def _text_of(file: str) -> str:
    return Path(file).read_text(encoding="utf-8")


def _routes_inside(engine: Engine, routes: str) -> str:
    return routes_inside(routes, engine.address.machine, engine.proxies.addresses())


def _run_files(spec: ServiceSpec, routes: str | None) -> dict[str, bytes]:
    """The files that the server finds in its run folder, with an empty report in place of an old one.

    ``routes`` are those of a router.
    """
    key = key_of(spec.run_dir)
    files = {f"{key}/{run_report.LOCK}": b"", f"{key}/{run_report.REPORT}": b"{}"}
    if spec.keys_file is not None:
        files[f"{key}/{settings.KEYS}"] = Path(spec.keys_file).read_bytes()
    if routes is not None:
        files[f"{key}/{settings.ROUTES}"] = routes.encode()
    if spec.config.ssl_cert_pem_file and spec.config.ssl_key_pem_file:
        files[f"{key}/certificate.pem"] = Path(spec.config.ssl_cert_pem_file).read_bytes()
        files[f"{key}/key.pem"] = Path(spec.config.ssl_key_pem_file).read_bytes()
    return files
