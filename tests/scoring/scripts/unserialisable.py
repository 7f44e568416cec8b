def init():
    pass


def run(data):
    return {"a": [1, 2j]}
