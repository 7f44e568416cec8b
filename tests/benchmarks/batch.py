"""Batch scoring against loops written by hand: `python -m tests.benchmarks.batch`.

A numeric table in one Parquet file, through a Ridge and through the same model as ONNX. The candidates, in
turn: a loop with one thread, one with a thread for each core, and a batch job. All write their predictions to
Parquet, and these must be equal. Each is timed as a whole process, and as the second run of a process, as in
a notebook. The target: the job takes at most 1.3 times as long as the better loop. Memory is the largest
resident set of all processes of a candidate together; at the end, that of jobs over tables of several sizes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import psutil
import pyarrow
import pyarrow.parquet

COLUMNS = 10
LOOP_ROWS = 1 << 17
"""Rows of a step of the loops: the fastest of 2 to the power of 14 to 20."""
SCRIPTS = {
    "ridge": (
        "import joblib\n"
        "def init():\n    global model\n    model = joblib.load({model!r})\n"
        "def run(rows): return model.predict(rows.to_numpy())\n"
    ),
    "onnx": (
        "import onnxruntime\n"
        "def init():\n    global session\n    options = onnxruntime.SessionOptions()\n"
        "    options.intra_op_num_threads = 1\n"
        "    session = onnxruntime.InferenceSession({model!r}, options)\n"
        "def run(rows): return session.run(None, {{'X': rows.to_numpy('float32')}})[0]\n"
    ),
}


def write_table(path: Path, rows: int) -> None:
    """A table of normally distributed numbers, in row groups as pyarrow makes them by default."""
    generator = numpy.random.default_rng(0)
    names = [f"f{number}" for number in range(COLUMNS)]
    schema = pyarrow.schema([(name, pyarrow.float64()) for name in names])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for at in range(0, rows, 1 << 20):
            count = min(1 << 20, rows - at)
            columns = [generator.normal(size=count) for _ in names]
            writer.write_table(pyarrow.table(columns, schema=schema))


def write_models(folder: Path) -> dict[str, str]:
    """A Ridge as a joblib file, which is registered, and as ONNX."""
    import joblib
    from skl2onnx import to_onnx
    from sklearn.linear_model import Ridge

    from mlmagic.core.model import ModelDescription
    from mlmagic.engine.engine import Engine
    from mlmagic.workspace.location import Location

    rows = numpy.random.default_rng(1).normal(size=(1000, COLUMNS))
    model = Ridge().fit(rows, rows.sum(axis=1))
    joblib.dump(model, folder / "ridge.pkl")
    (folder / "ridge.onnx").write_bytes(to_onnx(model, rows[:1].astype("float32")).SerializeToString())
    engine = Engine(Location.of_folder(folder / "workspace"))
    engine.models.register(folder / "ridge.pkl", ModelDescription("ridge"))
    engine.close()
    return {"ridge": str(folder / "ridge.pkl"), "onnx": str(folder / "ridge.onnx")}


def predictor(kind: str, model: str) -> Any:
    """run() of the script, with its model loaded."""
    space: dict[str, Any] = {}
    exec(
        SCRIPTS[kind].format(model=model).replace(".to_numpy('float32')", "").replace(".to_numpy()", ""),
        space,
    )
    space["init"]()
    return space["run"]


def loop(kind: str, model: str, table: str, output: str, threads: int) -> None:
    """The loop that people write: read some rows, predict, write."""
    run = predictor(kind, model)
    wanted = numpy.float32 if kind == "onnx" else numpy.float64

    def predict(batch: Any) -> Any:
        # Faster than filling an array column by column.
        return run(batch.to_pandas().to_numpy(wanted)).reshape(-1)

    schema = pyarrow.schema([("prediction", pyarrow.from_numpy_dtype(wanted))])
    file = pyarrow.parquet.ParquetFile(table)
    with pyarrow.parquet.ParquetWriter(output, schema) as writer, ThreadPoolExecutor(threads) as pool:
        batches = file.iter_batches(batch_size=LOOP_ROWS)
        waiting = []
        for batch in batches:
            waiting.append(pool.submit(predict, batch))
            if len(waiting) > threads:
                writer.write_table(pyarrow.table([waiting.pop(0).result()], schema=schema))
        for each in waiting:
            writer.write_table(pyarrow.table([each.result()], schema=schema))


def job(kind: str, model: str, table: str, output: str, size: str) -> Iterator[None]:
    """The same as batch jobs, with the processes that a user gets; one for each step."""
    from mlmagic.core.batch import BatchPlan
    from mlmagic.core.configuration import InferenceConfig
    from mlmagic.engine.batch.inputs import TableFile
    from mlmagic.engine.engine import Engine
    from mlmagic.workspace.location import Location

    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Location.of_folder(Path(table).parent / "workspace"))
        plan = BatchPlan(mini_batch_size=size or None, as_table=True)
        script = InferenceConfig("score.py", script_text=SCRIPTS[kind].format(model=model))
        while True:
            inputs = [TableFile(table, "parquet")]
            outcome = engine.batch.run(plan, script, inputs, Path(output), Path(folder, "job"))
            assert not outcome.error, (outcome.error, outcome.failures[:1])
            try:
                yield
            except GeneratorExit:
                engine.close()
                return


def candidate(name: str, kind: str, model: str, table: str, output: str, extra: str, times: str) -> None:
    """Run one of them; prints the seconds of the last time."""
    jobs = job(kind, model, table, output, extra) if name == "job" else None
    started = 0.0
    for _ in range(int(times)):
        started = time.perf_counter()
        if jobs is not None:
            next(jobs)
        else:
            loop(kind, model, table, output, int(extra))
    print(time.perf_counter() - started)
    if jobs is not None:
        jobs.close()


@dataclass
class Measured:
    """What was measured of a candidate, a value for each round."""

    seconds: list[float] = field(default_factory=list)
    """Those of a whole process."""
    again: list[float] = field(default_factory=list)
    """Those of the second run of a process."""
    memory: float = 0.0
    """MB."""

    def run(self, arguments: Sequence[str]) -> None:
        """One round."""
        started = time.perf_counter()
        _, memory = _run([*arguments, "1"])
        self.seconds.append(time.perf_counter() - started)
        printed, _ = _run([*arguments, "2"])
        self.again.append(float(printed))
        self.memory = max(self.memory, memory)


def _run(arguments: Sequence[str]) -> tuple[str, float]:
    """What the process prints, and MB of the largest resident set of it and its children together."""
    command = [sys.executable, "-m", "tests.benchmarks.batch", "--candidate", *arguments]
    process = psutil.Popen(command, stdout=subprocess.PIPE, text=True)
    largest = 0
    while process.poll() is None:
        resident = 0
        for each in [process, *_children(process)]:
            try:
                resident += each.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        largest = max(largest, resident)
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"{arguments[1]} has failed")
    return process.stdout.read(), largest / 1e6


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def main() -> None:
    """Print the times of all candidates, and their ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", default="", help="the mini-batches of the job")
    parser.add_argument("--candidate", nargs=7, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.candidate:
        candidate(*options.candidate)
        return
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        models = write_models(folder)
        table = folder / "rows.parquet"
        write_table(table, options.rows)
        for kind, model in models.items():
            compare(kind, model, table, options.rounds, options.size)
        print("memory of the job with the ONNX model")
        for times in (1, 2, 4):
            write_table(table, times * options.rows)
            arguments = ["job", "onnx", models["onnx"], str(table), str(folder / "job"), options.size]
            _, memory = _run([*arguments, "1"])
            size = table.stat().st_size / 1e6
            print(f"  {times * options.rows:,} rows, {size:,.0f} MB: {memory:,.0f} MB")


def compare(kind: str, model: str, table: Path, rounds: int, size: str) -> None:
    """Print the times of all candidates with one model, and the ratios."""
    folder, cores = table.parent, os.cpu_count() or 1
    candidates = {"loop": "1", f"loop, {cores} threads": str(cores), "job": size}
    found = {name: Measured() for name in candidates}
    for _ in range(rounds):
        for name, extra in candidates.items():
            output = str(folder / (name if name == "job" else f"{name}.parquet"))
            found[name].run([name, kind, model, str(table), output, extra])
    expected = pyarrow.parquet.read_table(folder / "loop.parquet")
    written = pyarrow.parquet.read_table(folder / "job")
    assert numpy.allclose(expected["prediction"], written["prediction"], atol=1e-5)
    print(f"{kind}: {len(expected):,} rows      process  again in it")
    for name, each in found.items():
        seconds, again = statistics.median(each.seconds), statistics.median(each.again)
        print(f"  {name:20}{seconds:8.2f} s {again:8.2f} s {each.memory:8.0f} MB")
    loops = [each for name, each in found.items() if name != "job"]
    ratios = []
    for of in ("seconds", "again"):
        best = min((getattr(each, of) for each in loops), key=sum)
        pairs = zip(getattr(found["job"], of), best, strict=True)
        ratios.append(statistics.median(ours / theirs for ours, theirs in pairs))
    print(f"  the job takes {ratios[0]:.2f} and {ratios[1]:.2f} times as long as the better loop")


if __name__ == "__main__":
    main()
