"""What mlmagic costs at a start, beside a bare interpreter: `python -m tests.benchmarks.starts`.

CPU time and wall time of processes that start in turn, the least of each. ``--against`` measures another
checkout in the same rounds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

from tests.benchmarks.deployment import PLAIN_SCRIPT

PYTHON = "python -c pass"
SHELL = "an IPython shell"
_SHELL = "from IPython.core.interactiveshell import InteractiveShell as Shell; shell = Shell.instance()"
_SERVING = "serving at "
COMMANDS = {
    PYTHON: ["-c", "pass"],
    "mlmagic --version": ["-m", "mlmagic", "--version"],
    "mlmagic service list": ["-m", "mlmagic", "service", "list"],
    "import mlmagic.engine.engine": ["-c", "import mlmagic.engine.engine"],
    "  of it: import sqlalchemy": ["-c", "import sqlalchemy"],
    SHELL: ["-c", _SHELL],
    "%load_ext mlmagic": ["-c", f"{_SHELL}; shell.run_line_magic('load_ext', 'mlmagic')"],
}
BESIDE = {"%load_ext mlmagic": SHELL}
"""What a start is compared with; else with the interpreter."""


class Cost(NamedTuple):
    """Of one process, in seconds."""

    cpu: float
    wall: float


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=11)
    options.add_argument("--against", type=Path, metavar="FOLDER", help="Another checkout.")
    given = options.parse_args()
    checkouts = {"": Path(__file__).parents[2], **({"before": given.against} if given.against else {})}
    taken: dict[tuple[str, str], list[Cost]] = {}
    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        for number in range(given.rounds + 1):
            for checkout, source in checkouts.items():
                for start, run in _starts(Path(name), checkout, source):
                    cost = run()
                    if number:  # the first round writes the bytecode, and creates the workspace
                        taken.setdefault((start, checkout), []).append(cost)
    _print(taken, list(checkouts))


def _starts(folder: Path, checkout: str, source: Path) -> Iterator[tuple[str, Callable[[], Cost]]]:
    script = folder / "score.py"
    script.write_text(PLAIN_SCRIPT)
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPATH": str(source),
        "PYTHONPYCACHEPREFIX": str(folder / f"bytecode-{checkout}"),
        "MLMAGIC_WORKSPACE": str(folder / f"workspace-{checkout}"),
        "XDG_DATA_HOME": str(folder / "data"),
    }
    for each in ("MLMAGIC_WORKSPACE", "XDG_DATA_HOME"):
        Path(environment[each]).mkdir(exist_ok=True)
    for start, arguments in COMMANDS.items():
        yield start, lambda arguments=arguments: _cost(arguments, environment)  # type: ignore[misc]
    serve = ["-m", "mlmagic", "serve", "--entry-script", str(script), "--port", "0"]
    yield "mlmagic serve, to the first answer", lambda: _cost(serve, environment, serves=True)


def _cost(arguments: list[str], environment: dict[str, str], *, serves: bool = False) -> Cost:
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=environment["XDG_DATA_HOME"],  # not a checkout: its folder would come before PYTHONPATH
        text=True,
    )
    assert process.stderr is not None
    with process.stderr as lines:
        if serves:
            url = next(line.partition(_SERVING)[2] for line in lines if _SERVING in line).strip()
            with urlopen(f"{url}/score", b'{"data": 1}', timeout=10) as answer:
                answer.read()
            took = time.perf_counter() - began
            process.kill()
        lines.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert serves or process.returncode == 0, arguments
    return Cost(used.ru_utime + used.ru_stime, took if serves else time.perf_counter() - began)


def _print(taken: dict[tuple[str, str], list[Cost]], checkouts: list[str]) -> None:
    def least(start: str, checkout: str, what: int) -> float:
        return min(cost[what] for cost in taken[start, checkout]) * 1000

    print(f"{'milliseconds':36}{'':10}{'CPU':>8}{'beside':>8}{'wall':>8}{'beside':>8}")
    for start in dict.fromkeys(start for start, _ in taken):
        for checkout in reversed(checkouts):
            line = f"{start:36}{checkout:10}"
            for what in range(len(Cost._fields)):
                own = least(start, checkout, what)
                line += f"{own:8.0f}{own - least(BESIDE.get(start, PYTHON), checkout, what):8.0f}"
            print(line)


if __name__ == "__main__":
    main()
