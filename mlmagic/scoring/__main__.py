"""``python -m mlmagic.scoring``: the command line of the scoring server.

Exit codes: 0 drained; 2 a setting is wrong; 3 the script failed; 75 another process serves this run
directory; 98 the port is taken. A rehearsal ends with 0 or 1.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from mlmagic.scoring.report import STARTING, Occupied, RunDirectory


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(
        "python -m mlmagic.scoring",
        description="Serve an entry script.",
        allow_abbrev=False,
        # Asking the terminal for its width would import shutil and all its compressors.
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=100),
    )
    made.add_argument("--entry-script", required=True, help="relative to the source directory")
    made.add_argument("--source-directory", help="default: the folder of the entry script")
    made.add_argument("--model-dir", help="what AZUREML_MODEL_DIR is to be")
    made.add_argument("--host", default="127.0.0.1")
    made.add_argument("--port", type=int, default=5001, help="0: any free port")
    made.add_argument("--prefer-port", type=int, default=0, help="with --port 0: this one if it is free")
    made.add_argument("--take-over", metavar="RUN_DIR", help="of the server whose port is to be taken over")
    made.add_argument("--run-dir", help="where to report; its lock must be there")
    made.add_argument(
        "--grace", type=float, default=10.0, help="seconds to finish requests in when told to stop"
    )
    made.add_argument("--keys-file", metavar="FILE", help="JSON with primary, secondary and token_secret")
    made.add_argument("--ssl-cert", metavar="FILE", help="certificate chain (PEM): speak TLS")
    made.add_argument("--ssl-key", metavar="FILE", help="the key of that certificate (PEM)")
    made.add_argument("--batch", action="store_true", help="call run() once for all that has arrived")
    made.add_argument("--live", action="store_true", help="with --run-dir: the script may be reloaded")
    made.add_argument("--with-parent", type=int, metavar="PID", help="end when this parent does (Linux)")
    made.add_argument("--rehearse", action="store_true", help="no server: run() once with what stdin holds")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve or rehearse; the exit code."""
    options = parser().parse_args(arguments)
    if options.with_parent:
        end_with(options.with_parent)
    if os.getpid() == 1:
        # In a container: the system does nothing of its own with a signal to the first process.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    directory = None
    if options.run_dir:
        # First of all: whoever comes second leaves before it has imported anything heavy.
        try:
            directory = RunDirectory.claim(options.run_dir)
        except Occupied:
            return 75
        directory.say(STARTING)
    from mlmagic.scoring.surroundings import Surroundings

    place = Surroundings.of(options.entry_script, options.source_directory, options.model_dir)
    if options.rehearse:
        from mlmagic.scoring.rehearsal import rehearse

        return rehearse(place)
    from mlmagic.scoring.server import Address, Guard, serve

    address = Address(options.host, options.port, options.prefer_port, options.take_over, options.grace)
    guard = Guard(options.keys_file, options.ssl_cert, options.ssl_key)
    return serve(place, address, directory, guard, batch=options.batch, live=options.live)


def end_with(parent: int) -> None:
    """Have the kernel end this process when the thread that started it ends; elsewhere nothing happens."""
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it has ended already
        sys.exit(0)


def leave(code: int, patience: float = 2.0) -> NoReturn:
    """Exit with ``code``, even if the script has left threads behind that do not end."""
    watch = threading.Timer(patience, os._exit, [code])
    watch.daemon = True
    watch.start()
    sys.exit(code)


if __name__ == "__main__":
    leave(main())
