def init():
    pass


def score(data):
    return data
