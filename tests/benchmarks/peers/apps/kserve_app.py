"""KServe: a custom model behind its version 1 protocol."""

import os

import kserve
from predictor import load


class Scorer(kserve.Model):
    def __init__(self) -> None:
        super().__init__("peer")
        self._predict = load()
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        return {"predictions": self._predict(payload["instances"]).tolist()}


if __name__ == "__main__":
    kserve.ModelServer(http_port=int(os.environ["PEER_PORT"]), workers=1, enable_grpc=False).start([Scorer()])
