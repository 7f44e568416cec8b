def init():
    pass


def run(data):
    pass
