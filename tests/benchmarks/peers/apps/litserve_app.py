"""LitServe: decode, predict and encode in a worker process."""

import os

import litserve
from predictor import load


class Scorer(litserve.LitAPI):
    def setup(self, device):
        self._predict = load()

    def decode_request(self, request):
        return request["data"]

    def predict(self, x):
        return self._predict(x)

    def encode_response(self, output):
        return output.tolist()


if __name__ == "__main__":
    server = litserve.LitServer(
        Scorer(api_path="/score"), accelerator="cpu", workers_per_device=1, fast_queue=True
    )
    server.run(
        host="127.0.0.1", port=int(os.environ["PEER_PORT"]), num_api_servers=1, generate_client_file=False
    )
