"""What a script gets for a compiled model is like the estimator, which is loaded only when it is needed."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import joblib
import numpy
import pytest
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .models import Models, X, estimators

pytestmark = pytest.mark.together

LOADED = "loads its original"


@pytest.fixture
def ridge(models: Models) -> Any:
    return joblib.load(models.file("ridge"))


@pytest.fixture
def pipeline(models: Models) -> Any:
    return joblib.load(models.file("pipeline"))


def test_it_looks_like_the_estimator(ridge: Any, pipeline: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert (type(ridge).__name__, type(ridge).__module__) == ("Ridge", "sklearn.linear_model._ridge")
    assert isinstance(ridge, Ridge)
    assert isinstance(ridge, BaseEstimator)
    assert not isinstance(ridge, LogisticRegression)
    assert isinstance(pipeline, Pipeline)
    assert repr(ridge) == "Ridge(alpha=0.5)"
    assert f"{ridge}" == "Ridge(alpha=0.5)"
    assert ridge.n_features_in_ == 10
    assert pipeline.classes_.tolist() == ["no", "yes"]
    assert pipeline.classes_.dtype == estimators()["pipeline"].classes_.dtype
    assert not hasattr(ridge, "predict_proba")
    assert not hasattr(ridge, "transform")
    assert hasattr(pipeline, "predict_proba")
    assert "coef_" in dir(ridge)
    assert callable(ridge.score)
    assert callable(pipeline.predict_log_proba)
    with pytest.raises(AttributeError, match="'Ridge' object has no attribute 'classes_'"):
        _ = ridge.classes_
    assert LOADED not in capfd.readouterr().err


def test_the_original_is_loaded_for_the_rest(ridge: Any, capfd: pytest.CaptureFixture[str]) -> None:
    original = estimators()["ridge"]
    assert ridge.alpha == 0.5
    assert capfd.readouterr().err == (
        "mlmagic: the compiled model 'model.pkl' loads its original for attribute 'alpha'.\n"
    )
    assert ridge.get_params() == original.get_params()
    assert ridge.score(X, X @ numpy.arange(10)) == original.score(X, X @ numpy.arange(10))
    numpy.testing.assert_array_equal(ridge.coef_, original.coef_)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "use",
    [
        lambda model: model.predict(((1.5,) * 10,)),
        lambda model: model.predict(X=[[1.5] * 10]),
        lambda model: model.predict([[1] * 10]),
    ],
)
def test_every_way_to_call_a_method(use: Callable[[Any], Any], ridge: Any) -> None:
    expected = use(estimators()["ridge"])
    assert use(ridge) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("call", [lambda model: model.predict(), lambda model: model.predict(X, 1, 2)])
def test_a_wrong_call_is_the_error_of_the_original(call: Callable[[Any], Any], ridge: Any) -> None:
    with pytest.raises(TypeError) as expected:
        call(estimators()["ridge"])
    with pytest.raises(TypeError) as found:
        call(ridge)
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.fit(X, X[:, 0]),
        lambda model: setattr(model, "intercept_", 5.0),
        lambda model: model.coef_.__setitem__(0, 9.0),
        lambda model: vars(model).update(intercept_=7.0),
    ],
    ids=["fit", "attribute", "array", "dict"],
)
def test_a_change_of_the_estimator_is_seen(change: Callable[[Any], Any], ridge: Any) -> None:
    original = estimators()["ridge"]
    ridge.predict(X)
    for model in (ridge, original):
        change(model)
    numpy.testing.assert_array_equal(ridge.predict(X), original.predict(X))
    assert repr(ridge) == repr(original)


def test_a_change_of_a_step_is_seen(pipeline: Any) -> None:
    original = estimators()["pipeline"]
    assert len(pipeline) == 2
    for model in (pipeline, original):
        model[-1].intercept_[:] = 3
    numpy.testing.assert_array_equal(pipeline.predict_proba(X), original.predict_proba(X))


def test_parameters_that_are_set_are_seen(pipeline: Any) -> None:
    assert pipeline.set_params(logisticregression__C=3.0).get_params()["logisticregression__C"] == 3.0


def test_an_attribute_that_is_new(ridge: Any) -> None:
    ridge.note = "new"
    assert ridge.note == "new"
    del ridge.note
    assert not hasattr(ridge, "note")


def test_copies_are_estimators(ridge: Any) -> None:
    for other in (copy.copy(ridge), copy.deepcopy(ridge), pickle.loads(pickle.dumps(ridge))):
        assert type(other) is Ridge
        numpy.testing.assert_allclose(other.predict(X), ridge.predict(X), rtol=1e-12)
    assert type(clone(ridge)) is Ridge


def test_functions_of_scikit_learn_take_it(ridge: Any, pipeline: Any) -> None:
    check_is_fitted(ridge)
    assert is_classifier(pipeline)
    assert not is_classifier(ridge)


def test_threads_share_it(ridge: Any) -> None:
    expected = estimators()["ridge"].predict(X)
    errors = []

    def work() -> None:
        try:
            for _ in range(50):
                numpy.testing.assert_allclose(ridge.predict(X), expected, rtol=1e-10)
                assert ridge.alpha == 0.5
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_outputs_are_independent(ridge: Any) -> None:
    first = ridge.predict(X)
    kept = first.copy()
    first[:] = 0
    numpy.testing.assert_array_equal(ridge.predict(X), kept)
