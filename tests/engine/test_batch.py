"""Batch jobs over real worker processes: tries, timeouts, workers that end, models by name."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pandas
import psutil
import pytest
import requests

from mlmagic.core.batch import BatchPlan, Tally
from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.engine.batch import batch, forks, script_process
from mlmagic.engine.batch.inputs import Files
from mlmagic.engine.batch.job import Outcome
from mlmagic.engine.engine import Engine
from mlmagic.errors import CaptureError, InvalidConfig, WorkspaceUnavailable
from mlmagic.targets.local.zygote import SWITCH
from tests.support.processes import servers_here
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no zygote")


forked = pytest.mark.parametrize("zygote", [pytest.param("1", marks=on_linux)], indirect=True)


@pytest.fixture(autouse=True, params=["0", pytest.param("1", marks=on_linux)], ids=["started", "forked"])
def zygote(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """All of it twice: with processes that are started, and with forks."""
    monkeypatch.setenv(SWITCH, request.param)
    yield request.param
    forks.stop()


def work(engine: Engine, folder: Path, script: str, inputs: Any, **plan: Any) -> Outcome:
    values = {"mini_batch_size": 2, "process_count": 2, "run_max_try": 2, **plan}
    made = InferenceConfig("score.py", script_text=script)
    inputs = Files(inputs) if inputs and isinstance(inputs[0], str) else inputs
    return engine.batch.run(BatchPlan(**values), made, inputs, folder / "out", folder / "job")


def rows(folder: Path) -> list[str]:
    return (folder / "out" / "parallel_run_step.txt").read_text().splitlines()


def test_rows_stand_in_the_order_of_the_input(engine: Engine, tmp_path: Path) -> None:
    script = "import time\ndef run(batch):\n    time.sleep(0.1 if '0' in batch else 0)\n    return batch\n"
    files = [str(number) for number in range(9)]
    outcome = work(engine, tmp_path, script, files)
    assert outcome.error == ""
    assert rows(tmp_path) == files
    assert outcome.tally == Tally(5, 9, succeeded_items=9)
    summary = json.loads((tmp_path / "job" / "logs" / "summary.json").read_text())
    assert (summary["items"], summary["failed_items"]) == (9, 0)
    assert servers_here() == []


def test_what_fails_is_tried_again_and_then_told(engine: Engine, tmp_path: Path) -> None:
    script = (
        f"from pathlib import Path\nmark = Path({str(tmp_path / 'mark')!r})\n"
        "def run(batch):\n"
        "    if '2' in batch and not mark.exists():\n        mark.touch()\n        raise OSError('once')\n"
        "    if '4' in batch: raise ValueError('always')\n"
        "    return batch\n"
    )
    outcome = work(engine, tmp_path, script, [str(number) for number in range(6)])
    assert rows(tmp_path) == ["0", "1", "2", "3"]
    (failure,) = outcome.failures
    assert (failure["batch"], failure["tries"], failure["type"]) == (2, 2, "ValueError")
    assert "score.py" in failure["traceback"]
    assert outcome.tally == Tally(3, 6, 1, 2, 4)
    assert json.loads((tmp_path / "job" / "logs" / "errors.json").read_text()) == outcome.failures


def test_a_call_that_takes_too_long_is_ended(engine: Engine, tmp_path: Path) -> None:
    script = "import time\ndef run(batch):\n    if '0' in batch: time.sleep(60)\n    return batch\n"
    outcome = work(engine, tmp_path, script, ["0", "1", "2"], run_invocation_timeout=0.5, run_max_try=1)
    assert outcome.failures[0]["message"] == "run() took more than 0.5 s"
    assert rows(tmp_path) == ["2"]


def test_a_worker_that_ends_is_replaced(engine: Engine, tmp_path: Path) -> None:
    script = "import os\ndef run(batch):\n    if '0' in batch: os._exit(7)\n    return batch\n"
    outcome = work(engine, tmp_path, script, ["0", "1", "2", "3"], process_count=1)
    assert "the script's process has ended with code 7" in outcome.failures[0]["message"]
    assert rows(tmp_path) == ["2", "3"]


def test_what_a_process_was_given_ahead_is_not_lost_with_it(engine: Engine, tmp_path: Path) -> None:
    script = (
        f"import os\nfrom pathlib import Path\nfolder = Path({str(tmp_path)!r})\n"
        "def run(batch):\n"
        "    mark = folder / f'ran-{batch[0]}'\n"
        "    times = int(mark.read_text()) + 1 if mark.exists() else 1\n"
        "    mark.write_text(str(times))\n"
        "    if batch[0] in '258' and times == 1: os._exit(7)\n"
        "    if batch[0] == '4': raise ValueError('always')\n"
        "    print('ran', batch[0])\n"
        "    return batch\n"
    )
    files = [str(number) for number in range(10)]
    outcome = work(engine, tmp_path, script, files, mini_batch_size=1, process_count=1)
    assert rows(tmp_path) == [name for name in files if name != "4"]
    assert [failure["batch"] for failure in outcome.failures] == [4]
    ran = {name: (tmp_path / f"ran-{name}").read_text() for name in files}
    assert ran == {name: "2" if name in "2584" else "1" for name in files}
    log = (tmp_path / "job" / "logs" / "user.txt").read_text()
    assert log.splitlines() == [f"ran {name}" for name in files if name != "4"]


@forked
def test_a_job_goes_on_without_the_zygote(engine: Engine, tmp_path: Path) -> None:
    script = (
        "import os, signal\ndef run(batch):\n"
        "    if batch[0] == '1': os.kill(os.getppid(), signal.SIGKILL)\n"
        "    if batch[0] in '13': os._exit(7)\n"
        "    return batch\n"
    )
    files = [str(number) for number in range(6)]
    outcome = work(engine, tmp_path, script, files, mini_batch_size=1, process_count=1, run_max_try=1)
    assert rows(tmp_path) == ["0", "2", "4", "5"]
    assert [failure["batch"] for failure in outcome.failures] == [1, 3]
    assert servers_here() == []


@forked
def test_the_next_job_is_forked_from_the_same_zygote(engine: Engine, tmp_path: Path) -> None:
    script = "import os\ndef run(batch): return [os.getppid() for each in batch]\n"
    work(engine, tmp_path, script, ["0", "1", "2"])
    first = set(rows(tmp_path))
    work(engine, tmp_path, script, ["0", "1", "2"])
    assert {psutil.Process(int(pid)).ppid() for pid in {*first, *rows(tmp_path)}} == {os.getpid()}
    assert set(rows(tmp_path)) == first


def test_libraries_see_variables_of_the_plan(engine: Engine, tmp_path: Path) -> None:
    script = "import os\ndef run(batch): return [os.environ['OMP_NUM_THREADS'] for each in batch]\n"
    for threads in ("3", "4"):
        work(engine, tmp_path, script, ["0"], environment_variables={"OMP_NUM_THREADS": threads})
        assert rows(tmp_path) == [threads]


def test_the_dashboard_is_there_when_it_is_opened(engine: Engine, tmp_path: Path) -> None:
    pages = []

    def look(address: str) -> None:
        pages.append(requests.get(address, timeout=30))
        pages.append(requests.get(address.replace("/status", "/"), timeout=30))

    made = InferenceConfig("score.py", script_text="def run(batch): return batch\n")
    folders = (tmp_path / "out", tmp_path / "job")
    engine.batch.run(BatchPlan(mini_batch_size=1), made, Files(["0"]), *folders, connected=look)
    for page in pages:
        assert page.status_code == 200
        assert page.url.endswith("/status")
        assert "Bokeh" in page.text


def test_too_many_failures_end_the_job_and_leave_no_rows(engine: Engine, tmp_path: Path) -> None:
    script = "def run(batch):\n    return batch[:1]\n"
    outcome = work(engine, tmp_path, script, [str(number) for number in range(40)], error_threshold=3)
    assert "4 items have failed, more than error_threshold 3" in outcome.error
    assert outcome.tally.succeeded_items < 20
    assert not (tmp_path / "out").exists()
    assert servers_here() == []


def test_an_init_that_fails_ends_the_job(engine: Engine, tmp_path: Path) -> None:
    script = "def init():\n    raise RuntimeError('no weights')\ndef run(batch):\n    return batch\n"
    outcome = work(engine, tmp_path, script, ["0"])
    assert "the script failed in init(): RuntimeError: no weights" in outcome.error


@pytest.mark.parametrize("returned", ["None", "'text'", "{}", "7"])
def test_what_is_no_list_is_told_in_the_documents_words(
    engine: Engine, tmp_path: Path, returned: str
) -> None:
    outcome = work(engine, tmp_path, f"def run(batch):\n    return {returned}\n", ["0"], run_max_try=1)
    assert outcome.error == "There is no succeeded mini batch item returned from run()"
    assert "should return a list or a pandas DataFrame" in outcome.failures[0]["message"]


def test_tables_are_split_by_keys_or_size(engine: Engine, tmp_path: Path) -> None:
    table = pandas.DataFrame({"town": ["a", "b", "a"], "x": [1, 2, 3]})
    script = "def run(batch):\n    return [f'{len(batch)} {batch.town[0]}'] * len(batch)\n"
    work(engine, tmp_path, script, [table], mini_batch_size=None, partition_keys=("town",))
    assert rows(tmp_path) == ["2 a", "2 a", "1 b"]
    work(engine, tmp_path, script, [table, table], mini_batch_size="1")
    assert rows(tmp_path) == ["1 a", "1 b", "1 a"] * 2
    with pytest.raises(InvalidConfig, match="partition_keys 'city' is not a column"):
        work(engine, tmp_path, script, [table], mini_batch_size=None, partition_keys=("city",))


def test_the_models_that_it_names_are_there(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_text("heavy")
    for name in ("named", "other"):
        engine.models.register(tmp_path / "weights.bin", ModelDescription(name))
    script = (
        "import os\nfrom azureml.core.model import Model\n"
        "def run(batch):\n"
        "    there = os.listdir(os.environ['AZUREML_MODEL_DIR'])\n"
        "    return [open(Model.get_model_path('named')).read(), *there]\n"
    )
    work(engine, tmp_path, script, ["0", "1"])
    assert rows(tmp_path) == ["heavy", "named"]


def test_nothing_is_left_in_the_folder_for_temporary_files(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    work(engine, tmp_path, "def run(batch): return batch\n", ["a"])
    assert list(temporary.iterdir()) == []


def test_an_interrupted_job_leaves_no_worker(engine: Engine, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    script = (
        f"import time\ndef run(batch):\n    open({str(runs)!r}, 'w').close()\n"
        "    time.sleep(60)\n    return batch\n"
    )
    stopped = threading.Event()

    def stop() -> None:
        wait_for(runs.exists, "a call of run()")
        assert servers_here()
        stopped.set()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop).start()
    with pytest.raises(KeyboardInterrupt):
        work(engine, tmp_path, script, ["0", "1", "2"])
    assert stopped.is_set()
    assert servers_here() == []


def test_results_for_which_the_disk_is_full_say_what_to_do(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, *_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(batch, "write_atomically", fail)
    with pytest.raises(WorkspaceUnavailable, match=r"No space left on device. Free some space"):
        work(engine, tmp_path, "def run(batch): return batch\n", ["a"])
    assert servers_here() == []


def test_a_worker_that_cannot_be_started_fails_the_job(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(script_process.subprocess, "Popen", fail)
    with pytest.raises(WorkspaceUnavailable, match=r"No space left on device. Free some space"):
        work(engine, tmp_path, "def run(batch): return batch\n", ["a"])
    assert not (tmp_path / "out").exists()


def test_bad_input_is_told_before_anything_starts(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="must have at least one file or row"):
        work(engine, tmp_path, "def run(batch):\n    return batch\n", [])
    with pytest.raises(CaptureError, match=r"does not define run\(\)"):
        work(engine, tmp_path, "def init():\n    pass\n", ["0"])


def test_what_a_pickle_needs_of_a_notebook_is_there(engine: Engine, tmp_path: Path) -> None:
    pickled = tmp_path / "scale.pkl"
    pickled.write_bytes(b"c__main__\nScale\n.")  # what pickle writes for a class of a notebook
    kept = ModelDescription("scale", definitions="class Scale:\n    by = 3\n")
    engine.models.register(pickled, kept)
    script = (
        "import pickle\nfrom azureml.core.model import Model\n"
        "def init():\n    global scale\n"
        "    with open(Model.get_model_path('scale'), 'rb') as file: scale = pickle.load(file)\n"
        "def run(batch): return [int(row) * scale.by for row in batch]\n"
    )
    outcome = work(engine, tmp_path, script, ["1", "2", "3"], arguments=("--model_name", "scale"))
    assert (outcome.error, rows(tmp_path)) == ("", ["3", "6", "9"])
