import json
import os


def init():
    print("echo starts")


def run(raw_data):
    return {
        "said": json.loads(raw_data),
        "model_dir": os.environ.get("AZUREML_MODEL_DIR"),
        "pid": os.getpid(),
    }
