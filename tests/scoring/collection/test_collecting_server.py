"""Servers that collect data: with a collector in the script and without, under load, and at their end."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
import requests

from mlmagic.scoring.control import RELOAD, send_command
from tests.support.started_server import Started
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

PLAIN = """
import json
def init():
    pass
def run(data):
    data = json.loads(data)
    if "fail" in data:
        raise ValueError("broken by the test")
    return {"double": 2 * data["n"]}
"""
OWN = """
import json
from azureml.monitoring import ModelDataCollector
def init():
    global inputs, predictions
    inputs = ModelDataCollector("m", "inputs", feature_names=["n"])
    predictions = ModelDataCollector("m", "predictions", feature_names=["double"])
def run(data):
    n = json.loads(data)["n"]
    correlations = inputs.collect([n])
    predictions.collect(predictions.add_correlations([2 * n], correlations))
    return {"double": 2 * n}
"""
ANY = """
from azureml.contrib.services.aml_request import rawhttp
def init():
    pass
@rawhttp
def run(request):
    return "ok"
"""
TENSORS = """
import numpy as np
def init():
    pass
def run(x: np.ndarray):
    return x * 2
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    started: list[Started] = []

    def start(*arguments: str, folder: Path = tmp_path, **more: Any) -> Started:
        folder.mkdir(exist_ok=True)
        variables = {
            "AML_MODEL_DC_STORAGE_ENABLED": "true",
            "AML_MODEL_DC_STORAGE": str(tmp_path / "collected"),
            "MLMAGIC_COLLECT_REQUESTS": "true",
            "MLMAGIC_COLLECTION_MODEL": "m:3",
            "SERVICE_NAME": "svc",
        }
        started.append(Started(folder, *arguments, **{**variables, **more}))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def files(folder: Path, designation: str) -> list[Path]:
    return sorted((folder / "collected").rglob(f"{designation}/*/*/*/*"))


def rows(folder: Path, designation: str) -> list[dict[str, str]]:
    return [
        row
        for path in files(folder, designation)
        for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    ]


class Load:
    """Clients that send numbers, each once, until they are stopped or turned away."""

    def __init__(self, url: str, clients: int = 6) -> None:
        self._url, self._clients = url, clients
        self.answered: list[int] = []
        self.stopped = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=[number]) for number in range(clients)]
        for thread in self._threads:
            thread.start()

    def _send(self, number: int) -> None:
        session = requests.Session()
        while not self.stopped.is_set():
            try:
                answer = session.post(f"{self._url}/score", json={"n": number}, timeout=20)
            except requests.ConnectionError:
                if self.stopped.is_set():
                    return
                session = requests.Session()
            else:
                assert answer.json() == {"double": 2 * number}
                self.answered.append(number)
            number += self._clients

    def after(self, count: int) -> None:
        """Wait until so many more were answered."""
        before = len(self.answered)
        wait_for(lambda: len(self.answered) >= before + count, "answers", timeout=60)

    def stop(self) -> None:
        self.stopped.set()
        for thread in self._threads:
            thread.join()


def check_all_written_once(load: Load, folder: Path) -> None:
    inputs, predictions = rows(folder, "inputs"), rows(folder, "predictions")
    counted = Counter(int(row["n"]) for row in inputs)
    assert set(counted.values()) == {1}, "no row twice"
    assert set(load.answered) <= counted.keys(), "the row of each answer"
    doubles = {row["$aml_dc_correlation_id"]: float(row["double"]) for row in predictions}
    assert len(predictions) == len(doubles) == len(inputs)
    assert all(doubles[row["$aml_dc_correlation_id"]] == 2 * float(row["n"]) for row in inputs)


@pytest.mark.parametrize("script", [PLAIN, OWN], ids=["server", "collector"])
@pytest.mark.parametrize("arguments", [(), ("--workers", "3")], ids=["one process", "workers"])
def test_nothing_is_lost_at_a_stop_signal_under_load(
    start: Callable[..., Started], tmp_path: Path, script: str, arguments: tuple[str, ...]
) -> None:
    server = start(*arguments, script=script).up()
    load = Load(server.url)
    load.after(300)
    server.process.send_signal(signal.SIGTERM)
    load.stopped.set()
    assert server.process.wait(30) == 0
    load.stop()
    check_all_written_once(load, tmp_path)
    assert "dropped" not in server.log.read_text()


