import sys


def init():
    pass


def run(data):
    sys.exit(data)
