import pickle

import pickled


class Model:
    pass


def init():
    global model, blob
    blob = pickle.dumps(Model(), 0)
    model = pickle.loads(blob.replace(b"pickled", b"__main__"))


def run(data):
    return {"same": type(model) is Model, "by_name": pickled.Model is Model}