def test_nothing_is_lost_when_a_successor_takes_over(start: Callable[..., Started], tmp_path: Path) -> None:
    first = start("--workers", "2", script=PLAIN).up()
    load = Load(first.url)
    load.after(100)
    more = ("--port", first.url.rpartition(":")[2], "--take-over", str(first.run_dir))
    second = start(*more, folder=tmp_path / "second", script=PLAIN).up()
    load.after(100)
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(30) == 0
    load.after(100)
    load.stop()
    second.stop()
    check_all_written_once(load, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_worker_that_ends_tears_no_line_and_loses_only_what_waited_if_it_was_killed(
    start: Callable[..., Started], tmp_path: Path, number: signal.Signals
) -> None:
    server = start("--workers", "2", script=PLAIN).up()
    load = Load(server.url)
    load.after(200)
    wait_for(lambda: rows(tmp_path, "inputs"), "rows")
    safe = {int(row["n"]) for row in rows(tmp_path, "inputs")}
    os.kill(psutil.Process(server.process.pid).children()[0].pid, number)
    load.after(200)
    load.stop()
    server.stop()
    if number == signal.SIGTERM:
        check_all_written_once(load, tmp_path)
        return
    counted = Counter(int(row["n"]) for row in rows(tmp_path, "inputs"))
    assert set(counted.values()) == {1}, "no row twice"
    assert safe <= counted.keys()
    assert all(row["$aml_request_id"] for row in rows(tmp_path, "inputs"))


def test_the_server_records_what_was_scored_with_the_id_of_the_request(
    start: Callable[..., Started], tmp_path: Path
) -> None:
    server = start(script=PLAIN).up()
    url = f"{server.url}/score"
    assert requests.post(url, json={"n": 1}, headers={"x-request-id": "r-1"}, timeout=10).ok
    assert requests.get(url, params={"n": 2}, headers={"x-request-id": "r-2"}, timeout=10).ok
    assert requests.post(url, json={"n": 3, "fail": 1}, timeout=10).status_code == 500
    wait_for(lambda: len(rows(tmp_path, "predictions")) == 2, "rows")
    page = requests.get(f"{server.url}/metrics", timeout=10).text
    server.stop()
    (path,) = files(tmp_path, "inputs")
    place = path.relative_to(tmp_path / "collected").as_posix()
    assert place.startswith("modeldata/default/default/default/svc/m/3/inputs/2")
    assert place.endswith("/inputs.csv")
    inputs, predictions = rows(tmp_path, "inputs"), rows(tmp_path, "predictions")
    ids = ["r-1", "r-2"]
    for column in ("$aml_dc_correlation_id", "$aml_request_id"):
        assert [row[column] for row in inputs] == [row[column] for row in predictions] == ids
    assert [row["n"] for row in inputs] == ["1", "2"]
    assert [row["double"] for row in predictions] == ["2", "4"]
    assert "mlmagic_collection_records_total 4.0" in page
    assert "mlmagic_collection_dropped_total 0.0" in page


def test_bodies_that_are_no_tables_are_recorded_as_text_or_said_to_be_left_out(
    start: Callable[..., Started], tmp_path: Path
) -> None:
    server = start(script=ANY).up()
    array = io.BytesIO()
    np.save(array, np.ones(3))
    long = b'"' + b"x" * (1 << 20) + b'"'
    bodies = [b'{"a": {"b": 1}, "c": [2, "x"]}', b"plain text", array.getvalue(), long]
    for body in bodies:
        assert requests.post(f"{server.url}/score", body, timeout=10).ok
    server.stop()
    found = [row["body"] for row in rows(tmp_path, "inputs")]
    assert found[:2] == ['{"a": {"b": 1}, "c": [2, "x"]}', "plain text"]
    assert found[2] == f"[left out: {len(bodies[2])} bytes of binary data, application/json]"
    assert found[3] == f"[left out: {len(bodies[3])} bytes, more than {1 << 20}]"
    assert [row["prediction"] for row in rows(tmp_path, "predictions")] == ["ok"] * 4


def test_requests_of_the_open_inference_protocol_are_recorded(
    start: Callable[..., Started], tmp_path: Path
) -> None:
    server = start(script=TENSORS).up()
    names = json.loads(requests.get(f"{server.url}/swagger.json", timeout=10).text)["paths"]
    path = next((each for each in names if each.endswith("/infer")), "/v2/models/svc/infer")
    tensor = {"name": "x", "shape": [3], "datatype": "INT64", "data": [1, 2, 3]}
    answer = requests.post(f"{server.url}{path}", json={"inputs": [tensor]}, timeout=10)
    assert answer.ok, answer.text
    server.stop()
    assert [row["x"] for row in rows(tmp_path, "inputs")] == ["1", "2", "3"]
    assert len(rows(tmp_path, "predictions")) == 3


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_store_of_fsspec_gets_all_rows_at_the_end(
    start: Callable[..., Started], tmp_path: Path, form: str
) -> None:
    # fsspec's own implementation for this machine: files that are written whole, as in a bucket.
    place = {"AML_MODEL_DC_STORAGE": f"local://{tmp_path / 'collected'}", "MLMAGIC_COLLECTION_FORMAT": form}
    server = start("--workers", "2", script=PLAIN, **place).up()
    load = Load(server.url)
    load.after(200)
    server.process.send_signal(signal.SIGTERM)
    load.stopped.set()
    assert server.process.wait(30) == 0
    load.stop()
    read = pd.read_parquet if form == "parquet" else pd.read_csv
    table = pd.concat([read(path) for path in files(tmp_path, "inputs")])
    assert table["n"].is_unique
    assert set(load.answered) <= set(table["n"])
    assert len(files(tmp_path, "inputs")) <= 4, "a file for each replica and batch"


def test_a_store_that_comes_back_gets_what_waited_once(start: Callable[..., Started], tmp_path: Path) -> None:
    (tmp_path / "collected").write_text("in the way")
    server = start(script=PLAIN).up()
    for number in range(20):
        assert server.score(json.dumps({"n": number})).ok
    (tmp_path / "collected").unlink()
    wait_for(lambda: len(rows(tmp_path, "inputs")) == 20, "the rows", timeout=20)
    server.stop()
    assert [int(row["n"]) for row in rows(tmp_path, "inputs")] == list(range(20))
    assert "dropped" not in server.log.read_text()


@pytest.mark.parametrize(("first", "second"), [(PLAIN, OWN), (OWN, PLAIN)])
def test_a_reload_changes_who_records(
    start: Callable[..., Started], tmp_path: Path, first: str, second: str
) -> None:
    server = start("--live", script=first).up()
    assert server.score('{"n": 1}').ok
    (tmp_path / "score.py").write_text(second)
    answer, _ = send_command(server.run_dir, {"do": RELOAD}, timeout=20)
    assert answer.get("init"), answer
    assert server.score('{"n": 2}').ok
    server.stop()
    written = sorted((row["n"], row["$aml_model_version"]) for row in rows(tmp_path, "inputs"))
    versions = {PLAIN: "3", OWN: "default"}
    assert written == [("1", versions[first]), ("2", versions[second])]


def test_a_store_that_fails_delays_no_answer(start: Callable[..., Started], tmp_path: Path) -> None:
    (tmp_path / "collected").write_text("in the way")
    server = start(script=PLAIN).up()
    for number in range(20):
        assert server.score(json.dumps({"n": number})).json() == {"double": 2 * number}
    server.stop()
    assert "records of collected data were dropped: the store failed" in server.log.read_text()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MLMAGIC_COLLECTION_SAMPLE_RATE", "2", "SAMPLE_RATE is '2': it must be a number from 0 to 1"),
        ("MLMAGIC_COLLECTION_FORMAT", "xml", "FORMAT is 'xml': it must be one of csv, parquet"),
        ("AML_MODEL_DC_STORAGE", "nowhere://x", "AML_MODEL_DC_STORAGE begins with nowhere://"),
    ],
)
def test_a_wrong_setting_is_refused_at_the_start(
    start: Callable[..., Started], variable: str, value: str, words: str
) -> None:
    server = start(**{variable: value})
    assert server.process.wait(20) == 2
    assert words in server.log.read_text()
