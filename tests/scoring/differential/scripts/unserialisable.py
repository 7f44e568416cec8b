import collections
import datetime
import decimal
import enum
import json
import pathlib
import uuid

import numpy as np
import pandas as pd


class Colour(enum.Enum):
    RED = 1


class Model:
    pass


def generator():
    yield 1


Point = collections.namedtuple("Point", "x y")

MAKERS = {
    "ndarray": lambda: np.arange(3),
    "int64": lambda: np.int64(3),
    "float64": lambda: np.float64(1.5),
    "float32": lambda: np.float32(1.5),
    "bool_": lambda: {"ok": np.bool_(True)},
    "frame": lambda: pd.DataFrame({"a": [1, 2]}),
    "series": lambda: pd.Series([1, 2]),
    "timestamp": lambda: pd.Timestamp("2020-01-01"),
    "bytes": lambda: b"abc",
    "set": lambda: {1, 2},
    "generator": generator,
    "decimal": lambda: decimal.Decimal("1.5"),
    "date": lambda: datetime.date(2020, 1, 1),
    "uuid": lambda: uuid.UUID(int=1),
    "enum": lambda: Colour.RED,
    "path": lambda: pathlib.PurePosixPath("a/b"),
    "namedtuple": lambda: Point(1, 2),
    "counter": lambda: collections.Counter("aab"),
    "object": Model,
    "function": lambda: generator,
    "tuple keys": lambda: {(1, 2): 3},
    "nan": lambda: [float("nan"), float("inf"), 1.0],
    "numpy nan": lambda: np.array([np.nan, 1.0]).tolist(),
}


def init():
    pass


def run(raw):
    return MAKERS[json.loads(raw)["kind"]]()
