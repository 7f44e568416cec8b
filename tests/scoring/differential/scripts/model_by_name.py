import json
import os

from azureml.core.model import Model


def init():
    global model
    model_path = Model.get_model_path("linear")
    with open(model_path) as file:
        model = json.load(file)


def run(raw_data):
    rows = json.loads(raw_data)["data"]
    return {"intercept": model["intercept"], "rows": len(rows)}
