# What a body of JSON may be, one by one.
import json

VALUES = {
    "int": 7,
    "big": 2**70,
    "negative": -0.0,
    "float": 1.5,
    "tiny": 5e-324,
    "true": True,
    "none": [None],
    "text": 'Grüße, 世界 \U0001f600 \u2028 \x7f "quoted" </script>',
    "empty": "",
    "list": [],
    "dict": {},
    "tuple": (1, (2, 3)),
    "int keys": {1: "a", 2: "b"},
    "other keys": {None: 0, True: 1, 1.5: 2},
    "nested": {"a": [{"b": {"c": [1, 2, {"d": None}]}}]},
    "surrogate": "\ud800",
}


def init():
    pass


def run(raw):
    return VALUES[json.loads(raw)["value"]]
