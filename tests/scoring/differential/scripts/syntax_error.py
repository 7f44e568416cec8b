def init():
    pass


def run(data):
    result = data


return result
