"""The model, loaded the quickest way there is; what every hand-written peer calls."""

import os
from collections.abc import Callable
from typing import Any


def load() -> Callable[[Any], Any]:
    """A function from rows (nested lists or an array) to an array of answers."""
    folder = os.environ["PEER_MODEL"]
    if os.path.exists(path := os.path.join(folder, "model.pkl")):
        import joblib

        return joblib.load(path).predict
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = os.path.join(folder, "model.onnx")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda rows: session.run(None, {"x": np.asarray(rows, dtype=np.float32)})[0]
