"""The target on this machine: a detached process in the notebook's own interpreter.

Each revision has its folder (``run_dir``); what the server writes there is all there is to know, so nothing
depends on who started it. A lock that the server holds for life says whether it lives: a pid may be used
again, a zombie looks alive, a lock does neither. See `mlmagic.scoring.report`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import mlmagic.scoring.recorder as recorder
import mlmagic.scoring.report as run_report
import mlmagic.targets.zygote as zygotes
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.usage import Usage
from mlmagic.core.webservice import Observation, Phase, ServiceSpec
from mlmagic.errors import LaunchFailed, TargetUnavailable, UsageError
from mlmagic.scoring.control import RELOAD, send_command
from mlmagic.targets.base import ComputeTarget, Report
from mlmagic.targets.checkout import python_path
from mlmagic.targets.checks import check_certificate, check_port
from mlmagic.targets.confinement import Affinity, Confinement, confine, confinement_called
from mlmagic.targets.packages import by_package_name, packages_of
from mlmagic.targets.server_start import server_variables

LOG_FILE = "log.txt"
LOG_LINE_BYTES = 4096
"""Of a long log no more than this much for each line asked for is read."""
HOST = "127.0.0.1"
# Of the kernel's own environment, what would mislead a server: its inline plots and its connection.
_NOT_INHERITED = frozenset(
    [
        "MPLBACKEND",
        "IPY_INTERRUPT_EVENT",
        "JPY_INTERRUPT_EVENT",
        "JPY_PARENT_PID",
        "JPY_SESSION_NAME",
        "PYDEVD_USE_FRAME_EVAL",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "FORCE_COLOR",
        "PAGER",
        "GIT_PAGER",
        "AZUREML_MODEL_DIR",
    ]
)
# What an interpreter with an environment of its own must not take for its own.
_OF_OTHER_PYTHONS = ("PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV")
_KILL_WAIT_SECONDS = 5.0
RELOAD_SECONDS = 600.0
"""init() may run again, and take as long as it takes."""


@dataclass(frozen=True, slots=True)
class LocalHandle:
    """The folder of one revision, and the process that was started for it."""

    run_dir: str
    pid: int
    confinement: str = ""
    """The control groups that hold it to its size, for a trial."""


# Servers started by this process, so that their exit codes can be read and no zombie is kept.
_children: dict[str, subprocess.Popen[bytes]] = {}


class LocalTarget(ComputeTarget[LocalHandle]):
    """Runs each service as a process of its own, which outlives whoever started it."""

    name: ClassVar[str] = "local"
    handle_type = LocalHandle
    on_this_machine: ClassVar[bool] = True
    runs_interpreter: ClassVar[bool] = True

    def check(self) -> None:
        if os.name != "posix":
            raise TargetUnavailable(
                self.name, "the local target needs Linux or macOS", fix="Use WSL, or another target."
            )

    def validate(self, config: DeploymentConfig, *, current_port: int | None = None) -> None:
        check_port(config, HOST, current_port)
        check_certificate(config)

    def launch(self, spec: ServiceSpec, report: Report) -> LocalHandle:
        running = self.find(spec)
        if running is not None:
            return running
        run_dir = Path(spec.run_dir)
        run_report.prepare(run_dir)
        if spec.trial:
            held = confine(spec.config.cpu, spec.config.memory_gb)
            pid = self._start(spec, held)
            report(f"started process {pid}, held to its size by {held.words}")
            return LocalHandle(spec.run_dir, pid, held.name)
        pid = self._fork(spec, report) or self._start(spec)
        report(f"started process {pid}")
        return LocalHandle(spec.run_dir, pid)

    def usage(self, handle: LocalHandle) -> Usage:
        """See `mlmagic.targets.base.Measures`."""
        held = confinement_called(handle.confinement) or Affinity(1, 1)
        return held.usage(handle.pid)

    def log_size(self, handle: LocalHandle) -> int:
        """See `mlmagic.targets.base.SizesLogs`."""
        try:
            return (Path(handle.run_dir) / LOG_FILE).stat().st_size
        except OSError:
            return 0

    def holds_by(self, config: DeploymentConfig) -> str:
        """See `mlmagic.targets.base.Measures`."""
        held = confine(config.cpu, config.memory_gb)
        held.remove()
        return held.words

    def packages(self, handle: LocalHandle) -> Mapping[str, str]:
        """See `mlmagic.targets.base.TellsPackages`."""
        import psutil

        seen = run_report.read_report(Path(handle.run_dir))
        try:
            python = psutil.Process(seen.pid if seen else handle.pid).cmdline()[0]
            return by_package_name(packages_of(python))
        except (psutil.Error, IndexError, UsageError):
            return {}

    def traffic(self, handle: LocalHandle) -> Sequence[bytes]:
        """See `mlmagic.targets.base.KeepsTraffic`."""
        files = [Path(handle.run_dir) / name for name in (recorder.OLD, recorder.NEW)]
        return [file.read_bytes() for file in files if file.is_file()]

    def _fork(self, spec: ServiceSpec, report: Report) -> int | None:
        """The quick way: a fork of this kernel's zygote; None where that is not to be."""
        zygote = zygotes.current()
        if zygote is None:
            return None
        log = Path(spec.run_dir) / LOG_FILE
        try:
            return zygote.spawn(
                spec.python, _arguments(spec), spec.modules, _environment(spec), spec.app_dir, log
            )
        except zygotes.Refused as refused:
            line = f"not forked from the zygote: {refused}"
            report(line)
            with log.open("a", encoding="utf-8") as file:
                file.write(f"mlmagic: {line}\n")
            return None

    def _start(self, spec: ServiceSpec, held: Confinement | None = None) -> int:
        """The ordinary way: a new process."""
        command = [spec.python, "-m", "mlmagic.scoring", *_arguments(spec)]
        _reap(spec.run_dir, wait=True)  # the one before it, if it was ours
        try:
            with (Path(spec.run_dir) / LOG_FILE).open("ab") as log:
                child = subprocess.Popen(
                    held.command(command) if held else command,
                    cwd=spec.app_dir,
                    env=_environment(spec),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C in the kernel's terminal is not for it
                )
        except OSError as error:
            raise LaunchFailed(self.name, f"cannot start {spec.python}: {error}") from error
        if held is not None:
            held.adopt(child.pid)
        _children[spec.run_dir] = child
        return child.pid

    def find(self, spec: ServiceSpec) -> LocalHandle | None:
        run_dir = Path(spec.run_dir)
        if not run_report.holder_alive(run_dir):
            return None
        seen = run_report.read_report(run_dir)
        return LocalHandle(spec.run_dir, seen.pid if seen else 0)

    def observe(self, handle: LocalHandle) -> Observation:
        run_dir = Path(handle.run_dir)
        # In this order: what is written is written under the lock, so a report without a holder is the
        # report of one that has ended. (The other way round, it may be of one that began in between.)
        seen = run_report.read_report(run_dir)
        if run_report.holder_alive(run_dir):
            if seen is not None and seen.phase == "serving":
                return Observation(Phase.RUNNING, url=seen.url, ready=1, words=f"process {seen.pid}")
            return Observation(Phase.STARTING, words="running init()")
        if not run_dir.is_dir():
            return Observation(Phase.GONE, words="its folder is gone")
        exit_code = _reap(handle.run_dir, wait=seen is not None)
        if seen is None:
            may_start = (run_dir / run_report.LOCK).exists()
            if may_start and exit_code is None and _pid_alive(handle.pid):
                return Observation(Phase.STARTING, words="starting")
            seen = run_report.read_report(run_dir)
        if seen is not None and seen.error:
            return Observation(Phase.EXITED, words=str(seen.error.get("message", "")), error=seen.error)
        return Observation(Phase.EXITED, words=self._want_of_memory(handle) or _how_it_ended(exit_code))

    def _want_of_memory(self, handle: LocalHandle) -> str:
        held = confinement_called(handle.confinement)
        if held is None or not held.usage(handle.pid).memory_kills:
            return ""
        return "it was ended for want of memory: its limit (memory_gb) is too small"

    def stop(self, handle: LocalHandle, *, grace: float = 10.0) -> None:
        run_dir = Path(handle.run_dir)
        was_alive = run_report.holder_alive(run_dir)
        deadline = time.monotonic() + grace
        last_resort = deadline + _KILL_WAIT_SECONDS
        # Between a server's start and its lock lies an instant: `retire` fails while somebody holds the
        # lock, and afterwards nobody can take it any more.
        while run_dir.is_dir() and not run_report.retire(run_dir):
            seen = run_report.read_report(run_dir)
            if seen is not None and seen.phase != "stopped":
                _signal(seen.pid, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
                _wait_for_end(seen.pid, until=min(deadline, last_resort))
            if time.monotonic() > last_resort:
                raise LaunchFailed(self.name, f"process {seen.pid if seen else '?'} cannot be ended")
            time.sleep(0.005)
        seen = run_report.read_report(run_dir)
        if seen is not None and was_alive:  # else its pid may be somebody else's by now
            _end_group(seen.pid)
        elif seen is None:  # it had not got as far as the lock, and ends when it does not find it
            _wait_for_end(handle.pid, until=time.monotonic() + _KILL_WAIT_SECONDS)
        if _reap(handle.run_dir, wait=True) is not None:
            _children.pop(handle.run_dir, None)
        held = confinement_called(handle.confinement)
        if held is not None:
            held.remove()

    def logs(self, handle: LocalHandle, *, tail: int = 200, follow: bool = False) -> Iterator[str]:
        path = Path(handle.run_dir) / LOG_FILE
        try:
            with path.open(encoding="utf-8", errors="replace") as log:
                log.seek(max(0, path.stat().st_size - tail * LOG_LINE_BYTES))
                yield from (line.rstrip("\n") for line in deque(log, maxlen=max(tail, 0)))
                while follow and path.exists():
                    line = log.readline()
                    if line:
                        yield line.rstrip("\n")
                    elif self.observe(handle).ended:
                        return
                    else:
                        time.sleep(0.1)
        except FileNotFoundError:
            return

    def reload(self, handle: LocalHandle) -> Mapping[str, Any]:
        """See `mlmagic.targets.base.Reloads`."""
        try:
            answer, _ = send_command(handle.run_dir, {"do": RELOAD}, timeout=RELOAD_SECONDS)
        except OSError as error:
            raise LaunchFailed(self.name, f"the service does not take on its script: {error}") from error
        return answer

    def watch(self, handle: LocalHandle) -> int | None:
        """A pidfd of the server: readable when it ends. See `mlmagic.targets.base.Watchable`."""
        seen = run_report.read_report(Path(handle.run_dir))
        pid = seen.pid if seen else handle.pid
        if pid <= 0 or not hasattr(os, "pidfd_open"):
            return None
        try:
            return os.pidfd_open(pid)
        except OSError:
            return None


def _arguments(spec: ServiceSpec) -> list[str]:
    arguments = ["--entry-script", spec.entry_script, "--source-directory", spec.app_dir]
    arguments += ["--run-dir", spec.run_dir, "--host", HOST, "--port", str(spec.config.port or 0)]
    if spec.model_dir is not None:
        arguments += ["--model-dir", spec.model_dir]
    if spec.config.port is None and spec.preferred_port is not None:
        arguments += ["--prefer-port", str(spec.preferred_port)]
    if spec.config.batch:
        arguments += ["--batch"]
    if spec.keys_file is not None:
        arguments += ["--keys-file", spec.keys_file]
    if spec.config.ssl_cert_pem_file and spec.config.ssl_key_pem_file:
        arguments += ["--ssl-cert", spec.config.ssl_cert_pem_file, "--ssl-key", spec.config.ssl_key_pem_file]
    if spec.config.live:
        arguments += ["--live"]
    if spec.trial:
        arguments += ["--with-parent", str(os.getpid())]
    if spec.predecessor is not None:
        arguments += ["--take-over", spec.predecessor]
    return arguments


def _environment(spec: ServiceSpec) -> dict[str, str]:
    environment = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
    environment |= {
        "MLMAGIC_DEVELOPMENT": "1",
        "MLMAGIC_BELLS": spec.bells_dir,
        "PYTHONPATH": spec.server_path or python_path(),
    }
    if spec.server_path is not None:
        for name in _OF_OTHER_PYTHONS:
            environment.pop(name, None)
    return {**environment, **server_variables(spec)}


def _reap(run_dir: str, *, wait: bool = False) -> int | None:
    """The exit code of our own child, if it has one; 0 or more for an exit, below for a signal.

    ``wait`` where it is known to be ending: its lock is free a little before its exit code is there.
    """
    child = _children.get(run_dir)
    if child is None:
        return None
    if wait:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=_KILL_WAIT_SECONDS)
    return child.poll()


def _how_it_ended(exit_code: int | None) -> str:
    if exit_code is None:
        return "it was killed (it left no word of its end)"
    if exit_code < 0:
        name = signal.Signals(-exit_code).name
        lacks_memory = "; the system may have run out of memory" if name == "SIGKILL" else ""
        return f"it was ended by signal {name}{lacks_memory}"
    return f"it exited with code {exit_code}"


def _pid_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _end_group(pid: int) -> None:
    """End what the server itself had started: it led a process group of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _wait_for_end(pid: int, *, until: float) -> None:
    left = max(0.0, until - time.monotonic())
    if not hasattr(os, "pidfd_open"):
        time.sleep(min(left, 0.05))
        return
    import select

    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        select.select([descriptor], [], [], min(left, 30.0))
    finally:
        os.close(descriptor)
