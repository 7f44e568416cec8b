"""The real libraries, and what tests fit with them: imported when such a test runs, not before."""

from __future__ import annotations

import joblib
import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

__all__ = [
    "CLASSES",
    "DBSCAN",
    "KINDS",
    "PEOPLE",
    "ROWS",
    "CountVectorizer",
    "HistGradientBoostingClassifier",
    "IsolationForest",
    "KMeans",
    "LinearRegression",
    "LogisticRegression",
    "OneHotEncoder",
    "joblib",
    "lightgbm",
    "make_column_transformer",
    "make_pipeline",
    "pd",
    "xgboost",
]

ROWS = np.array([[0.0, 1], [1, 0], [2, 5], [3, 4]])
CLASSES = np.array([0, 0, 1, 1])
PEOPLE = pd.DataFrame({"age": [1.0, 2, 60, 70], "town": ["Ulm", "Bonn", "Ulm", "Bonn"]})
KINDS = {
    "regressor": LinearRegression().fit(ROWS, CLASSES),
    "outliers": IsolationForest(n_estimators=5).fit(ROWS),
    "clusters": KMeans(2, n_init=1).fit(ROWS),
    "boosting": HistGradientBoostingClassifier().fit(ROWS, CLASSES),
}
