def init():
    pass


def run(raw_data):
    print("nothing to return")
