import os
import sys


def init():
    pass


def run(data):
    return {
        "name": os.path.basename(os.environ["AZUREML_ENTRY_SCRIPT"]),
        "root": os.path.basename(os.environ["AML_APP_ROOT"]),
        "cwd": os.path.basename(os.getcwd()),
        "models": os.environ.get("AZUREML_MODEL_DIR"),
        "set": os.environ.get("MY_SETTING"),
        "importable": os.path.dirname(os.path.abspath(__file__)) in sys.path,
        "main": __name__ == "__main__",
    }
