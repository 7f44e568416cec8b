import json


def init():
    pass


def run(raw):
    data = json.loads(raw)
    return json.dumps({"predictions": [2 * value for value in data["data"]], "klass": "ö"})
