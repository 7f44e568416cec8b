import json


class Model:
    def predict(self, rows):
        return [sum(row) for row in rows]


def init():
    global model
    model = Model()


def run(raw_data):
    data = json.loads(raw_data)["data"]
    return model.predict(data)
