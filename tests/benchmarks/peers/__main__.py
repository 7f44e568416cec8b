"""mlmagic beside its peers, interleaved: `bash tests/benchmarks/peers.sh [--quick] [--model ridge ...]`.

Writes tables, figures and a picture for each model to tests/benchmarks/results/ (a quick run: to
tests/artifacts/peers/), in place of those of the models that it measured.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.peers import models
from tests.benchmarks.peers.body import measure_body
from tests.benchmarks.peers.environments import other_scikit_learn
from tests.benchmarks.peers.figures import Results
from tests.benchmarks.peers.process import stay_on_client_core
from tests.benchmarks.peers.report import write
from tests.benchmarks.peers.rounds import Plan, Stand, measure_all
from tests.benchmarks.peers.servers import SERVERS, beside

RESULTS = Path(__file__).parents[1] / "results"
PASSING = Path(__file__).parents[2] / "artifacts" / "peers"
"""Where a quick run writes: its figures are not worth keeping."""


def main() -> None:
    options = _options()
    results = Results(options.results or (PASSING if options.quick else RESULTS))
    if options.render:
        print(write(results))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers are ended on the way out
    chosen = [server for server in SERVERS if not options.only or server.name in options.only]
    if options.beside:
        chosen += beside(options.beside)
    chosen = [server for server in chosen if options.workers == 1 or server.takes_workers]
    plan = Plan(options.rounds, options.seconds, options.starts, options.workers)
    if options.quick:
        plan = Plan(rounds=1, seconds=1, starts=1, workers=options.workers)
    stand = Stand.of(chosen)
    if options.workers == 1:
        stay_on_client_core()
    with tempfile.TemporaryDirectory(prefix="mlmagic-peers-") as name:
        folder = Path(name)
        for model in options.model:
            found = measure_all(stand, models.make(model, folder), plan, folder)
            results.keep(label_of(model, options.workers), plan, found)
        if not options.no_body:
            results.keep_body(measure_body(stand.environments.get("mlmagic")))
    print(write(results))


def label_of(model: str, workers: int) -> str:
    """What its figures are kept as; another version of scikit-learn, or several workers, are in its name."""
    other = other_scikit_learn()
    conditions = [f"scikit-learn {other}"] if other else []
    if workers > 1:
        conditions.append(f"{workers} workers")
    return f"{model} with {' and '.join(conditions)}" if conditions else model


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser("peers.sh", description=__doc__)
    options.add_argument("--model", nargs="+", choices=models.NAMES, default=["ridge"])
    options.add_argument("--only", nargs="+", choices=[s.name for s in SERVERS], metavar="SERVER")
    options.add_argument(
        "--beside", type=Path, metavar="CHECKOUT", help="measure another checkout's mlmagic, too"
    )
    options.add_argument("--rounds", type=int, default=12)
    options.add_argument("--seconds", type=int, default=1, help="of each run of wrk")
    options.add_argument("--starts", type=int, default=5, help="of each server")
    options.add_argument(
        "--workers", type=int, default=1, help="of each server that takes them; they share all cores with wrk"
    )
    options.add_argument(
        "--quick", action="store_true", help="one round, a second each: to see that it works"
    )
    options.add_argument("--no-body", action="store_true", help="leave out the large body")
    options.add_argument("--render", action="store_true", help="measure nothing, only write and draw again")
    options.add_argument("--results", type=Path, help="where to write")
    return options.parse_args()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
