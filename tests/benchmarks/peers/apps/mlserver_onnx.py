"""MLServer: a custom runtime for ONNX, by its codecs for arrays; sklearn has a runtime of MLServer's own."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from predictor import load


class Scorer(MLModel):
    async def load(self) -> bool:
        self._predict = load()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = self.decode(payload.inputs[0], default_codec=NumpyCodec)
        output = NumpyCodec.encode_output("predict", self._predict(rows))
        return InferenceResponse(model_name=self.name, outputs=[output])
