"""`python -m tests.attacks`: all attacks, one after the other, and their table."""

from __future__ import annotations

import argparse
import datetime
import logging
import os
import platform
import sys
from pathlib import Path

from tests.attacks import campaign, tally

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results" / "torture.md"
USUAL_MINUTES = 20.0
LEAST_MINUTES = 10.0
"""A shorter run does not replace the table."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/torture", description="Attack mlmagic, bounded in time.")
    parser.add_argument("--minutes", type=float, default=USUAL_MINUTES, help="how long; 20 by default")
    parser.add_argument("--seed", type=int, default=1, help="which trials; 1 by default")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what is cut short complains
    tallies = campaign.run(args.seed, args.minutes * 60)
    system = f"{os.cpu_count()} shared cores, {platform.system()}, Python {platform.python_version()}"
    heading = (
        f"`bash tests/torture --seed {args.seed} --minutes {args.minutes:g}` on {system} "
        f"({datetime.date.today()}).\n\n"
        "A trial carries out one verb in a process of its own, which is killed, or one of whose operations\n"
        "fails; or it kills a process behind services that are updated and called meanwhile. *Lost* counts\n"
        "acknowledged writes that are gone, rows without files, files and services without rows, commands\n"
        "that fail afterwards, services that do not come back, and processes that are left over."
    )
    written = tally.report(tallies, heading)
    if args.minutes >= LEAST_MINUTES:
        RESULTS.write_text(written)
    print(written)
    return 1 if any(each.lost for each in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
