"""Registering a large file, against `cp` and `sha256sum` of it: `python -m tests.benchmarks.registration`.

Target: at most 1.2 times, and 0.6 times as a stretch. Everything is in the page cache for all alike.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location
from tests.benchmarks.measure import interleaved, table


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--megabytes", type=int, default=1024)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        folder = Path(name)
        model = folder / "model.bin"
        with model.open("wb") as file:
            for _ in range(given.megabytes):
                file.write(os.urandom(1 << 20))
        engine = Engine(Location.of_folder(folder / "workspace"), supervise=False, use_daemon=False)

        def register() -> None:
            # Deleting is counted too, so that each round really copies: content is kept only once.
            engine.models.delete(engine.models.register(model, ModelDescription("large")).id)

        def copy_and_sum() -> None:
            subprocess.run(["cp", model, folder / "copy.bin"], check=True)
            subprocess.run(["sha256sum", folder / "copy.bin"], check=True, stdout=subprocess.DEVNULL)
            (folder / "copy.bin").unlink()

        taken = interleaved({"register": register, "cp + sha256sum": copy_and_sum}, given.rounds)
        print(f"{given.megabytes} MB, {shutil.disk_usage(folder).free >> 30} GB free, {os.cpu_count()} cores")
        print(table(taken, against="cp + sha256sum"))
        engine.close()


if __name__ == "__main__":
    main()
