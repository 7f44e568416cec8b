import time


def init():
    time.sleep(0.3)


def run(raw_data):
    return raw_data
