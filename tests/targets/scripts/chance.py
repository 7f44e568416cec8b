import os
import random

import numpy as np


def init():
    pass


def run(raw_data):
    return {"number": os.environ["NUMBER"], "python": random.random(), "numpy": np.random.random()}
