def init():
    pass


def run(data):
    return check(data)


def check(data):
    raise ValueError("the data is bad: " + data)
