import no_such_library_anywhere


def init():
    pass


def run(raw_data):
    return raw_data
