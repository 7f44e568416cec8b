import os


def init():
    pass


def run(raw_data):
    root = os.environ["AZUREML_MODEL_DIR"]
    found = [
        os.path.relpath(os.path.join(folder, name), root)
        for folder, _, names in os.walk(root)
        for name in names
    ]
    return {"root": root, "files": sorted(found), "folder": os.path.basename(os.getcwd())}
