import a_package_nobody_has


def init():
    pass


def run(data):
    return data
