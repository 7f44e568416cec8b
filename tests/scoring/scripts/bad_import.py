import no_such_library_anywhere


def init():
    pass


def run(data):
    return data
