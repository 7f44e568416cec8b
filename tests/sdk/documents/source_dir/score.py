import json


def init():
    pass


def run(data):
    return sum(json.loads(data)["data"])
