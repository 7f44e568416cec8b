import json
import os


def init():
    global model
    # AZUREML_MODEL_DIR is an environment variable created during deployment.
    model_path = os.path.join(os.getenv("AZUREML_MODEL_DIR"), "linear.json")
    with open(model_path) as file:
        model = json.load(file)


def run(raw_data):
    data = json.loads(raw_data)["data"]
    return [sum(c * x for c, x in zip(model["coef"], row)) + model["intercept"] for row in data]
