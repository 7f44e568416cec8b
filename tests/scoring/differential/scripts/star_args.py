def init():
    pass


def run(*args, **kwargs):
    return [len(args), kwargs]
