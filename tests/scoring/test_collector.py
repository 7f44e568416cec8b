"""What the collectors keep, and that they never disturb."""

import csv
import json
import os
import re

import numpy as np
import pandas as pd
import pytest

from mlmagic.scoring.collection import collection
from mlmagic.scoring.shims.collector import Collector, ModelDataCollector


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Collecting is on; the files there are, with their lines."""
    monkeypatch.setenv("AML_MODEL_DC_STORAGE_ENABLED", "true")
    monkeypatch.setenv("AML_MODEL_DC_STORAGE", str(tmp_path))

    def kept():
        collection.close_collection()  # writes what waits
        return {
            str(path.relative_to(tmp_path)): path.read_text().splitlines()
            for path in sorted(tmp_path.rglob("*.*"))
            if path.suffix in (".csv", ".jsonl")
        }

    return kept


ROWS = [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("data", "names", "rows"),
    [
        ([1, 2], ["a", "b"], [["1", "2"]]),
        (ROWS, ["a", "b"], [["1.0", "2.0"], ["3.0", "4.0"]]),
        (np.array([1, 2]), ["a", "b"], [["1", "2"]]),
        (np.array(ROWS), ["a", "b"], [["1.0", "2.0"], ["3.0", "4.0"]]),
        (pd.DataFrame({"x": [1], "y": ["t,u"]}), ["x", "y"], [["1", "t,u"]]),
        (7, ["a"], [["7"]]),
    ],
)
def test_rows_become_csv(kept, data, names, rows):
    collector = ModelDataCollector("m", "inputs", feature_names=["a", "b"], model_version=3)
    correlations = collector.collect(data, "me")
    assert re.fullmatch(r"me-[0-9a-f-]{36}", correlations["$aml_dc_correlation_id"])
    collector.collect(data)
    (path, lines), *rest = kept().items()
    assert not rest
    assert re.fullmatch(
        r"modeldata/default/default/default/default/m/3/inputs/\d{4}/\d\d/\d\d/inputs.csv", path
    )
    header, *written = csv.reader(lines)
    assert header[8:] == names
    assert header[:8] == list(correlations)
    assert [line[8:] for line in written] == rows * 2
    assert written[0][:8] == list(correlations.values())


@pytest.mark.parametrize("data", [[1, 2], np.array(ROWS), pd.DataFrame({"x": [1]})])
def test_predictions_carry_the_id_of_their_inputs(kept, data):
    correlations = ModelDataCollector("m", "inputs").collect([1])
    predictions = ModelDataCollector("m", "predictions")
    assert predictions.collect(predictions.add_correlations(data, correlations)) is None
    ((_, lines),) = [item for item in kept().items() if "predictions" in item[0]]
    for row in csv.DictReader(lines):
        assert row["$aml_dc_correlation_id"] == correlations["$aml_dc_correlation_id"]


def test_names_stay_below_the_folder(kept):
    ModelDataCollector("../../m", collection_name="../x", workspace="a/../..").collect([1])
    (path,) = kept()
    assert path.startswith("modeldata/a/_/_/default/_.._m/default/general/")
    assert path.endswith("/_x.csv")


def test_it_prints_when_told_to(monkeypatch, capsys, kept):
    monkeypatch.setenv("AML_MODEL_DC_STORAGE_ENABLED", "false")
    monkeypatch.setenv("AML_MODEL_DC_DEBUG", "true")
    ModelDataCollector("m", "labels", feature_names=["f"]).collect([5])
    assert json.loads(capsys.readouterr().out)["f"] == 5
    assert kept() == {}


def test_it_is_silent_otherwise(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert set(ModelDataCollector("m", "inputs").collect([5])) > {"$aml_dc_correlation_id"}
    assert ModelDataCollector("m", "predictions").add_correlations([5], None) == [5]
    assert capsys.readouterr() == ("", "")
    assert not [path for path in tmp_path.rglob("*") if "modeldata" in path.name]


def test_a_store_that_fails_is_tried_again_and_fails_no_prediction(monkeypatch, capsys, kept, tmp_path):
    monkeypatch.setattr(collection, "PAUSES", (0.0, 0.0))
    (tmp_path / "modeldata").write_text("in the way")
    errors = []
    assert ModelDataCollector("m", "inputs").collect([5])
    Collector(name="c", on_error=errors.append).collect([5])
    collection.close_collection()
    assert "mlmagic: 2 records of collected data were dropped: the store failed" in capsys.readouterr().err
    assert len(errors) == 1


def test_what_cannot_be_read_fails_no_prediction(capsys, kept):
    class Broken:
        def tolist(self):
            raise ValueError("broken by the test")

    assert ModelDataCollector("m", "inputs").collect(Broken())
    assert "mlmagic: data was not collected: broken by the test" in capsys.readouterr().err


def test_a_snapshot_is_written(kept):
    array, collector = np.array(ROWS), ModelDataCollector("m", "inputs")
    collector.collect(array)
    array[:] = 0
    ((_, lines),) = kept().items()
    assert [line.split(",")[-1] for line in lines[1:]] == ["2.0", "4.0"]


def test_a_full_queue_drops_and_counts(monkeypatch, capsys, kept):
    monkeypatch.setattr(collection, "MOST_WAITING_BYTES", 3 * collection.LEAST_BYTES)
    monkeypatch.setattr(collection, "DELAY_SECONDS", 60.0)
    collector = ModelDataCollector("m", "inputs")
    for number in range(10):
        collector.collect([number])
    ((_, lines),) = kept().items()
    assert [line.split(",")[-1] for line in lines[1:]] == ["0", "1", "2"]
    assert "mlmagic: 7 records of collected data were dropped: the queue is full" in capsys.readouterr().err


def test_rows_of_other_columns_have_a_file_of_their_own(kept):
    ModelDataCollector("m", "inputs", feature_names=["a"]).collect([1])
    ModelDataCollector("m", "inputs", feature_names=["a", "b"]).collect([1, 2])
    ModelDataCollector("m", "inputs", feature_names=["a"]).collect([3])
    found = {
        tuple(lines[0].split(",")[8:]): [line.split(",")[8:] for line in lines[1:]]
        for lines in kept().values()
    }
    assert found == {("a",): [["1"], ["3"]], ("a", "b"): [["1", "2"]]}


def test_labels_of_several_requests_keep_their_ids(kept):
    ids = ["x-1", "x-2"]
    ModelDataCollector("m", "labels").collect(pd.DataFrame({"$aml_dc_correlation_id": ids, "y": [0, 1]}))
    ((path, lines),) = kept().items()
    assert path.endswith("/labels.csv")
    assert [(row["$aml_dc_correlation_id"], row["y"]) for row in csv.DictReader(lines)] == [
        ("x-1", "0"),
        ("x-2", "1"),
    ]


def test_a_sample_has_inputs_and_predictions_of_the_same_requests(monkeypatch, kept):
    monkeypatch.setenv("MLMAGIC_COLLECTION_SAMPLE_RATE", "0.5")
    collection.close_collection()
    inputs, predictions = ModelDataCollector("m", "inputs"), ModelDataCollector("m", "predictions")
    for number in range(200):
        correlations = inputs.collect([number])
        predictions.collect(predictions.add_correlations([-number], correlations))
    ids = [{row["$aml_dc_correlation_id"] for row in csv.DictReader(lines)} for lines in kept().values()]
    assert ids[0] == ids[1]
    assert 60 < len(ids[0]) < 140


def test_a_process_that_the_script_forks_writes_only_its_own_rows(kept):
    collector = ModelDataCollector("m", "inputs")
    collector.collect([1])
    child = os.fork()
    if not child:
        collector.collect([2])
        collection.close_collection()
        os._exit(0)
    os.waitpid(child, 0)
    ((_, lines),) = kept().items()
    assert sorted(line.split(",")[-1] for line in lines[1:]) == ["1", "2"]


def test_an_unknown_designation_is_named():
    with pytest.raises(ValueError, match="designation is 'outputs': it must be one of inputs"):
        ModelDataCollector("m", "outputs")


def test_the_later_collector_keeps_json_lines(kept):
    inputs, outputs = Collector(name="model_inputs"), Collector(name="model_outputs")
    context = inputs.collect(pd.DataFrame({"x": [1, 2]}))
    assert outputs.collect(pd.DataFrame({"y": [3]}), context) is context
    records = [json.loads(line) for lines in kept().values() for line in lines]
    assert [record["data"] for record in records] == [[{"x": 1}, {"x": 2}], [{"y": 3}]]
    assert {record["id"] for record in records} == {context.get_id()}
