def init():
    pass


def run(data, times=2, label="none"):
    return [data, times, label]
