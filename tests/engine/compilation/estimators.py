"""Fitted estimators, each by a name: those that are compiled, and those that are not, with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import pandas
from lightgbm import LGBMClassifier, LGBMRegressor, early_stopping
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingRegressor,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Perceptron, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier

RANDOM = numpy.random.default_rng(0)
X = RANDOM.normal(size=(300, 6)).round(3)
VALUES = X @ RANDOM.normal(size=6) + X[:, 0] ** 2
CLASSES = (X[:, 0] + X[:, 1] ** 2 > 1).astype(int) + (X[:, 2] > 1)
NAMES = numpy.array(["red", "green", "blue"])[CLASSES]
BOTH = X[:, 0] + X[:, 1] ** 2 > 1
NAMED = pandas.DataFrame(X, columns=list("abcdef"))
TABLE = pandas.DataFrame(
    {
        "age": RANDOM.integers(18, 90, 300),
        "income": RANDOM.normal(30_000, 10_000, 300),
        "city": RANDOM.choice(["Paris", "Rome", "Bern"], 300),
        "plan": RANDOM.choice(["a", "b"], 300),
    }
)
CHURN = (TABLE.age > 40) & (TABLE.city != "Rome")
NUMBERS, TEXTS = ["age", "income"], ["city", "plan"]


def columns(unknown: str, numbers: Any = None) -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("numbers", numbers or StandardScaler(), NUMBERS),
            ("texts", OneHotEncoder(handle_unknown=unknown), TEXTS),
        ]
    )


def with_gaps() -> pandas.DataFrame:
    return TABLE.assign(age=TABLE.age.where(TABLE.age > 25))


COMPILED: dict[str, Callable[[], Any]] = {
    "ridge": lambda: Ridge().fit(X, VALUES),
    "ridge, two values": lambda: Ridge().fit(X, numpy.c_[VALUES, VALUES]),
    "ridge, column names": lambda: Ridge().fit(NAMED, VALUES),
    "grid search": lambda: GridSearchCV(Ridge(), {"alpha": [1, 2]}).fit(X, VALUES),
    "logistic regression": lambda: LogisticRegression().fit(X, CLASSES),
    "logistic regression, text": lambda: LogisticRegression().fit(X, NAMES),
    "logistic regression, bool": lambda: LogisticRegression().fit(X, BOTH),
    "svc": lambda: SVC().fit(X, CLASSES),
    "linear svc": lambda: LinearSVC().fit(X, CLASSES),
    "ridge classifier": lambda: RidgeClassifier().fit(X, NAMES),
    "perceptron, bool": lambda: Perceptron().fit(X, BOTH),
    "bernoulli": lambda: BernoulliNB(binarize=0.3).fit(X, CLASSES),
    "bagging": lambda: BaggingRegressor(n_estimators=5, random_state=0).fit(X, VALUES),
    "decision tree": lambda: DecisionTreeClassifier(max_depth=3).fit(X, NAMES),
    "random forest": lambda: RandomForestClassifier(100, random_state=0).fit(X, CLASSES),
    "random forest, text": lambda: RandomForestClassifier(100, max_depth=3, random_state=0).fit(X, NAMES),
    "random forest, bool": lambda: RandomForestClassifier(100, random_state=0).fit(X, BOTH),
    "random forest, values": lambda: RandomForestRegressor(100, random_state=0).fit(X, VALUES),
    "extra trees": lambda: ExtraTreesClassifier(20, random_state=0).fit(X, CLASSES),
    "gradient boosting": lambda: GradientBoostingClassifier(n_estimators=30).fit(X, CLASSES),
    "gradient boosting, bool": lambda: GradientBoostingClassifier(n_estimators=30).fit(X, BOTH),
    "gradient boosting, values": lambda: GradientBoostingRegressor(n_estimators=30).fit(X, VALUES),
    "histogram boosting": lambda: HistGradientBoostingClassifier(max_iter=20).fit(X, NAMES),
    "histogram boosting, bool": lambda: HistGradientBoostingClassifier(max_iter=20).fit(X, BOTH),
    "histogram boosting, values": lambda: HistGradientBoostingRegressor(max_iter=20).fit(X, VALUES),
    "ada boost": lambda: AdaBoostClassifier(n_estimators=10).fit(X, CLASSES),
    "naive Bayes": lambda: GaussianNB().fit(X, CLASSES),
    "neural network": lambda: MLPClassifier((8,), max_iter=20).fit(X, CLASSES),
    "k-means": lambda: KMeans(3, n_init=1, random_state=0).fit(X),
    "voting": lambda: VotingRegressor([("ridge", Ridge())]).fit(X, VALUES),
    "scaler": lambda: StandardScaler().fit(X),
    "scaler and logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(X, NAMES),
    "scaler, PCA and SVC": lambda: make_pipeline(StandardScaler(), PCA(3), SVC()).fit(X, CLASSES),
    "scaler and forest": lambda: make_pipeline(StandardScaler(), RandomForestClassifier(20)).fit(X, NAMES),
    "imputer and ridge": lambda: make_pipeline(SimpleImputer(), Ridge()).fit(X, VALUES),
    "columns": lambda: make_pipeline(columns("ignore"), LogisticRegression()).fit(TABLE, CHURN),
    "columns, strict": lambda: make_pipeline(columns("error"), LogisticRegression()).fit(TABLE, CHURN),
    "columns and forest": lambda: make_pipeline(
        columns("ignore", make_pipeline(SimpleImputer(), StandardScaler())), RandomForestClassifier(20)
    ).fit(with_gaps(), CHURN),
    "xgboost": lambda: XGBClassifier(n_estimators=20).fit(X, CLASSES),
    "xgboost, two classes": lambda: XGBClassifier(n_estimators=20).fit(X, BOTH.astype(int)),
    "xgboost, values": lambda: XGBRegressor(n_estimators=20).fit(X, VALUES),
    "xgboost, early stop": lambda: XGBClassifier(n_estimators=200, early_stopping_rounds=2).fit(
        X[:200], CLASSES[:200], eval_set=[(X[200:], CLASSES[200:])], verbose=False
    ),
    "xgboost, column names": lambda: XGBRegressor(n_estimators=9).fit(NAMED, VALUES),
    "xgboost, counts": lambda: XGBRegressor(n_estimators=9, objective="count:poisson").fit(X, CLASSES),
    "xgboost, forest": lambda: XGBRFClassifier(n_estimators=9).fit(X, CLASSES),
    "scaler and xgboost": lambda: make_pipeline(StandardScaler(), XGBClassifier(n_estimators=9)).fit(
        X, CLASSES
    ),
    "lightgbm": lambda: LGBMClassifier(n_estimators=20, verbose=-1).fit(X, NAMES),
    "lightgbm, bool": lambda: LGBMClassifier(n_estimators=20, verbose=-1).fit(X, BOTH),
    "lightgbm, values": lambda: LGBMRegressor(n_estimators=20, verbose=-1).fit(X, VALUES),
    "lightgbm, early stop": lambda: LGBMClassifier(n_estimators=200, verbose=-1).fit(
        *(X[:200], CLASSES[:200]),
        eval_set=[(X[200:], CLASSES[200:])],
        callbacks=[early_stopping(2, verbose=False)],
    ),
    "lightgbm, column names": lambda: LGBMRegressor(n_estimators=9, verbose=-1).fit(NAMED, VALUES),
    "lightgbm, counts": lambda: LGBMRegressor(n_estimators=9, objective="poisson", verbose=-1).fit(
        X, CLASSES
    ),
    "lightgbm, gaps": lambda: LGBMRegressor(n_estimators=9, verbose=-1).fit(
        numpy.where(X > 1, numpy.nan, X), VALUES
    ),
    "histogram boosting, gaps": lambda: HistGradientBoostingRegressor(max_iter=9).fit(
        numpy.where(X > 1, numpy.nan, X), VALUES
    ),
    "forest, gaps": lambda: RandomForestClassifier(9, random_state=0).fit(
        numpy.where(X > 1, numpy.nan, X), CLASSES
    ),
    "scaler and lightgbm": lambda: make_pipeline(
        StandardScaler(), LGBMRegressor(n_estimators=9, verbose=-1)
    ).fit(X, VALUES),
}
"""Estimators that are compiled."""

REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a function": (lambda: FunctionTransformer(numpy.log1p).fit(abs(X)), "The converter to ONNX does not"),
    "neighbours": (
        lambda: KNeighborsClassifier().fit(X, CLASSES),
        "Of neighbours at the same distance, onnxruntime may choose others.",
    ),
    "neighbours in a stack": (
        lambda: StackingClassifier([("near", KNeighborsClassifier()), ("line", LogisticRegression())]).fit(
            X, CLASSES
        ),
        "Of neighbours at the same distance, onnxruntime may choose others.",
    ),
    "text on an array": (
        lambda: OneHotEncoder().fit(TABLE[TEXTS].to_numpy(dtype=object)),
        "It takes text columns, but was fitted on an array: fit it on a pandas DataFrame.",
    ),
    "text": (lambda: CountVectorizer().fit(["one two", "two"]), "The number of its columns is not known"),
    "boosting from a model": (
        lambda: GradientBoostingClassifier(init=LogisticRegression(), n_estimators=3).fit(X, CLASSES),
        "Its boosting starts from a model of its own (init).",
    ),
    "svr": (lambda: SVR().fit(X, VALUES), "when compiled, and"),
    "bins": (
        lambda: make_pipeline(
            RobustScaler(), KBinsDiscretizer(encode="ordinal"), DecisionTreeClassifier(random_state=0)
        ).fit(X, CLASSES),
        "rows at the thresholds",
    ),
    "boosting of categories": (
        lambda: HistGradientBoostingClassifier(max_iter=3, categorical_features=[0]).fit(
            numpy.c_[CLASSES, X], CLASSES
        ),
        "Its boosting has categorical features.",
    ),
    "linear xgboost": (
        lambda: XGBRegressor(booster="gblinear").fit(X, VALUES),
        "Its booster 'gblinear' cannot be compiled.",
    ),
    "xgboost, zero is missing": (
        lambda: XGBRegressor(missing=0, n_estimators=3).fit(X, VALUES),
        "It takes 0 for a missing value.",
    ),
    "lightgbm forest": (
        lambda: LGBMRegressor(
            boosting_type="rf", bagging_freq=1, bagging_fraction=0.5, n_estimators=3, verbose=-1
        ).fit(X, VALUES),
        "Its kind of boosting cannot be compiled.",
    ),
    "lightgbm of categories": (
        lambda: LGBMRegressor(n_estimators=9, verbose=-1, min_data_in_leaf=5).fit(
            TABLE.assign(city=TABLE.city.astype("category"), plan=1), TABLE.age * (TABLE.city == "Rome")
        ),
        "It has categorical features",
    ),
    "xgboost of categories": (
        lambda: XGBRegressor(n_estimators=9, enable_categorical=True).fit(
            TABLE.assign(city=TABLE.city.astype("category"), plan=1), TABLE.age * (TABLE.city == "Rome")
        ),
        "It has categorical features",
    ),
    "not a model": (
        lambda: {"a": 1},
        "It is a dict, not an estimator of scikit-learn, XGBoost or LightGBM.",
    ),
}
"""Estimators that are not, and what the reason contains."""
