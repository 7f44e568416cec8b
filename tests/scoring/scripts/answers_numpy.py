import numpy as np


def init():
    pass


def run(data):
    return {"array": np.arange(3), "scalar": np.int64(7), "nan": np.array([np.nan, 1.5])}
