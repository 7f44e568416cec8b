import json
import os

import numpy as np
import onnxruntime


def init():
    global session
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = os.path.join(os.getenv("AZUREML_MODEL_DIR"), "model.onnx")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(raw_data):
    rows = np.array(json.loads(raw_data)["data"], dtype=np.float32)
    return session.run(None, {"x": rows})[0].tolist()
