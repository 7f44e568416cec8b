import json
import os


def init():
    global model
    model = json.load(open(os.path.join(os.getenv("AZUREML_MODEL_DIR"), "missing.json")))


def run(data):
    return data
