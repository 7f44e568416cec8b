"""scikit-learn, XGBoost, LightGBM and MLflow folders without mlflow, with the real libraries."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlmagic.scoring.script import InitFailed

from .served import Serve

pytestmark = pytest.mark.processes  # not that they start any: the libraries take seconds to import


def saved(model: Any, folder: Path) -> Path:
    import joblib

    joblib.dump(model, folder / "model.pkl")
    return folder


def test_probabilities_unless_another_method_is_asked_for(zoo: Any, serve: Serve, tmp_path: Path) -> None:
    model = zoo.LogisticRegression().fit(zoo.ROWS, zoo.CLASSES)
    served = serve("scikit_learn", saved(model, tmp_path), warmup={"data": zoo.ROWS.tolist()})
    body = {"data": zoo.ROWS[:2].tolist()}
    np.testing.assert_allclose(served.ask(body), model.predict_proba(zoo.ROWS[:2]))
    assert served.ask({**body, "method": "predict"}) == [0, 0]
    assert "this model has predict_proba, predict, " in served.ask({**body, "method": "fit"})
    assert "got text" in served.ask({"data": [["a", "b"]]})


def test_columns_come_by_name_into_a_pipeline(zoo: Any, serve: Serve, tmp_path: Path) -> None:
    encode = zoo.make_column_transformer((zoo.OneHotEncoder(), ["town"]), remainder="passthrough")
    model = zoo.make_pipeline(encode, zoo.LogisticRegression()).fit(zoo.PEOPLE, zoo.CLASSES)
    served = serve("scikit_learn", saved(model, tmp_path), warmup={"data": zoo.PEOPLE.to_dict("records")})
    for data in ([{"town": "Ulm", "age": 3}], [[3, "Ulm"]]):
        assert served.ask({"data": data, "method": "predict"}) == [0]
    assert "got rows without 'town'" in served.ask({"data": [{"age": 3}]})
    assert served.describe()["input"]["properties"]["data"]["items"]["required"] == ["age", "town"]


@pytest.mark.parametrize("kind", ["regressor", "outliers", "clusters", "boosting"])
def test_models_of_every_kind(zoo: Any, serve: Serve, tmp_path: Path, kind: str) -> None:
    served = serve("scikit_learn", saved(zoo.KINDS[kind], tmp_path))
    assert len(served.ask({"data": zoo.ROWS.tolist()})) == 4


def test_null_is_a_missing_value(zoo: Any, serve: Serve, tmp_path: Path) -> None:
    model = zoo.HistGradientBoostingClassifier().fit(zoo.ROWS, zoo.CLASSES)
    assert len(serve("scikit_learn", saved(model, tmp_path)).ask({"data": [[None, 1]]})) == 1


def test_texts(zoo: Any, serve: Serve, tmp_path: Path) -> None:
    vectorizer = zoo.CountVectorizer().fit(["one two"])
    assert serve("scikit_learn", saved(vectorizer, tmp_path)).ask({"data": ["two two"]}) == [[0, 2]]


def test_a_model_that_cannot_predict_is_refused(zoo: Any, serve: Serve, tmp_path: Path) -> None:
    with pytest.raises(InitFailed, match="DBSCAN, which has none of the methods predict_proba"):
        serve("scikit_learn", saved(zoo.DBSCAN().fit(zoo.ROWS), tmp_path))
    with pytest.raises(InitFailed, match="no file that ends in"):
        serve("onnx", tmp_path)


def test_batches_of_rows(zoo: Any, serve: Serve, tmp_path: Path) -> None:
    assert serve(
        "scikit_learn", saved(zoo.KMeans(2, n_init=1).fit(zoo.ROWS), tmp_path), batch=True
    ).script.batch


@pytest.mark.parametrize("ending", ["json", "ubj", "pkl"])
def test_a_booster_of_xgboost(zoo: Any, serve: Serve, tmp_path: Path, ending: str) -> None:
    frame = zoo.pd.DataFrame(zoo.ROWS, columns=["a", "b"])
    booster = zoo.xgboost.train({"objective": "binary:logistic"}, zoo.xgboost.DMatrix(frame, zoo.CLASSES), 3)
    if ending == "pkl":
        saved(booster, tmp_path)
    else:
        booster.save_model(tmp_path / f"model.{ending}")
    expected = booster.predict(zoo.xgboost.DMatrix(frame))
    served = serve("xgboost", tmp_path)
    for data in (zoo.ROWS.tolist(), frame[["b", "a"]].to_dict("records")):
        np.testing.assert_allclose(served.ask({"data": data}), expected, rtol=1e-6)
    assert "Expected rows of 2 values, got 3" in served.ask({"data": [[1, 2, 3]]})


@pytest.mark.parametrize("ending", ["txt", "pkl"])
@pytest.mark.parametrize("names", [None, ["a", "b"]])
def test_a_booster_of_lightgbm(
    zoo: Any, serve: Serve, tmp_path: Path, ending: str, names: list[str] | None
) -> None:
    data = zoo.lightgbm.Dataset(
        zoo.ROWS, zoo.CLASSES, feature_name=names or "auto", params={"min_data_in_bin": 1}
    )
    settings = {"objective": "binary", "verbose": -1, "min_data_in_leaf": 1}
    booster = zoo.lightgbm.train(settings, data, 3)
    if ending == "pkl":
        saved(booster, tmp_path)
    else:
        booster.save_model(tmp_path / "model.txt")
    served = serve("lightgbm", tmp_path)
    np.testing.assert_allclose(served.ask({"data": zoo.ROWS.tolist()}), booster.predict(zoo.ROWS))
    assert "Expected rows of 2 values, got 3" in served.ask({"data": [[1, 2, 3]]})


def test_the_scikit_learn_classes_of_both(zoo: Any, serve: Serve, tmp_path: Path) -> None:
    for module, model in (
        ("xgboost", zoo.xgboost.XGBClassifier(n_estimators=2)),
        ("lightgbm", zoo.lightgbm.LGBMClassifier(n_estimators=2, verbose=-1)),
    ):
        served = serve(module, saved(model.fit(zoo.ROWS, zoo.CLASSES), tmp_path))
        assert np.shape(served.ask({"data": zoo.ROWS.tolist()})) == (4, 2)
        assert len(served.ask({"data": zoo.ROWS.tolist(), "method": "predict"})) == 4


def test_several_models_behind_one_service(zoo: Any, serve: Serve, tmp_path: Path) -> None:
    for place, model in {
        "lin/1": zoo.LinearRegression(),
        "lin/2": zoo.LinearRegression(),
        "log/7": zoo.LogisticRegression(),
    }.items():
        (tmp_path / place).mkdir(parents=True)
        saved(model.fit(zoo.ROWS, zoo.CLASSES), tmp_path / place)
    script = (
        "from mlmagic.scoring.frameworks.multi import serve\n"
        "models = {'lin:1': 'scikit_learn', 'lin:2': 'scikit_learn', 'log:7': 'scikit_learn'}\n"
        "init, run = serve(models, {'log:7': {'data': [[1, 2]]}})\n"
    )
    served = serve(script, tmp_path)
    assert np.shape(served.ask({"model": "log", "data": zoo.ROWS.tolist()})) == (4, 2)
    assert served.ask({"model": "log:7", "data": zoo.ROWS.tolist(), "method": "predict"}) == [0, 0, 1, 1]
    assert len(served.ask({"model": "lin:2", "data": zoo.ROWS.tolist()})) == 4
    missing = "400: A value is not provided for the 'model' parameter."
    there = "This service has the models lin:1, lin:2, log."
    assert served.ask({"data": [[1, 2]]}) == f"{missing} {there}"
    assert served.ask({"model": "lin", "data": [[1, 2]]}).endswith(f"model not found. {there}")
    assert served.ask([[1, 2]]).endswith(there)
    told = served.describe()["input"]
    assert told["properties"]["model"]["enum"] == ["lin:1", "lin:2", "log"]
    assert "log: data, method" in told["description"]


def test_an_mlflow_folder_without_mlflow(
    zoo: Any, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("sys.path", [*sys.path])
    folder = tmp_path / "run" / "model"
    folder.mkdir(parents=True)
    columns = [{"name": name, "type": "double"} for name in ("a", "b")]
    described = {
        "flavors": {"sklearn": {"pickled_model": "model.pkl"}},
        "signature": {"inputs": json.dumps(columns)},
    }
    (folder / "MLmodel").write_text(json.dumps(described))  # JSON is YAML
    saved(zoo.LogisticRegression().fit(zoo.pd.DataFrame(zoo.ROWS, columns=["a", "b"]), zoo.CLASSES), folder)
    served = serve("mlflow", tmp_path)
    assert np.shape(served.ask({"data": [{"b": 1, "a": 2}]})) == (1, 2)
    assert np.shape(served.ask({"dataframe_split": {"columns": ["b", "a"], "data": [[1, 2]]}})) == (1, 2)
    assert np.shape(served.ask({"instances": [[1, 2]]})) == (1, 2)
    # What MLflow writes since 3.17.
    import skops.io

    fitted = zoo.LogisticRegression().fit(zoo.pd.DataFrame(zoo.ROWS, columns=["a", "b"]), zoo.CLASSES)
    skops.io.dump(fitted, folder / "model.skops")
    described["flavors"] = {"sklearn": {"pickled_model": "model.skops", "skops_trusted_types": None}}
    (folder / "MLmodel").write_text(json.dumps(described))
    assert np.shape(serve("mlflow", tmp_path).ask({"data": [[1, 2]]})) == (1, 2)
    # Its own modules, and the method that MLflow calls.
    (folder / "code").mkdir()
    (folder / "code" / "own_features.py").write_text("def same(rows): return rows\n")
    described["flavors"]["python_function"] = {"code": "code", "predict_fn": "predict"}
    (folder / "MLmodel").write_text(json.dumps(described))
    assert np.shape(serve("mlflow", tmp_path).ask({"data": [[1, 2]]})) == (1,)
    assert importlib.import_module("own_features").same(1) == 1
    (folder / "MLmodel").write_text(json.dumps({"flavors": {"prophet": {}}}))
    with pytest.raises(InitFailed, match="flavours prophet, and none of them can be loaded without mlflow"):
        serve("mlflow", tmp_path)
