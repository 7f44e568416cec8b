"""What environments cost: `python -m tests.benchmarks.environments`.

A deploy to Healthy of a script without libraries, by this interpreter and by a realised environment that is
there; and the first build of numpy and scikit-learn beside `uv venv && uv pip install` of the same, with uv's
cache filled, and (``--cold``) empty. The targets: 50 ms more, and 1.5 times.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlmagic.core.configuration import InferenceConfig
from mlmagic.engine.engine import Engine
from mlmagic.engine.environments import uv
from mlmagic.engine.environments.build import build
from mlmagic.engine.environments.pythons import this_interpreter
from mlmagic.engine.environments.specification import Specification
from mlmagic.engine.environments.store import CACHE_VARIABLE, Store
from mlmagic.workspace.location import Location
from tests.benchmarks.deployment import PLAIN_SCRIPT
from tests.benchmarks.measure import interleaved, table

PACKAGES = ("numpy", "scikit-learn")
OF_ITS_OWN = {"python": {"condaDependencies": {"dependencies": [{"pip": ["six==1.16.0"]}]}}}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument(
        "--cold", type=int, default=0, metavar="N", help="Rounds with an empty cache of uv's."
    )
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        folder = Path(name)
        os.environ |= {CACHE_VARIABLE: str(folder / "cache"), "MLMAGIC_ZYGOTE": "0"}
        _print("A deploy to Healthy", _deploys(folder, given.rounds), "this interpreter")
        _print("The first build", interleaved(_builds(folder), given.rounds), "uv alone")
        if given.cold:
            os.environ["UV_CACHE_DIR"] = str(folder / "uv")
            taken = interleaved(_builds(folder, clear=folder / "uv"), given.cold)
            _print("The first build, with nothing in uv's cache", taken, "uv alone")


def _deploys(folder: Path, rounds: int) -> dict[str, list[float]]:
    engine = Engine(Location.of_folder(folder / "workspace"), use_daemon=False)

    def deploy(environment: Mapping[str, Any] | None) -> Callable[[], None]:
        def run() -> None:
            inference = InferenceConfig("score.py", script_text=PLAIN_SCRIPT, environment=environment)
            engine.services.wait(engine.services.deploy("bench", [], inference, overwrite=True))
            engine.services.delete("bench")

        return run

    taken = interleaved(
        {"this interpreter": deploy(None), "a cached environment": deploy(OF_ITS_OWN)}, rounds
    )
    engine.close()
    return taken


def _builds(folder: Path, clear: Path | None = None) -> dict[str, Callable[[], None]]:
    python, program = this_interpreter(), uv.find()

    def empty() -> None:
        for place in filter(None, (clear, folder / "plain", folder / "store")):
            shutil.rmtree(place, ignore_errors=True)

    def alone() -> None:
        empty()
        made = str(folder / "plain")
        subprocess.run([program, "venv", "--quiet", "--python", python.path, made], check=True)
        install = [program, "pip", "install", "--quiet", "--link-mode", "hardlink", "--python", made]
        subprocess.run([*install, *PACKAGES], check=True)

    def ours() -> None:
        empty()
        build(Specification(python, PACKAGES), Store(folder / "store"))

    return {"uv alone": alone, "an environment": ours}


def _print(title: str, taken: dict[str, list[float]], against: str) -> None:
    print(f"{title}\n{table(taken, against=against)}\n")


if __name__ == "__main__":
    main()
