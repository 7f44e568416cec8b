"""``python -m mlmagic.scoring``: the command line of the scoring server.

Exit codes: 0 stopped by a signal; 2 a setting is wrong; 3 the script failed; 75 another process serves this
run directory; 98 the port is in use. A rehearsal ends with 0 or 1.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlmagic.scoring.cgroups import own_service_group, record_membership
from mlmagic.scoring.process_exit import leave
from mlmagic.scoring.process_title import show_service
from mlmagic.scoring.report import STARTING, Occupied, RunDirectory, prepare
from mlmagic.scoring.subreaper import fork_below_subreaper, record_subreaper

if TYPE_CHECKING:
    from mlmagic.scoring.http.address import Address, Security


def parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(
        "python -m mlmagic.scoring",
        description="Serve an entry script.",
        allow_abbrev=False,
        # Without a width argparse imports shutil, and with it all compressors.
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=100),
    )
    add = parser.add_argument
    add(
        "--entry-script",
        help="path of the entry script in the source directory (default: AZUREML_ENTRY_SCRIPT)",
    )
    add(
        "--source-directory",
        help="folder of the source files (default: AML_APP_ROOT, else that of the entry script)",
    )
    add("--model-dir", help="value of AZUREML_MODEL_DIR")
    add("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    add("--port", type=int, default=5001, help="port to listen on; 0 is any free port (default: 5001)")
    add("--prefer-port", type=int, default=0, help="with --port 0: the port to use if it is free")
    add("--take-over", metavar="RUN_DIR", help="take over the port of the server of this run directory")
    add("--join", metavar="RUN_DIR", help="share the port of the server of this run directory once it serves")
    add("--run-dir", help="run directory for the report; its lock file must exist")
    add("--create-run-dir", action="store_true", help="create the run directory and its lock file first")
    add("--grace", type=float, default=10.0, help="seconds to finish requests in after a stop signal")
    add("--keys-file", metavar="FILE", help="JSON with primary, secondary and token_secret")
    add("--no-auth", action="store_true", help="allow --host to be reached from elsewhere without keys")
    add(
        "--allowed-hosts",
        metavar="HOSTS",
        default="",
        help="host names, separated by commas, that a server on this machine accepts besides local ones; "
        "* is any (default: MLMAGIC_ALLOWED_HOSTS)",
    )
    add("--ssl-cert", metavar="FILE", help="certificate chain (PEM): serve with TLS")
    add("--ssl-key", metavar="FILE", help="private key of the certificate (PEM)")
    add("--batch", action="store_true", help="call run() once for concurrent requests (dynamic batching)")
    add(
        "--batch-wait",
        metavar="TIME",
        type=_milliseconds,
        help="with batching: let a request wait so long for others, such as 2ms (default: none waits)",
    )
    add(
        "--workers",
        type=int,
        metavar="COUNT",
        help="processes that share the requests (default: WORKER_COUNT, else 1)",
    )
    add(
        "--idle-timeout",
        type=float,
        metavar="SECONDS",
        help="end the processes after so long without a scoring request, and start them with the next",
    )
    add("--preload", metavar="MODULES", default="", help="modules that several processes are to share")
    add("--routes", metavar="FILE", help="forward requests to the versions that this file names (a router)")
    add("--live", action="store_true", help="with --run-dir: allow live reload of the script")
    add("--with-parent", type=int, metavar="PID", help="end when this parent process ends (Linux)")
    add("--rehearse", action="store_true", help="call run() once with standard input, without a server")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve or rehearse; the exit code."""
    options = parser().parse_args(arguments)
    if options.with_parent:
        end_with_parent(options.with_parent)
    show_service("router" if options.routes else "")
    if os.getpid() == 1:
        # In a container: the system does nothing of its own with a signal to the first process.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    directory = None
    if options.run_dir:
        if options.create_run_dir:
            prepare(options.run_dir)
        # First of all: a second server ends before it has imported anything heavy. What is started in a
        # container ends with the container. A trial ends with its parent, which a subreaper would be.
        group = own_service_group() if os.getpid() != 1 else ""
        subreaper = 0 if group or os.getpid() == 1 or options.with_parent else fork_below_subreaper()
        try:
            directory = RunDirectory.claim(options.run_dir)
        except Occupied:
            return 75
        directory.write(STARTING)
        record_membership(directory.path, group)
        record_subreaper(directory.path, subreaper)
    if options.routes:
        return _route(options, directory)
    if options.batch_wait is not None:
        from mlmagic.scoring.limits import BATCH_WAIT

        os.environ[BATCH_WAIT] = f"{options.batch_wait:g}"  # the other processes read it, too
    from mlmagic.scoring.environment import ScriptEnvironment

    _find_script(options)
    environment = ScriptEnvironment.of(options.entry_script, options.source_directory, options.model_dir)
    if options.rehearse:
        from mlmagic.scoring.rehearsal import rehearse

        return rehearse(environment)
    from mlmagic.scoring.server import serve
    from mlmagic.scoring.settings import WORKER_VARIABLES

    address, security = _address(options)
    channel = None
    named = any(os.environ.get(name) for name in WORKER_VARIABLES)
    if options.idle_timeout or options.workers not in (None, 1) or (options.workers is None and named):
        from mlmagic.scoring.workers.start import start_workers

        modules = [name for name in options.preload.split(",") if name]
        started = start_workers(
            address, directory, options.workers, options.idle_timeout, modules, tls=bool(options.ssl_cert)
        )
        if isinstance(started, int):
            return started
        channel = started
    return serve(
        environment, address, directory, security, batch=options.batch, live=options.live, channel=channel
    )


def _milliseconds(text: str) -> float:
    """``2ms``, ``500us``, or a number of milliseconds."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(us|ms|s)?", text.strip())
    if found is None or not float(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no time above 0, such as 2ms")
    return float(found[1]) * {"us": 0.001, "s": 1000.0}.get(found[2] or "", 1.0)


def _route(options: argparse.Namespace, directory: RunDirectory | None) -> int:
    """Be the router of an endpoint; the exit code."""
    from mlmagic.scoring.router.start import route

    address, security = _address(options)
    return route(Path(options.routes), address, directory, security)


def _address(options: argparse.Namespace) -> tuple[Address, Security]:
    from mlmagic.scoring.http.address import Address, Security

    return (
        Address(
            options.host, options.port, options.prefer_port, options.take_over, options.join, options.grace
        ),
        Security(
            options.keys_file, options.ssl_cert, options.ssl_key, options.allowed_hosts, options.no_auth
        ),
    )


def _find_script(options: argparse.Namespace) -> None:
    """Complete the options of a server that is started by hand from variables or from a settings file."""
    root = os.environ.get("AML_APP_ROOT", "").strip() or None
    if options.entry_script is None:
        from mlmagic.scoring.settings import InvalidSetting
        from mlmagic.scoring.settings_file import script_of

        try:
            found = script_of(os.environ, Path(root or "."))
        except InvalidSetting as error:
            parser().error(str(error))
        if found is None:
            parser().error("no entry script. Name it with --entry-script or AZUREML_ENTRY_SCRIPT")
        options.entry_script, root = found
    elif options.source_directory is None and root:
        options.entry_script = os.path.abspath(options.entry_script)
    options.source_directory = options.source_directory or root


def end_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent thread ends; on Linux only."""
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it has ended already
        sys.exit(0)


if __name__ == "__main__":
    leave(main())
