"""Scikit-learn predicts, warns and fails as it does by itself, only with fewer questions about its input."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from narwhals.stable.v2 import dependencies
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from mlmagic.scoring.data_frame_detection import _MODULES, _QUESTIONS, answer_once

ROWS = np.random.default_rng(0).normal(size=(60, 3))
LABELS = ROWS.sum(1) > 0
TABLE = pd.DataFrame(ROWS, columns=["a", "b", "c"])
MIXED = TABLE.assign(b=np.where(LABELS, "yes", "no"))
ESTIMATORS = {
    "ridge": Ridge().fit(ROWS, ROWS.sum(1)),
    "ridge of a table": Ridge().fit(TABLE, ROWS.sum(1)),
    "logistic": LogisticRegression().fit(ROWS, LABELS),
    "forest": RandomForestClassifier(5, random_state=0).fit(ROWS, LABELS),
    "boosting": HistGradientBoostingClassifier(max_iter=5).fit(ROWS, LABELS),
    "neighbours": KNeighborsRegressor().fit(ROWS, ROWS.sum(1)),
    "pipeline": make_pipeline(StandardScaler(), SVC()).fit(ROWS, LABELS),
    "columns": make_pipeline(
        ColumnTransformer([("words", OneHotEncoder(), ["b"])], remainder=StandardScaler()),
        LogisticRegression(),
    ).fit(MIXED, LABELS),
}
INPUTS = {
    "rows": ROWS[:4],
    "one row": ROWS[:1],
    "integers": np.arange(6).reshape(2, 3),
    "float32": ROWS[:4].astype(np.float32),
    "column order": np.asfortranarray(ROWS[:4]),
    "one dimension": ROWS[0],
    "three dimensions": ROWS[:4].reshape(2, 2, 3),
    "no dimension": np.array(1.0),
    "no rows": ROWS[:0],
    "too few columns": ROWS[:4, :2],
    "not a number": np.array([[1.0, np.nan, 2.0]]),
    "infinite": np.array([[1.0, np.inf, 2.0]]),
    "too large": np.array([[1e39, 1.0, 2.0]]),
    "text": np.array([["a", "b", "c"]]),
    "objects": np.array([[1.0, None, 2.0]], dtype=object),
    "complex": ROWS[:2].astype(complex),
    "a subclass": np.ma.masked_array(ROWS[:2]),
    "a matrix of scipy": scipy.sparse.csr_matrix(ROWS[:2]),
    "lists": ROWS[:2].tolist(),
    "a table": TABLE[:2],
    "a mixed table": MIXED[:2],
    "other columns": TABLE[:2].rename(columns={"a": "z"}),
    "a series": TABLE["a"],
}


@pytest.fixture
def answering() -> Iterator[Callable[[], None]]:
    """Has the questions answered; afterwards they are asked as before."""
    before = {
        (name, each): getattr(sys.modules.get(name), each, None) for name in _MODULES for each in _QUESTIONS
    }
    yield answer_once
    for (name, each), function in before.items():
        if function is not None:
            setattr(sys.modules[name], each, function)


@pytest.mark.parametrize("given", INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
def test_nothing_else_changes(estimator: Any, given: Any, answering: Callable[[], None]) -> None:
    before = _outcome(estimator, given)
    answering()
    assert _outcome(estimator, given) == before


def test_only_arrays_and_lists_have_an_answer(answering: Callable[[], None]) -> None:
    answering()
    asked = dependencies.is_into_dataframe
    answering()
    assert dependencies.is_into_dataframe is asked, "once is enough"
    assert [asked(each) for each in (ROWS, TABLE, TABLE["a"], [1])] == [False, True, False, False]
    assert asked(native_dataframe=TABLE)
    assert [dependencies.is_into_series(each) for each in (ROWS, TABLE, TABLE["a"])] == [False, False, True]


def test_without_these_libraries() -> None:
    answer_once({})
    answer_once({"numpy": np, "narwhals.dependencies": object()})


@pytest.mark.processes
def test_a_server_does_so(start_script: Callable[..., Any]) -> None:
    """Also for a script that imports scikit-learn in init(), as joblib.load does."""
    running = start_script(
        "import json\n"
        "def init():\n"
        "    global model\n"
        "    from sklearn.linear_model import Ridge\n"
        "    model = Ridge().fit([[0.0], [1.0]], [0.0, 1.0])\n"
        "def run(data):\n"
        "    import numpy\n"
        "    from narwhals.stable.v2.dependencies import is_into_dataframe\n"
        "    rows = numpy.array(json.loads(data)['data'])\n"
        "    return [hasattr(is_into_dataframe, '__wrapped__'), *model.predict(rows)]\n"
    )
    status, text, _ = running.ask(body=json.dumps({"data": [[1.0]]}))
    assert (status, json.loads(text)[0]) == (200, True)
    assert running.ask(body='{"data": [[NaN]]}')[0] == 500
    assert running.ask(body='{"data": [[1.0, 2.0]]}')[0] == 500


def _outcome(estimator: Any, given: Any) -> tuple[Any, list[str]]:
    """The predictions, or the error; and the warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = estimator.predict(given)
            result: Any = (found.dtype, found.tolist())
        except Exception as error:
            result = (type(error), str(error))
    return result, [str(each.message) for each in told]
