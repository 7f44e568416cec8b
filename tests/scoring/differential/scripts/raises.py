import json

ERRORS = {
    "ValueError": ValueError("no such thing"),
    "KeyError": KeyError("data"),
    "SystemExit": SystemExit(1),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "StopIteration": StopIteration(),
    "AssertionError": AssertionError("assert"),
    "MemoryError": MemoryError(),
    "TimeoutError": TimeoutError("the database"),
}


def init():
    pass


def run(raw):
    raise ERRORS[json.loads(raw)["error"]]
