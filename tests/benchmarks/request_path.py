"""How much work a request is for the server: `python -m tests.benchmarks.request_path`.

Instructions, in rounds of a loop in plain Python. ``--record`` keeps the figures of this version of Python: a
test fails when a request takes 15 % more (tests/test_request_path.py).
"""

from __future__ import annotations

import argparse

from tests.support import request_path


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--record", action="store_true", help="Keep the figures of this version of Python.")
    given = options.parse_args()
    measured, kept = request_path.measure(), request_path.recorded()
    for case, rounds in measured.items():
        share = f", {rounds / kept[case]:.3f} of what is recorded" if case in kept else ""
        print(f"{case:10}{rounds:8.2f} rounds of the loop{share}")
    if given.record:
        request_path.record(measured)


if __name__ == "__main__":
    main()
