"""BentoML: a service class whose method takes and gives arrays."""

import bentoml
import numpy as np
from predictor import load


@bentoml.service(workers=1)
class Scorer:
    def __init__(self) -> None:
        self.predict = load()

    @bentoml.api(route="/score")
    def score(self, data: np.ndarray) -> np.ndarray:
        return self.predict(data)
