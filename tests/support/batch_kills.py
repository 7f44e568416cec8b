"""A batch job whose processes are killed all the time: with the script, the job itself, and those of Dask.

`python -m tests.support.batch_kills KILLS` runs such jobs, one after the other, until so many were killed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy
import pandas
import psutil
import pyarrow.parquet

from mlmagic.targets.local.zygote import SWITCH
from tests.support.ports import unused_port

_SCRIPTS = "mlmagic.scoring.batch"
"""The module of the processes that run the script."""
# Each mini-batch waits for its share of the kills, so that they meet the whole job on a fast machine, too.
_SCRIPT = """
import os, time
def run(rows):
    while os.path.getsize({kills_file!r}) * {rows} < {kills} * (rows["id"].max() + 1):
        time.sleep(0.005)
    return rows[["id"]] * 2
"""
_JOB = """
import sys
from pathlib import Path
from mlmagic.core.batch import BatchPlan
from mlmagic.core.configuration import InferenceConfig
from mlmagic.engine.batch.inputs import TableFile
from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location

folder, scheduler, script = Path(sys.argv[1]), sys.argv[2] or None, sys.argv[3]
engine = Engine(Location.of_folder(folder / "workspace"), use_daemon=False)
plan = BatchPlan(mini_batch_size="320", process_count=2, as_table=True, run_max_try=20)
tables = [TableFile(str(folder / name), "parquet") for name in ("one.parquet", "two.parquet")]
outcome = engine.batch.run(
    plan, InferenceConfig("score.py", script_text=script), tables, folder / "out", folder / "job",
    scheduler=scheduler,
)
engine.close()
assert not outcome.error, (outcome.error, outcome.failures)
"""


@dataclass
class Chaos:
    """Runs a job to its end while ``kills`` of its processes are killed, drawn by ``seed``."""

    folder: Path
    seed: int
    rows: int = 4000
    port: int = 0
    """Where Dask's scheduler is to listen; 0: it and its worker are threads of the job's own process."""
    killed: dict[str, int] = field(default_factory=dict)
    """How many processes of each kind were killed."""
    _processes: dict[str, psutil.Popen] = field(default_factory=dict)

    def run(self, kills: int) -> None:
        """Raises `AssertionError` unless each row is in the results once, in the order of the input."""
        chance = random.Random(self.seed)
        self._kills_file.touch()
        script = _SCRIPT.format(kills_file=str(self._kills_file), rows=self.rows, kills=kills)
        ids = numpy.arange(self.rows)
        for name, part in (("one", ids[: self.rows // 3]), ("two", ids[self.rows // 3 :])):
            frame = pandas.DataFrame({"id": part, "x": 0.5})
            frame.to_parquet(self.folder / f"{name}.parquet", row_group_size=400)
        try:
            while self._go_on(script):
                time.sleep(chance.uniform(0.0, 0.4))
                if sum(self.killed.values()) < kills and self._is_due(chance):
                    self._kill(chance)
        finally:
            for process in self._processes.values():
                _kill_with_children(process)
        files = sorted((self.folder / "out").iterdir())
        found = numpy.concatenate([pyarrow.parquet.read_table(file)["id"].to_numpy() for file in files])
        assert (found == ids * 2).all()

    @property
    def _kills_file(self) -> Path:
        """Has one byte for each kill, so that a script can read their number without a lock."""
        return self.folder / "kills"

    def _go_on(self, script: str) -> bool:
        """Start what is not there; whether the job has not ended yet."""
        job = self._processes.get("job")
        if job is not None and job.poll() == 0:
            return False
        scheduler = f"tcp://127.0.0.1:{self.port}" if self.port else ""
        if self.port:
            dask = [sys.executable, "-m", "dask"]
            self._start("scheduler", [*dask, "scheduler", "--host", "127.0.0.1", "--port", str(self.port)])
            for number in (1, 2):
                words = ["--no-nanny", "--nthreads", "1", "--death-timeout", "10", "--no-dashboard"]
                self._start(f"worker {number}", [*dask, "worker", scheduler, *words])
        self._start("job", [sys.executable, "-c", _JOB, str(self.folder), scheduler, script])
        return True

    def _start(self, name: str, command: list[str]) -> None:
        process = self._processes.get(name)
        if process is None or process.poll() is not None:
            log = (self.folder / f"{name}.log").open("ab")
            with log:
                self._processes[name] = psutil.Popen(
                    command,
                    cwd=self.folder,
                    env=os.environ | {SWITCH: "1"},  # with processes that are forked, as users have them
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

    def _is_due(self, chance: random.Random) -> bool:
        """Most kills are for a job at work, some for one that is just starting."""
        return bool(self._running(_SCRIPTS)) or chance.random() < 0.1

    def _kill(self, chance: random.Random) -> None:
        """Kill one process; most often one that runs the script, most seldom the scheduler."""
        kinds = ["script"] * 6 + ["zygote"] + ["job"] * 2
        kinds += (["worker 1", "worker 2"] * 2 + ["scheduler"]) * bool(self.port)
        kind = chance.choice(kinds)
        module = {"script": _SCRIPTS, "zygote": "mlmagic.scoring.zygote"}.get(kind)
        with suppress(psutil.NoSuchProcess, IndexError):
            victim = chance.choice(self._running(module)) if module else self._processes[kind]
            victim.kill()
            self.killed[kind] = self.killed.get(kind, 0) + 1
            with self._kills_file.open("a") as file:
                file.write("x")

    def _running(self, module: str) -> list[psutil.Process]:
        children = [child for process in self._processes.values() for child in _children(process)]
        return [child for child in children if module in _command(child)]


def _children(process: psutil.Popen) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return list(process.children(recursive=True))
    return []


def _command(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())  # a title of ours has taken the place of its words
    return ""


def _kill_with_children(process: psutil.Popen) -> None:
    for each in [*_children(process), process]:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()


def main() -> None:
    wanted, killed, seed = int(sys.argv[1]), Counter[str](), 0
    while killed.total() < wanted:
        seed += 1
        with tempfile.TemporaryDirectory(prefix="mlmagic-kills-") as folder:
            chaos = Chaos(Path(folder), seed, port=0 if seed % 2 else unused_port())
            chaos.run(12)
            killed += chaos.killed
            print(f"seed {seed}: each row once; {killed.total()} kills so far: {dict(killed)}", flush=True)


if __name__ == "__main__":
    main()
