import json


def init():
    global model
    model = lambda rows: [round(sum(row) / len(row), 3) for row in rows]


def run(data):
    try:
        data = json.loads(data)["data"]
        result = model(data)
        # you can return any data type as long as it is JSON-serializable
        return result
    except Exception as e:
        error = str(e)
        return error
