"""Batch scoring against loops written by hand: `python -m tests.benchmarks.batch`.

A numeric table in one Parquet file, through a Ridge and through the same model as ONNX. Each candidate is a
process of its own, in turn: a loop with one thread, one with a thread for each core, and a batch job. All
write their predictions to Parquet, and these must be equal. The target: the job takes at most 1.3 times as
long as the better loop. Memory is the largest resident set of all processes of a candidate together.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
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
    """A Ridge as a joblib file, and as ONNX."""
    import joblib
    from skl2onnx import to_onnx
    from sklearn.linear_model import Ridge

    rows = numpy.random.default_rng(1).normal(size=(1000, COLUMNS))
    model = Ridge().fit(rows, rows.sum(axis=1))
    joblib.dump(model, folder / "ridge.pkl")
    (folder / "ridge.onnx").write_bytes(to_onnx(model, rows[:1].astype("float32")).SerializeToString())
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


def job(kind: str, model: str, table: str, output: str, size: str) -> None:
    """The same as a batch job, with the processes that a user gets."""
    from mlmagic.core.batch import BatchPlan
    from mlmagic.core.configuration import InferenceConfig
    from mlmagic.engine.batch.inputs import TableFile
    from mlmagic.engine.engine import Engine
    from mlmagic.workspace.location import Location

    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Location.of_folder(Path(folder, "workspace")))
        plan = BatchPlan(mini_batch_size=size or None, as_table=True)
        script = InferenceConfig("score.py", script_text=SCRIPTS[kind].format(model=model))
        inputs = [TableFile(table, "parquet")]
        outcome = engine.batch.run(plan, script, inputs, Path(output), Path(folder, "job"))
        assert not outcome.error, (outcome.error, outcome.failures[:1])
        engine.close()


def measured(arguments: list[str]) -> tuple[float, float]:
    """Seconds of a process, and MB of the largest resident set of it and its children together."""
    started = time.perf_counter()
    process = psutil.Popen([sys.executable, "-m", "tests.benchmarks.batch", *arguments])
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
    return time.perf_counter() - started, largest / 1e6


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
    parser.add_argument("--candidate", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.candidate:
        name, kind, model, table, output, extra = options.candidate
        if name == "job":
            job(kind, model, table, output, extra)
        else:
            loop(kind, model, table, output, int(extra))
        return
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        table = folder / "rows.parquet"
        write_table(table, options.rows)
        cores = os.cpu_count() or 1
        for kind, model in write_models(folder).items():
            candidates = {"loop": "1", f"loop, {cores} threads": str(cores), "job": options.size}
            seconds: dict[str, list[float]] = {name: [] for name in candidates}
            memory: dict[str, float] = dict.fromkeys(candidates, 0.0)
            for _ in range(options.rounds):
                for name, extra in candidates.items():
                    output = str(folder / (name if name == "job" else f"{name}.parquet"))
                    taken, largest = measured(["--candidate", name, kind, model, str(table), output, extra])
                    seconds[name].append(taken)
                    memory[name] = max(memory[name], largest)
            expected = pyarrow.parquet.read_table(folder / "loop.parquet")
            found = pyarrow.parquet.read_table(folder / "job")
            assert numpy.allclose(expected["prediction"], found["prediction"], atol=1e-5)
            best = min((name for name in candidates if name != "job"), key=lambda name: sum(seconds[name]))
            ratios = [ours / theirs for ours, theirs in zip(seconds["job"], seconds[best], strict=True)]
            print(f"{kind}: {options.rows:,} rows")
            for name in candidates:
                print(f"  {name:20}{statistics.median(seconds[name]):8.2f} s {memory[name]:8.0f} MB")
            print(f"  the job takes {statistics.median(ratios):.2f} times as long as the better loop")


if __name__ == "__main__":
    main()
