import time


def init():
    print("This is init")


def run(data):
    test = data
    print(f"received data {test}")
    return f"test is {test}"
