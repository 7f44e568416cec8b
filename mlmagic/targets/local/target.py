"""The target ``local``: each service is a detached process of this machine.

The state of a server is what it writes into the run folder of its revision, so any process can read it. The
server holds a lock there as long as it runs. The lock, unlike a pid, cannot be reused, and unlike a zombie it
does not look alive. See `mlmagic.scoring.report`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import mlmagic.scoring.recorder as recorder
import mlmagic.scoring.report as run_report
import mlmagic.targets.local.zygote as zygotes
from mlmagic.core import advice
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.log_lines import TimedLine
from mlmagic.core.usage import Usage
from mlmagic.core.webservice import Observation, Phase, ServiceSpec
from mlmagic.errors import Advice, LaunchFailed, TargetUnavailable, UsageError
from mlmagic.scoring.control import RELOAD, SCALE, send_command
from mlmagic.scoring.log_rotation import LOG
from mlmagic.targets.base import ComputeTarget, Report
from mlmagic.targets.capabilities import Capabilities
from mlmagic.targets.installed_packages import by_package_name, packages_of
from mlmagic.targets.local import process
from mlmagic.targets.local.command import HOST, server_arguments, server_environment
from mlmagic.targets.local.confinement import Affinity, Confinement, confine, confinement_called
from mlmagic.targets.local.log_files import lines_of
from mlmagic.targets.validation import check_allowed_hosts, check_certificate, check_port

LOG_PAUSE_SECONDS = 0.1
RELOAD_SECONDS = 600.0
"""A reload may run init() again, which may take long."""


@dataclass(frozen=True, slots=True)
class LocalHandle:
    """The run folder of one revision, and the process that was started for it."""

    run_dir: str
    pid: int
    confinement: str = ""
    """The name of the cgroups that limit CPU and memory, for a trial."""


class LocalTarget(ComputeTarget[LocalHandle]):
    """Runs each service as a process, which outlives the kernel that started it."""

    name: ClassVar[str] = "local"
    handle_type = LocalHandle
    capabilities: ClassVar[Capabilities] = Capabilities(
        runs_interpreter=True,
        measures=True,
        scales=True,
        idles=True,
        sums_replicas=True,
        routes=True,
        reloads=True,
        watches=True,
        records_traffic=True,
        lists_packages=True,
        times_logs=True,
        sizes_logs=True,
    )

    def runs_on_this_machine(self) -> bool:
        return True

    def check(self) -> None:
        if os.name != "posix":
            raise TargetUnavailable(
                self.name,
                "the target 'local' needs Linux or macOS",
                fix=Advice("Start Jupyter in WSL, or deploy with: {docker}", docker=advice.target("docker")),
            )

    def validate(self, config: DeploymentConfig, *, current_port: int | None = None) -> None:
        check_port(config, HOST, current_port)
        check_certificate(config)
        check_allowed_hosts(config)

    def launch(self, spec: ServiceSpec, report: Report) -> LocalHandle:
        running = self.find(spec)
        if running is not None:
            return running
        run_dir = Path(spec.run_dir)
        if run_report.read_report(run_dir) is not None:
            process.kill_started_by(spec.run_dir)  # by a server that was killed
        run_report.prepare(run_dir)
        if spec.trial:
            held = confine(spec.config.cpu, spec.config.memory_gb)
            pid = self._start(spec, held)
            report(f"started process {pid}, CPU and memory limited with {held.words}")
            return LocalHandle(spec.run_dir, pid, held.name)
        pid = self._fork(spec, report) or self._start(spec)
        report(f"started process {pid}")
        return LocalHandle(spec.run_dir, pid)

    def usage(self, handle: LocalHandle) -> Usage:
        held = confinement_called(handle.confinement) or Affinity(1, 1)
        return held.usage(handle.pid)

    def log_size(self, handle: LocalHandle) -> int:
        try:
            return (Path(handle.run_dir) / LOG).stat().st_size
        except OSError:
            return 0

    def limited_by(self, config: DeploymentConfig) -> str:
        held = confine(config.cpu, config.memory_gb)
        held.remove()
        return held.words

    def packages(self, handle: LocalHandle) -> Mapping[str, str]:
        seen = run_report.read_report(Path(handle.run_dir))
        if seen is None or seen.python is None:
            return {}
        try:
            return by_package_name(packages_of(seen.python))
        except UsageError:
            return {}

    def traffic(self, handle: LocalHandle) -> Sequence[bytes]:
        folders = run_report.replica_folders(handle.run_dir)
        files = [folder / name for name in (recorder.OLD, recorder.NEW) for folder in folders]
        return [file.read_bytes() for file in files if file.is_file()]

    def _fork(self, spec: ServiceSpec, report: Report) -> int | None:
        """Fork the server from this kernel's zygote, which is quick; None if that is not possible."""
        zygote = zygotes.current()
        if zygote is None:
            return None
        log = Path(spec.run_dir) / LOG
        try:
            return zygote.spawn(
                spec.python,
                server_arguments(spec),
                spec.modules,
                server_environment(spec),
                spec.app_dir,
                log,
            )
        except zygotes.Refused as refused:
            line = f"not forked from the zygote: {refused}"
            report(line)
            with log.open("a", encoding="utf-8") as file:
                file.write(f"mlmagic: {line}\n")
            return None

    def _start(self, spec: ServiceSpec, held: Confinement | None = None) -> int:
        """Start the server as a new process."""
        command = [spec.python, "-m", "mlmagic.scoring", *server_arguments(spec)]
        process.exit_code(spec.run_dir, wait=True)  # of the server before it, if that was a child
        try:
            with (Path(spec.run_dir) / LOG).open("ab") as log:
                child = subprocess.Popen(
                    held.command(command) if held else command,
                    cwd=spec.app_dir,
                    env=server_environment(spec),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C in the kernel's terminal does not reach it
                )
        except OSError as error:
            raise LaunchFailed(
                self.name, f"interpreter {spec.python!r} cannot be started: {error}"
            ) from error
        if held is not None:
            held.adopt(child.pid)
        process.keep_child(spec.run_dir, child)
        return child.pid

    def find(self, spec: ServiceSpec) -> LocalHandle | None:
        run_dir = Path(spec.run_dir)
        if not run_report.holder_alive(run_dir):
            return None
        seen = run_report.read_report(run_dir)
        return LocalHandle(spec.run_dir, seen.pid if seen else 0)

    def observe(self, handle: LocalHandle) -> Observation:
        run_dir = Path(handle.run_dir)
        # The report is read before the lock: it is written under the lock, so a report without a holder is
        # from a server that has ended. In the other order, a server may have started in between.
        seen = run_report.read_report(run_dir)
        if run_report.holder_alive(run_dir):
            if seen is not None and seen.phase == run_report.SERVING:
                return serving(seen)
            return Observation(Phase.STARTING, words="running init()")
        if not run_dir.is_dir():
            return Observation(Phase.GONE, words="the run folder was deleted")
        exit_code = process.exit_code(handle.run_dir, wait=seen is not None)
        if seen is None:
            may_start = (run_dir / run_report.LOCK).exists()
            if may_start and exit_code is None and process.is_alive(handle.pid):
                return Observation(Phase.STARTING, words="starting the process")
            seen = run_report.read_report(run_dir)
        if seen is not None and seen.error:
            return Observation(Phase.EXITED, words=str(seen.error.get("message", "")), error=seen.error)
        return Observation(Phase.EXITED, words=_out_of_memory(handle) or process.how_it_ended(exit_code))

    def stop(self, handle: LocalHandle, *, grace: float = 10.0) -> None:
        run_dir = Path(handle.run_dir)
        was_alive = run_report.holder_alive(run_dir)
        deadline = time.monotonic() + grace
        last_resort = deadline + process.WAIT_SECONDS
        # A server takes its lock a moment after it was started. `retire` fails while a server holds the lock;
        # after it has succeeded, no server can take the lock any more.
        while run_dir.is_dir() and not run_report.retire(run_dir):
            seen = run_report.read_report(run_dir)
            if seen is not None:
                if time.monotonic() >= deadline:
                    process.send_signal(seen.pid, signal.SIGKILL)
                elif seen.phase != run_report.STOPPED:
                    process.send_signal(seen.pid, signal.SIGTERM)
                process.wait_for_end(seen.pid, until=deadline)
            if time.monotonic() > last_resort:
                pid = seen.pid if seen else "?"
                raise LaunchFailed(self.name, f"process {pid} did not end, although it was sent SIGKILL")
            time.sleep(0.005)
        seen = run_report.read_report(run_dir)
        if seen is not None and was_alive:  # otherwise another process may have its pid by now
            process.kill_group(seen.pid)
        elif seen is None:  # it had not taken its lock yet, and ends when it cannot find it
            process.wait_for_end(handle.pid, until=time.monotonic() + process.WAIT_SECONDS)
        process.kill_started_by(handle.run_dir)
        process.forget_child(handle.run_dir)
        held = confinement_called(handle.confinement)
        if held is not None:
            held.remove()

    def logs(self, handle: LocalHandle, *, tail: int = 200, follow: bool = False) -> Iterator[str]:
        return (line.text for line in self.timed_logs(handle, tail=tail, follow=follow))

    def timed_logs(
        self, handle: LocalHandle, *, tail: int = 200, follow: bool = False
    ) -> Iterator[TimedLine]:
        def wait() -> bool:
            if self.observe(handle).ended:
                return False
            time.sleep(LOG_PAUSE_SECONDS)
            return True

        return lines_of(Path(handle.run_dir) / LOG, tail, wait if follow else None)

    def reload(self, handle: LocalHandle) -> Mapping[str, Any]:
        try:
            answer, _ = send_command(handle.run_dir, {"do": RELOAD}, timeout=RELOAD_SECONDS)
        except OSError as error:
            raise LaunchFailed(self.name, f"the service did not reload its script: {error}") from error
        return answer

    def scales_in_place(self, handle: LocalHandle) -> bool:
        """A server of one process stays one."""
        seen = run_report.read_report(Path(handle.run_dir))
        return seen is not None and seen.replicas is not None

    def scale(self, handle: LocalHandle, replicas: int) -> None:
        if self.scales_in_place(handle):
            with contextlib.suppress(OSError):  # it is gone, or is ending
                send_command(handle.run_dir, {"do": SCALE, "replicas": replicas})

    def watch(self, handle: LocalHandle) -> int | None:
        seen = run_report.read_report(Path(handle.run_dir))
        return process.descriptor_of(seen.pid if seen else handle.pid)


def serving(seen: run_report.Report) -> Observation:
    """What a server reports that serves, with one process or several."""
    if seen.replicas is None:
        return Observation(Phase.RUNNING, url=seen.url, ready=1, words=f"process {seen.pid}")
    ready = seen.ready or 0
    words = f"{ready} of {seen.replicas} replicas are ready"
    if seen.idle:
        words = "idle: the next request starts it"
    elif ready == seen.replicas:
        words = f"{ready} replica{'' if ready == 1 else 's'}"
    return Observation(Phase.RUNNING, url=seen.url, ready=ready, words=words, idle=bool(seen.idle))


def _out_of_memory(handle: LocalHandle) -> str:
    """What to say of a server that was killed at its memory limit; empty for any other."""
    held = confinement_called(handle.confinement)
    if held is None or not held.usage(handle.pid).memory_kills:
        return ""
    return "out of memory: the service needs more than its limit memory_gb"
