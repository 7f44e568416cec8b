import functools
import json
import time


def timed(function):
    @functools.wraps(function)
    def wrapper(data):
        start = time.perf_counter()
        result = function(data)
        return {"result": result, "quick": time.perf_counter() - start < 5}

    return wrapper


def init():
    pass


@timed
def run(data):
    return json.loads(data)
