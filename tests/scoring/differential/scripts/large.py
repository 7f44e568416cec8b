import json


def init():
    pass


def run(raw_data):
    if raw_data.isdigit():
        return "x" * int(raw_data)
    return len(json.loads(raw_data)["data"])
