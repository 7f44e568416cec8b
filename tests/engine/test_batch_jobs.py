"""Batch jobs as they are recorded: their figures, what they leave when they end, and how they go on."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from pathlib import Path
from typing import Any

import pandas
import pytest

from mlmagic.core.batch import BatchPlan
from mlmagic.core.batch_job import BatchJob, JobState
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.engine.batch.batch import Scored
from mlmagic.engine.batch.inputs import Files, TableFile
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig, NotFound, TargetUnavailable, UsageError, WrongState
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

ROWS = pandas.DataFrame({"id": range(100), "x": [0.5] * 100})
DOUBLE = "def run(rows):\n    return rows['id'] * 2\n"


def run(engine: Engine, folder: Path, script: str | Scored, **more: Any) -> BatchJob:
    scored = script if isinstance(script, Scored) else Scored(InferenceConfig("score.py", script_text=script))
    if not (folder / "rows.parquet").exists():
        ROWS.to_parquet(folder / "rows.parquet")
    plan = BatchPlan(
        **{
            "mini_batch_size": "160",
            "process_count": 2,
            "as_table": True,
            "run_max_try": 2,
            **more.pop("plan", {}),
        }
    )
    output = folder / more.pop("output", "out.parquet")
    tables = more.pop("inputs", [TableFile(str(folder / "rows.parquet"), "parquet")])
    return engine.batch_jobs.run("job", plan, scored, tables, output, input_words="rows.parquet", **more)


def test_jobs_with_many_newer_ones_are_deleted_and_their_results_stay(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlmagic.workspace.assets.VERSIONS_KEPT", 2)
    for number in range(1, 5):
        run(engine, tmp_path, DOUBLE, output=f"{number}.parquet")
    with pytest.raises(NotFound):
        engine.batch_jobs.get("job", 2)
    assert [engine.batch_jobs.get("job", number).version for number in (3, 4)] == [3, 4]
    folders = sorted(path.name for path in (engine.location.folder / "batch").iterdir())
    assert folders == ["job:3", "job:4"]
    assert all((tmp_path / f"{number}.parquet").exists() for number in range(1, 5))


def test_a_job_and_its_results(engine: Engine, tmp_path: Path) -> None:
    seen: list[BatchJob] = []
    job = run(engine, tmp_path, DOUBLE, plan={"keep": ("id",)}, watching=seen.append)
    assert (job.state, job.tally.succeeded_items, job.tally.failed_items) == (JobState.COMPLETED, 100, 0)
    found = pandas.read_parquet(tmp_path / "out.parquet")
    assert list(found["id"]) == [*range(100)]
    pandas.testing.assert_series_equal(found["id_1"] if "id_1" in found else found["id"], found["id"])
    assert engine.batch_jobs.get("job") == job == seen[-1]
    assert [each.version for each in engine.batch_jobs.list()] == [1]
    assert seen[0].state is JobState.RUNNING
    engine.batch_jobs.delete("job")
    assert (tmp_path / "out.parquet").exists()
    with pytest.raises(NotFound):
        engine.batch_jobs.get("job")


@pytest.mark.parametrize("output", ["out", "out.parquet", "out.csv", "out.jsonl"])
def test_results_are_a_folder_or_a_file(engine: Engine, tmp_path: Path, output: str) -> None:
    run(engine, tmp_path, "def run(rows):\n    return rows.assign(y=rows['id'] * 2)[['y']]\n", output=output)
    read = {".csv": pandas.read_csv, ".jsonl": lambda path: pandas.read_json(path, lines=True)}
    found = read.get(Path(output).suffix, pandas.read_parquet)(tmp_path / output)
    assert list(found["y"]) == [*range(0, 200, 2)]


def test_results_of_several_types_are_one_table(engine: Engine, tmp_path: Path) -> None:
    script = "def run(rows):\n    return [1 if each < 50 else 0.5 for each in rows['id']]\n"
    run(engine, tmp_path, script)
    assert list(pandas.read_parquet(tmp_path / "out.parquet")["prediction"]) == [1.0] * 50 + [0.5] * 50


def test_a_failed_job_says_why_and_writes_nothing(engine: Engine, tmp_path: Path) -> None:
    script = "def run(rows):\n    print('seen', len(rows))\n    raise ValueError('no')\n"
    job = run(engine, tmp_path, script)
    assert job.state is JobState.FAILED
    assert job.error == "There is no succeeded mini batch item returned from run()"
    assert engine.batch_jobs.failures(job)[0]["type"] == "ValueError"
    assert "seen " in engine.batch_jobs.log(job)
    assert not (tmp_path / "out.parquet").exists()


def test_an_interrupted_job_goes_on(engine: Engine, tmp_path: Path) -> None:
    mark = tmp_path / "slow"
    mark.touch()
    script = (
        f"import time\nfrom pathlib import Path\ndef run(rows):\n"
        f"    with open({str(tmp_path / 'calls')!r}, 'a') as calls: calls.write(f'{{rows.id[0]}} ')\n"
        f"    if rows.id[0] >= 50 and Path({str(mark)!r}).exists(): time.sleep(60)\n"
        "    return rows['id'] * 2\n"
    )

    def stop() -> None:
        wait_for(
            lambda: any(job.tally.done_items >= 40 for job in engine.batch_jobs.list()), "the first half"
        )
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop).start()
    with pytest.raises(KeyboardInterrupt):
        run(engine, tmp_path, script)
    assert engine.batch_jobs.get("job").state is JobState.INTERRUPTED
    mark.unlink()
    with pytest.raises(UsageError, match="since it was begun, there is another script"):
        run(engine, tmp_path, DOUBLE, resume=True)
    assert engine.batch_jobs.get("job").state is JobState.INTERRUPTED
    before = set((tmp_path / "calls").read_text().split())
    (tmp_path / "calls").unlink()
    job = run(engine, tmp_path, script, resume=True)
    assert (job.state, job.version, job.tally.succeeded_items) == (JobState.COMPLETED, 1, 100)
    done = before - {first for first in before if int(first) >= 50}
    assert done
    assert not done & set((tmp_path / "calls").read_text().split())
    assert list(pandas.read_parquet(tmp_path / "out.parquet")["id"]) == [*range(0, 200, 2)]


# The interrupt may come between the opening of a file and the statement that closes it.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO name=:pytest.PytestUnraisableExceptionWarning"
)
def test_a_job_over_rows_in_memory_goes_on(engine: Engine, tmp_path: Path) -> None:
    mark = tmp_path / "slow"
    mark.touch()
    script = (
        f"import time\nfrom pathlib import Path\ndef run(rows):\n    slow = Path({str(mark)!r})\n"
        "    if rows.id[0] >= 50 and slow.exists():\n"
        "        slow.with_name('here').touch()\n        time.sleep(60)\n"
        "    return rows['id'] * 2\n"
    )

    def stop() -> None:
        wait_for((tmp_path / "here").exists, "the second half")
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop).start()
    with pytest.raises(KeyboardInterrupt):
        run(engine, tmp_path, script, inputs=[ROWS])
    mark.unlink()
    with pytest.raises(UsageError, match="since it was begun, there is another input"):
        run(engine, tmp_path, script, inputs=[ROWS.assign(x=1.0)], resume=True)
    job = run(engine, tmp_path, script, inputs=[ROWS.copy()], resume=True)
    assert (job.state, job.tally.succeeded_items) == (JobState.COMPLETED, 100)


def test_there_must_be_something_to_go_on_with(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no interrupted batch job 'job' to go on with: there is none"):
        run(engine, tmp_path, DOUBLE, resume=True)
    run(engine, tmp_path, DOUBLE)
    with pytest.raises(UsageError, match="to go on with: it is Completed"):
        run(engine, tmp_path, DOUBLE, resume=True)


def test_what_is_wrong_is_told_before_anything_is_recorded(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"must be a folder, or a file that ends with"):
        run(engine, tmp_path, DOUBLE, output="out.xls")
    assert engine.batch_jobs.list() == []
    with pytest.raises(InvalidConfig, match="keep 'y' is not a column; the columns are"):
        run(engine, tmp_path, DOUBLE, plan={"keep": ("y",)})
    with pytest.raises(TargetUnavailable, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:1'"):
        run(engine, tmp_path, DOUBLE, scheduler="tcp://127.0.0.1:1")


def test_a_running_job_is_not_deleted(engine: Engine, tmp_path: Path) -> None:
    refused: list[type[Exception]] = []

    def watch(job: BatchJob) -> None:
        if job.state is JobState.RUNNING and not refused:
            try:
                engine.batch_jobs.delete("job")
            except WrongState as error:
                refused.append(type(error))

    run(engine, tmp_path, DOUBLE, watching=watch)
    assert refused == [WrongState]


SERVED = {
    # As entry scripts of Azure ML v1 read their input.
    "plain": (
        "import json\ndef init(): ...\ndef run(raw_data):\n"
        "    return json.dumps({'result': [row[0] * 2 for row in json.loads(raw_data)['data']]})\n"
    ),
    "typed": "import numpy\ndef init(): ...\ndef run(data: numpy.ndarray): return data[:, 0] * 2\n",
    "table": (
        "import pandas\ndef init(): ...\ndef run(data: pandas.DataFrame) -> list:\n"
        "    return (data['id'] * 2).tolist()\n"
    ),
    "schema": (
        "import numpy\nfrom inference_schema.schema_decorators import input_schema\n"
        "from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType\n"
        "def init(): ...\n@input_schema('rows', NumpyParameterType(numpy.array([[1.0, 2.0]])))\n"
        "def run(rows): return (rows[:, 0] * 2).tolist()\n"
    ),
    "async": "def init(): ...\nasync def run(data: list): return [row['id'] * 2 for row in data]\n",
}


@pytest.mark.parametrize("script", SERVED.values(), ids=SERVED)
def test_the_script_of_a_service_scores_rows(engine: Engine, tmp_path: Path, script: str) -> None:
    job = run(engine, tmp_path, Scored(InferenceConfig("score.py", script_text=script), is_served=True))
    assert (job.state, job.error) == (JobState.COMPLETED, ""), engine.batch_jobs.failures(job)
    assert list(pandas.read_parquet(tmp_path / "out.parquet")["prediction"]) == [*range(0, 200, 2)]


def test_a_service_and_a_model_without_a_script(engine: Engine, tmp_path: Path) -> None:
    import joblib
    from sklearn.linear_model import Ridge

    joblib.dump(Ridge(alpha=0).fit(ROWS, ROWS["id"] * 2), tmp_path / "model.pkl")
    engine.models.register(tmp_path / "model.pkl", ModelDescription("double", framework="ScikitLearn"))
    run(engine, tmp_path, Scored(models=("double:1",), is_served=True))
    found = pandas.read_parquet(tmp_path / "out.parquet")["prediction"]
    assert found.round(6).tolist() == [*range(0, 200, 2)]
    service = engine.services.deploy("svc", ["double:1"], None, DeploymentConfig("local"))
    revision = engine.services.revision(service)
    run(engine, tmp_path, Scored(models=tuple(revision.models), is_served=True, revision=revision))
    assert pandas.read_parquet(tmp_path / "out.parquet")["prediction"].tolist() == found.tolist()


def test_an_answer_without_predictions_is_told(engine: Engine, tmp_path: Path) -> None:
    script = "def init(): ...\ndef run(raw_data): return {'error': 'bad shape'}\n"
    job = run(engine, tmp_path, Scored(InferenceConfig("score.py", script_text=script), is_served=True))
    message = str(engine.batch_jobs.failures(job)[0]["message"])
    assert re.fullmatch(r"run\(\) returned no list of \d+ predictions: {'error': 'bad shape'}", message)


def test_what_run_is_told_of_its_mini_batch(engine: Engine, tmp_path: Path) -> None:
    files = []
    for number in range(3):
        (tmp_path / str(number)).write_text(str(number))
        files.append(str(tmp_path / str(number)))
    script = (
        "import json\ndef run(mini_batch, mini_batch_context):\n"
        "    told = mini_batch_context\n"
        "    assert told.dataset.to_path() == mini_batch, told.dataset\n"
        "    return [{'index': told.minibatch_index, 'first': told.global_row_index_lower_bound,\n"
        "             'user': told.partition_key_value['user']} for _ in mini_batch]\n"
    )
    users = {files[0]: {"user": "a"}, files[1]: {"user": "b"}, files[2]: {"user": "a"}}
    plan = {"mini_batch_size": None, "partition_keys": ("user",)}
    run(engine, tmp_path, script, inputs=Files(files, users), plan=plan, output="out.jsonl")
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert found == [
        {"index": 0, "first": 0, "user": "a"},
        {"index": 0, "first": 0, "user": "a"},
        {"index": 1, "first": 2, "user": "b"},
    ]


def test_shutdown_is_called(engine: Engine, tmp_path: Path) -> None:
    script = DOUBLE + f"def shutdown():\n    open({str(tmp_path / 'ended')!r}, 'w').close()\n"
    run(engine, tmp_path, script)
    assert (tmp_path / "ended").exists()
