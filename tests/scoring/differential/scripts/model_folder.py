import glob
import json
import os


def init():
    global files
    root = os.environ["AZUREML_MODEL_DIR"]
    files = sorted(os.path.relpath(name, root) for name in glob.glob(root + "/**", recursive=True))


def run(raw_data):
    return {
        "files": [name for name in files if name != "."],
        "isdir": os.path.isdir(os.getenv("AZUREML_MODEL_DIR")),
    }
