import json

from azureml.core.model import Model


def init():
    global model
    with open(Model.get_model_path(model_name="ridge")) as file:
        model = json.load(file)


def run(raw_data):
    return [value * model["coef"] for value in json.loads(raw_data)["data"]]
