import os


def init():
    load("model.joblib")


def load(name):
    open(os.path.join(os.environ["AZUREML_MODEL_DIR"], name))


def run(data):
    return data
