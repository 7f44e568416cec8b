import os

import joblib
import numpy as np
from mlmagic.scoring import batched


def init():
    global model
    model = joblib.load(os.path.join(os.getenv("AZUREML_MODEL_DIR"), "model.pkl"))


@batched
def run(data: np.ndarray):
    return model.predict(data)
