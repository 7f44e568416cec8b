def init():
    global ready
    ready = True


def run(data):
    return ["driven", ready, data]
