def init():
    raise KeyError("no such weight")


def run(raw_data):
    return raw_data
