"""What the collectors keep, and that they never disturb."""

import csv
import json
import re

import numpy as np
import pandas as pd
import pytest

from mlmagic.scoring.shims.collector import Collector, ModelDataCollector


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Collecting is on; the files there are, with their lines."""
    monkeypatch.setenv("AML_MODEL_DC_STORAGE_ENABLED", "true")
    monkeypatch.setenv("AML_MODEL_DC_STORAGE", str(tmp_path))

    def kept():
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


def test_a_full_disk_fails_no_prediction(monkeypatch, capsys, kept, tmp_path):
    (tmp_path / "modeldata").write_text("in the way")
    assert ModelDataCollector("m", "inputs").collect([5])
    assert "cannot write collected data" in capsys.readouterr().err
    errors = []
    Collector(name="c", on_error=errors.append).collect([5])
    assert len(errors) == 1


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
