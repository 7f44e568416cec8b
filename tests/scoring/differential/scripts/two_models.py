import json
import os

from azureml.core import Model


def init():
    global model_1, model_2
    path_1 = Model.get_model_path(model_name="linear", version=1)
    path_2 = os.path.join(os.getenv("AZUREML_MODEL_DIR"), "linear", "2", "linear.json")
    model_1 = json.load(open(path_1))
    model_2 = json.load(open(path_2))


def run(raw_data):
    data = json.loads(raw_data)["data"]
    return {"prediction1": model_1["intercept"] + len(data), "prediction2": model_2["intercept"] + len(data)}
